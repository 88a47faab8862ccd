import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { checkFloor, neededVersions, newer } from '../../scripts/check-floor.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-floor-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** An ELF64 file with nothing but a version-needs section. */
function elf(needs: Record<string, string[]>): string {
  let strings = '\0'
  const intern = (text: string) => {
    const at = strings.length
    strings += `${text}\0`
    return at
  }
  const entries = Object.entries(needs).map(([file, versions]) => {
    const entry = Buffer.alloc(16 + versions.length * 16)
    entry.writeUInt16LE(1, 0)
    entry.writeUInt16LE(versions.length, 2)
    entry.writeUInt32LE(intern(file), 4)
    entry.writeUInt32LE(16, 8)
    entry.writeUInt32LE(entry.length, 12)
    versions.forEach((version, i) => {
      entry.writeUInt32LE(intern(version), 16 + i * 16 + 8)
      entry.writeUInt32LE(16, 16 + i * 16 + 12)
    })
    return entry
  })
  const verneed = Buffer.concat(entries)
  const table = Buffer.from(strings, 'latin1')
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x7f454c46, 0)
  header[4] = 2
  header[5] = 1
  const section = (type: number, offset: number, size: number, link: number, info: number) => {
    const bytes = Buffer.alloc(64)
    bytes.writeUInt32LE(type, 4)
    bytes.writeBigUInt64LE(BigInt(offset), 24)
    bytes.writeBigUInt64LE(BigInt(size), 32)
    bytes.writeUInt32LE(link, 40)
    bytes.writeUInt32LE(info, 44)
    return bytes
  }
  const sections = [
    Buffer.alloc(64),
    section(3, 64 + verneed.length, table.length, 0, 0),
    section(0x6ffffffe, 64, verneed.length, 1, entries.length),
  ]
  header.writeBigUInt64LE(BigInt(64 + verneed.length + table.length), 0x28)
  header.writeUInt16LE(64, 0x3a)
  header.writeUInt16LE(sections.length, 0x3c)
  const file = join(folder, `${Math.random()}.node`)
  writeFileSync(file, Buffer.concat([header, verneed, table, ...sections]))
  return file
}

describe('neededVersions', () => {
  it('reads every library’s versions', () => {
    const needs = {
      'libstdc++.so.6': ['GLIBCXX_3.4', 'CXXABI_1.3'],
      'libc.so.6': ['GLIBC_2.2.5'],
      'libgcc_s.so.1': ['GCC_3.0'],
    }
    expect(neededVersions(elf(needs)).sort()).toEqual(Object.values(needs).flat().sort())
    expect(neededVersions(elf({}))).toEqual([])
  })

  it('refuses what is no 64-bit ELF file', () => {
    const file = join(folder, 'text')
    writeFileSync(file, 'x'.repeat(100))
    expect(() => neededVersions(file)).toThrow(/not a 64-bit ELF/)
  })
})

describe('checkFloor', () => {
  it('compares part by part, not as text', () => {
    expect(newer('2.12', '2.2.5')).toBe(true)
    expect(newer('2.2.5', '2.12')).toBe(false)
    expect(newer('3.4.13', '3.4.13')).toBe(false)
    expect(newer('3.4.9', '3.4.13')).toBe(false)
    expect(newer('3.4.13.1', '3.4.13')).toBe(true)
    expect(newer('3.4', '3.4.0')).toBe(false)
  })

  it.each(['GLIBC_2.14', 'GLIBC_2.34', 'GLIBCXX_3.4.14', 'GLIBCXX_3.4.26', 'CXXABI_1.3.8'])(
    'finds %s above the floor of CentOS 6',
    (name) => {
      expect(checkFloor(['GLIBC_2.2.5', name, 'GCC_3.0']).above).toEqual([name])
    },
  )

  it('passes the floor itself and names the highest', () => {
    const names = ['GLIBC_2.2.5', 'GLIBC_2.12', 'GLIBC_2.4', 'GLIBCXX_3.4.13', 'CXXABI_1.3.3', 'GCC_4.8']
    expect(checkFloor(names)).toEqual({
      highest: { GLIBC: '2.12', GLIBCXX: '3.4.13', CXXABI: '1.3.3' },
      above: [],
    })
  })

  it('passes the built addon', () => {
    const built = fileURLToPath(new URL('../../build/Release/ipvs_fullnat.node', import.meta.url))
    if (!existsSync(built)) throw new Error(`the addon is not built (npm run build:native): no ${built}`)
    const floor = process.arch === 'x64' ? undefined : { GLIBC: '2.17', GLIBCXX: '3.4.13', CXXABI: '1.3.3' }
    const { above, highest } = checkFloor(neededVersions(built), floor)
    expect(above).toEqual([])
    expect(Object.keys(highest)).toContain('GLIBC')
  })
})
