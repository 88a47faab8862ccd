import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { checkFloor, floorOf, neededVersions, newer } from '../../scripts/check-floor.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-floor-'))
afterAll(() => rmSync(folder, { recursive: true }))

const X64 = 62
const ARM64 = 183
const root = fileURLToPath(new URL('../..', import.meta.url))

/** An ELF64 file with nothing but a version-needs section, and one of relative relocations (SHT_RELR). */
function elf(needs: Record<string, string[]>, { machine = X64, relr = false } = {}): string {
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
  header.writeUInt16LE(machine, 0x12)
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
    ...(relr ? [section(19, 64, 0, 0, 0)] : []),
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
    for (const text of ['x'.repeat(100), '', '\x7fELF']) {
      writeFileSync(file, text, 'latin1')
      expect(() => neededVersions(file)).toThrow(/not a 64-bit ELF/)
    }
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

  it.each(['GLIBC_ABI_DT_RELR', 'GLIBC_PRIVATE', 'CXXABI_TM_1', 'CXXABI_FLOAT128'])(
    'finds %s, which is no number, above the floor',
    (name) => {
      expect(checkFloor(['GLIBC_2.2.5', name]).above).toEqual([name])
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
    const { above, highest } = checkFloor(neededVersions(built), floorOf(built))
    expect(above).toEqual([])
    expect(Object.keys(highest)).toContain('GLIBC')
  })
})

describe('the file', () => {
  it('says by its machine which floor it has, not the CPU that looks', () => {
    const needs = { 'libc.so.6': ['GLIBC_2.17'] }
    expect(floorOf(elf(needs))).toMatchObject({ GLIBC: '2.12' })
    expect(floorOf(elf(needs, { machine: ARM64 }))).toMatchObject({ GLIBC: '2.17' })
    expect(() => floorOf(elf(needs, { machine: 40 }))).toThrow(/e_machine 40/)
  })

  it('with packed relative relocations needs glibc 2.36, whether its linker says so or not', () => {
    const needs = { 'libc.so.6': ['GLIBC_2.2.5'] }
    expect(neededVersions(elf(needs, { relr: true }))).toContain('GLIBC_ABI_DT_RELR')
    expect(neededVersions(elf(needs))).not.toContain('GLIBC_ABI_DT_RELR')
  })

  it('without section headers cannot be judged', () => {
    const file = elf({ 'libc.so.6': ['GLIBC_2.2.5'] })
    const bytes = readFileSync(file)
    bytes.writeUInt16LE(0, 0x3c)
    writeFileSync(file, bytes)
    expect(() => neededVersions(file)).toThrow(/section headers/)
  })

  it.each([
    ['at its floor', elf({ 'libc.so.6': ['GLIBC_2.12'] }), 0],
    ['above that of x64', elf({ 'libc.so.6': ['GLIBC_2.17'] }), 1],
    ['at that of arm64', elf({ 'libc.so.6': ['GLIBC_2.17'] }, { machine: ARM64 }), 0],
    ['above that of arm64', elf({ 'libc.so.6': ['GLIBC_2.28'] }, { machine: ARM64 }), 1],
    ['with DT_RELR', elf({ 'libc.so.6': ['GLIBC_2.2.5', 'GLIBC_ABI_DT_RELR'] }), 1],
  ])('%s makes the script end accordingly', (_, file, status) => {
    const script = join(root, 'scripts/check-floor.mjs')
    expect(spawnSync(process.execPath, [script, file]).status).toBe(status)
  })
})

describe('the build', () => {
  it('replaces symbols of glibc where there is glibc, and nothing under musl', () => {
    const header = join(root, 'native/sys/glibc_floor.h')
    const preprocess = (...args: string[]) =>
      execFileSync('g++', ['-E', '-w', '-x', 'c++', ...args, header], { encoding: 'utf8' })
    // musl has <features.h>, and it does not define __GLIBC__.
    const musl = join(folder, 'musl')
    mkdirSync(musl)
    writeFileSync(join(musl, 'features.h'), '')
    expect(preprocess('-nostdinc', '-I', musl)).not.toContain('symver')
    if (process.arch === 'x64') expect(preprocess()).toContain('symver')
  })

  it('protects stacks and, on x64, indirect calls; and stays loaded for the threads of a worker that has ended', () => {
    const built = join(root, 'build/Release/ipvs_fullnat.node')
    const bytes = readFileSync(built)
    expect(bytes.includes('__stack_chk_fail')).toBe(true)
    if (process.arch === 'x64')
      expect(bytes.toString('latin1').split('\xf3\x0f\x1e\xfa').length).toBeGreaterThan(50)
    expect(execFileSync('readelf', ['-d', built], { encoding: 'utf8' })).toMatch(/NOW NODELETE/)
  })

  it('works in a folder with a space in its path', { timeout: 1_800_000 }, () => {
    const copy = join(folder, 'a folder with spaces', 'package')
    for (const name of ['native', 'binding.gyp', 'package.json']) {
      cpSync(join(root, name), join(copy, name), { recursive: true })
    }
    cpSync(join(root, 'node_modules/node-addon-api'), join(copy, 'node_modules/node-addon-api'), {
      recursive: true,
      dereference: true,
    })
    const configured = readFileSync(join(root, 'build/config.gypi'), 'utf8')
    const nodedir = /"nodedir": "([^"]+)"/.exec(configured)?.[1]
    const args = ['rebuild', ...(nodedir ? [`--nodedir=${nodedir}`] : [])]
    const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js')
    // What a path is not quoted in fails at the first file: no need to wait for optimized ones.
    const env = { ...process.env, JOBS: '2', CXXFLAGS: '-O0 -U_FORTIFY_SOURCE' }
    const { status, stderr } = spawnSync(process.execPath, [gyp, ...args], {
      cwd: copy,
      env,
      encoding: 'utf8',
    })
    expect(stderr).toContain('gyp info ok')
    expect(status).toBe(0)
    expect(existsSync(join(copy, 'build/Release/ipvs_fullnat.node'))).toBe(true)
  })
})
