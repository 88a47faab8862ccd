// What an ELF64 little-endian file says of itself: machine, libraries, symbols and their versions.
import { readFileSync } from 'node:fs'

const SHT = { dynamic: 6, dynsym: 11, relr: 19, verneed: 0x6ffffffe }
const DT_NEEDED = 1

function open(file) {
  const elf = readFileSync(file)
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2) {
    throw new Error(`${file}: not a 64-bit ELF file`)
  }
  if (elf[5] !== 1) throw new Error(`${file}: not a little-endian file`)
  return elf
}

/** The sections, each with its type, place and what it links to. */
function sectionsOf(elf, file) {
  const start = Number(elf.readBigUInt64LE(0x28))
  const stride = elf.readUInt16LE(0x3a)
  const count = elf.readUInt16LE(0x3c)
  if (count === 0) throw new Error(`${file}: without section headers it cannot be told what it needs`)
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * stride
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
      info: elf.readUInt32LE(at + 44),
    }
  })
}

/** Versions that a version-needs section names, such as `GLIBC_2.2.5`. */
function versionsOf(elf, needs, text) {
  const names = []
  let need = needs.offset
  for (let n = 0; n < needs.info; n++) {
    let aux = need + elf.readUInt32LE(need + 8)
    for (let a = elf.readUInt16LE(need + 2); a > 0; a--) {
      names.push(text(needs, elf.readUInt32LE(aux + 8)))
      aux += elf.readUInt32LE(aux + 12)
    }
    need += elf.readUInt32LE(need + 12)
  }
  return names
}

/**
 * { machine, needed, versions, exported, undefined }: e_machine; the libraries it needs; the versions of their symbols;
 * the names that others can find in it; the names that it looks for in others.
 */
export function readElf(file) {
  const elf = open(file)
  const sections = sectionsOf(elf, file)
  const text = (section, at) => {
    const start = sections[section.link].offset + at
    return elf.toString('latin1', start, elf.indexOf(0, start))
  }
  const found = {
    machine: elf.readUInt16LE(0x12),
    needed: [],
    versions: new Set(),
    exported: [],
    undefined: [],
  }
  for (const section of sections) {
    const { type, offset, size } = section
    // Read by ld.so since glibc 2.36. GNU ld adds the version to the needs, other linkers leave it out.
    if (type === SHT.relr) found.versions.add('GLIBC_ABI_DT_RELR')
    if (type === SHT.verneed) for (const name of versionsOf(elf, section, text)) found.versions.add(name)
    for (let at = offset; type === SHT.dynamic && at < offset + size; at += 16) {
      if (elf.readBigUInt64LE(at) === BigInt(DT_NEEDED)) {
        found.needed.push(text(section, Number(elf.readBigUInt64LE(at + 8))))
      }
    }
    for (let at = offset; type === SHT.dynsym && at < offset + size; at += 24) {
      const binding = elf[at + 4] >> 4
      if (binding === 0) continue
      const weak = binding === 2
      if (elf.readUInt16LE(at + 6) !== 0) found.exported.push(text(section, elf.readUInt32LE(at)))
      else if (!weak) found.undefined.push(text(section, elf.readUInt32LE(at)))
    }
  }
  return { ...found, versions: [...found.versions] }
}
