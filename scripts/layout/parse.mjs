// Reads native/abi/records.h: plain structs of fixed-size integers, names, texts, addresses and other structs; enums, and bits in
// namespaces. Anything else is an error, so that the file stays what both sides can read.

const INTEGERS = {
  'std::uint16_t': { kind: 'u16', size: 2 },
  'std::int32_t': { kind: 'i32', size: 4 },
  'std::uint32_t': { kind: 'u32', size: 4 },
  'std::uint64_t': { kind: 'u64', size: 8 },
}

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
const plain = (name) => camel(name.replace(/^k([A-Z])/, (_, letter) => letter.toLowerCase()))

const uncommented = (line) => line.replace(/\/\/.*$/, '').trim()

function fieldOf(line, structs, constants) {
  const match = /^(?:(char|std::u?int\d+_t|[A-Z]\w*)) (\w+)(?:\[(\w+)\])?;$/.exec(uncommented(line))
  if (!match) throw new Error(`records.h: not a field: ${line.trim()}`)
  const [, type, cpp, length] = match
  const count = /\/\/ count of (\w+)/.exec(line)?.[1]
  const base = { cpp, name: camel(cpp), ...(count ? { countOf: count } : {}) }
  if (length !== undefined) {
    const size = constants.get(length)
    if (type === 'char') return { ...base, kind: length === 'kNameSize' ? 'name' : 'text', size, align: 1 }
    if (type === 'std::uint8_t') return { ...base, kind: 'bytes', size, align: 1 }
    throw new Error(`records.h: an array of ${type}`)
  }
  if (type in INTEGERS) return { ...base, ...INTEGERS[type], align: INTEGERS[type].size }
  if (type === 'std::uint8_t')
    throw new Error(`records.h: ${cpp} is a single std::uint8_t, which TypeScript has no reader for`)
  const struct = structs.find(({ name }) => name === type)
  if (!struct) throw new Error(`records.h: unknown type ${type}`)
  return { ...base, kind: 'struct', struct, size: struct.size, align: struct.align }
}

/** TypeScript reads names and addresses word by word, wherever the record that holds them begins. */
function refuseUnalignedWords(name, field, offset) {
  const { kind, struct } = field
  if ((kind === 'name' || kind === 'bytes') && offset % 4 !== 0) {
    throw new Error(`records.h: ${name}.${field.cpp} must lie at a multiple of 4`)
  }
  for (const inner of struct?.fields ?? []) {
    refuseUnalignedWords(`${name}.${field.cpp}`, inner, offset + inner.offset)
  }
}

function structOf(name, lines, structs, constants) {
  let at = 0
  let align = 1
  const fields = lines.filter(uncommented).map((line) => {
    const field = fieldOf(line, structs, constants)
    const offset = Math.ceil(at / field.align) * field.align
    if (offset !== at) throw new Error(`records.h: ${name}.${field.cpp} leaves a gap, name it reserved`)
    at = offset + field.size
    align = Math.max(align, field.align)
    refuseUnalignedWords(name, field, offset)
    return { ...field, offset }
  })
  if (at % align !== 0) throw new Error(`records.h: ${name} ends in a gap, name it reserved`)
  return { name, fields, size: at, align }
}

function enumOf(lines) {
  let next = 0
  return lines.filter(uncommented).flatMap((line) => {
    const entries = uncommented(line)
      .split(',')
      .map((text) => text.trim())
      .filter(Boolean)
    return entries.map((entry) => {
      const match = /^(k\w+)(?: = (\d+))?$/.exec(entry)
      if (!match) throw new Error(`records.h: not an enumerator: ${entry}`)
      const [, cpp, value] = match
      const number = value === undefined ? next : Number(value)
      next = number + 1
      return { cpp, name: plain(cpp), value: number }
    })
  })
}

const bitsOf = (lines) =>
  lines.filter(uncommented).map((line) => {
    const match = /^constexpr std::uint\d+_t (k\w+) = 1U << (\d+);$/.exec(uncommented(line))
    if (!match) throw new Error(`records.h: not a bit: ${line.trim()}`)
    const [, cpp, shift] = match
    return { cpp, name: plain(cpp), value: 2 ** Number(shift) }
  })

const CONSTANT = /^constexpr std::\w+ (k\w+) = (0x[0-9a-f]+|\d+);/gm
const BLOCK =
  /^(?:enum class (\w+) : std::uint16_t|struct (\w+)|namespace (presence|outcome_flags)) \{(.*?)\};?/gms

/** What is neither a constant nor a block that was read would be missing in the generated files, in silence. */
function refuseTheRest(source) {
  const rest = source.replace(BLOCK, '').replace(CONSTANT, '')
  const lines = rest
    .split('\n')
    .filter((line) => !line.startsWith('#') && !/^(?:namespace ipvs::abi \{|\})/.test(line))
  const [first] = lines.map(uncommented).filter(Boolean)
  if (first) throw new Error(`records.h: neither a record, an enum, bits nor a number: ${first}`)
}

/** { constants: Map, enums, bits, structs }, each entry in the order of the file. */
export function parseRecords(source) {
  const constants = new Map()
  const enums = []
  const bits = []
  const structs = []
  for (const [, name, value] of source.matchAll(CONSTANT)) constants.set(name, Number(value))
  for (const [, enumeration, struct, namespace, body] of source.matchAll(BLOCK)) {
    const lines = body.split('\n')
    if (enumeration) enums.push({ name: enumeration, entries: enumOf(lines) })
    else if (namespace) bits.push({ cpp: namespace, name: camel(namespace), entries: bitsOf(lines) })
    else structs.push(structOf(struct, lines, structs, constants))
  }
  refuseOddStrides(structs)
  refuseTheRest(source)
  return { constants, enums, bits, structs }
}

/** Records that follow each other in a reply: 64-bit fields are read at multiples of 8. */
function refuseOddStrides(structs) {
  const counted = structs.flatMap(({ fields }) => fields.map(({ countOf }) => countOf).filter(Boolean))
  for (const name of counted) {
    const { size } = structs.find((struct) => struct.name === name) ?? {}
    if (size === undefined) throw new Error(`records.h: no record ${name} to count`)
    if (size % 8 !== 0) throw new Error(`records.h: the size of ${name} must be a multiple of 8`)
  }
}

/** FNV-1a, 32 bits, of everything that both sides must agree on. */
export function layoutHash({ constants, enums, bits, structs }) {
  const facts = JSON.stringify([
    [...constants],
    enums,
    bits,
    structs.map(({ name, size, fields }) => [
      name,
      size,
      fields.map(({ cpp, kind, offset, size, countOf }) => [cpp, kind, offset, size, countOf]),
    ]),
  ])
  let hash = 2166136261
  for (const byte of Buffer.from(facts)) hash = Math.imul(hash ^ byte, 16777619)
  return hash >>> 0
}

export const isReserved = ({ name }) => /^reserved\d*$/.test(name)
