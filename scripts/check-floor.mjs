// Fails when the built addon asks for newer symbol versions than CentOS 6 has (glibc 2.12, GCC 4.4's libstdc++):
// that is the user space FULLNAT kernels live under. Reads the ELF version-needs section itself.
//
//   node scripts/check-floor.mjs [FILE.node]
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const FLOOR = { GLIBC: '2.12', GLIBCXX: '3.4.13', CXXABI: '1.3.3' }
/** By e_machine of the file, whatever this machine is. arm64 exists since glibc 2.17: the platform began with it. */
const FLOORS = new Map([
  [62, FLOOR],
  [183, { ...FLOOR, GLIBC: '2.17' }],
])
const SHT_GNU_VERNEED = 0x6ffffffe
const SHT_RELR = 19

function read(file) {
  const elf = readFileSync(file)
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2) {
    throw new Error(`${file}: not a 64-bit ELF file`)
  }
  if (elf[5] !== 1) throw new Error(`${file}: not a little-endian file`)
  return elf
}

/** The floor of the platform that a file is for. */
export function floorOf(file) {
  const machine = read(file).readUInt16LE(0x12)
  const floor = FLOORS.get(machine)
  if (!floor) throw new Error(`${file}: for a machine without a floor, e_machine ${machine}`)
  return floor
}

/** Names of the symbol versions that an ELF64 little-endian file needs, such as `GLIBC_2.2.5`. */
export function neededVersions(file) {
  const elf = read(file)
  const sections = Number(elf.readBigUInt64LE(0x28))
  const stride = elf.readUInt16LE(0x3a)
  const count = elf.readUInt16LE(0x3c)
  if (count === 0) throw new Error(`${file}: without section headers it cannot be told what it needs`)
  const section = (index) => {
    const at = sections + index * stride
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      link: elf.readUInt32LE(at + 40),
      info: elf.readUInt32LE(at + 44),
    }
  }
  const names = new Set()
  for (let i = 0; i < count; i++) {
    const needs = section(i)
    // Read by ld.so since glibc 2.36. GNU ld adds the version to the needs, other linkers leave it out.
    if (needs.type === SHT_RELR) names.add('GLIBC_ABI_DT_RELR')
    if (needs.type !== SHT_GNU_VERNEED) continue
    const strings = section(needs.link).offset
    let need = needs.offset
    for (let n = 0; n < needs.info; n++) {
      let aux = need + elf.readUInt32LE(need + 8)
      for (let a = elf.readUInt16LE(need + 2); a > 0; a--) {
        const name = strings + elf.readUInt32LE(aux + 8)
        names.add(elf.toString('latin1', name, elf.indexOf(0, name)))
        aux += elf.readUInt32LE(aux + 12)
      }
      need += elf.readUInt32LE(need + 12)
    }
  }
  return [...names]
}

/** Compares dotted versions. */
export function newer(a, b) {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** The highest version of each family and those above the floor. */
export function checkFloor(names, floor = FLOOR) {
  const highest = {}
  const above = []
  for (const name of names) {
    const [family] = name.split('_', 1)
    if (!(family in floor)) continue
    const version = name.slice(family.length + 1)
    // GLIBC_ABI_DT_RELR, CXXABI_TM_1: not of the ordered ones, and all of them came after the floor.
    if (!/^\d+(\.\d+)*$/.test(version)) {
      above.push(name)
      continue
    }
    if (!(family in highest) || newer(version, highest[family])) highest[family] = version
    if (newer(version, floor[family])) above.push(name)
  }
  return { highest, above }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = process.argv[2] ?? 'build/Release/ipvs_fullnat.node'
  // Elsewhere the package is built without an addon; a file that was named is looked at anywhere.
  if (process.platform !== 'linux' && process.argv[2] === undefined) process.exit(0)
  const floor = floorOf(file)
  const { highest, above } = checkFloor(neededVersions(file), floor)
  const text = Object.entries(highest).map(([family, version]) => `${family} ${version}`)
  console.log(`${file} needs ${text.join(', ')}`)
  if (above.length > 0) {
    console.error(`above the floor (${JSON.stringify(floor)}): ${above.join(', ')}`)
    process.exit(1)
  }
}
