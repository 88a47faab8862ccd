import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { checkAddon, checkVersions, newer } from '../../scripts/check-floor.mjs'
// @ts-expect-error: a script without types
import { readElf } from '../../scripts/elf.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-floor-'))
afterAll(() => rmSync(folder, { recursive: true }))

const X64 = 62
const ARM64 = 183
const root = fileURLToPath(new URL('../..', import.meta.url))

const OURS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

interface Parts {
  readonly machine?: number
  /** A section of relative relocations (SHT_RELR). */
  readonly relr?: boolean
  readonly exported?: readonly string[]
  readonly undefined?: readonly string[]
}

/** An ELF64 file of the libraries it needs, the versions of their symbols, and its own symbols. */
function elf(needs: Record<string, string[]> = {}, parts: Parts = {}): string {
  const { machine = X64, relr = false, exported = OURS, undefined: missing = [] } = parts
  let strings = '\0'
  const intern = (text: string) => {
    const at = strings.length
    strings += `${text}\0`
    return at
  }
  const versioned = Object.entries(needs).filter(([, versions]) => versions.length > 0)
  const verneed = Buffer.concat(
    versioned.map(([file, versions]) => {
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
    }),
  )
  const dynamic = Buffer.concat(
    Object.keys(needs).map((file) => {
      const entry = Buffer.alloc(16)
      entry.writeBigUInt64LE(BigInt(1), 0)
      entry.writeBigUInt64LE(BigInt(intern(file)), 8)
      return entry
    }),
  )
  const symbol = (name: string, section: number, binding: number) => {
    const entry = Buffer.alloc(24)
    entry.writeUInt32LE(intern(name), 0)
    entry[4] = binding << 4
    entry.writeUInt16LE(section, 6)
    return entry
  }
  const dynsym = Buffer.concat([
    symbol('a_local_one', 1, 0),
    ...exported.map((name) => symbol(name, 1, 1)),
    ...missing.map((name) => symbol(name, 0, 1)),
    symbol('__gmon_start__', 0, 2),
  ])
  const table = Buffer.from(strings, 'latin1')
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x7f454c46, 0)
  header[4] = 2
  header[5] = 1
  header.writeUInt16LE(machine, 0x12)
  const contents = [table, verneed, dynamic, dynsym]
  const offsets = contents.map(
    (_, i) => 64 + contents.slice(0, i).reduce((sum, { length }) => sum + length, 0),
  )
  const section = (type: number, index: number, info = 0) => {
    const bytes = Buffer.alloc(64)
    bytes.writeUInt32LE(type, 4)
    bytes.writeBigUInt64LE(BigInt(offsets[index] as number), 24)
    bytes.writeBigUInt64LE(BigInt((contents[index] as Buffer).length), 32)
    bytes.writeUInt32LE(1, 40)
    bytes.writeUInt32LE(info, 44)
    return bytes
  }
  const sections = [
    Buffer.alloc(64),
    section(3, 0),
    section(0x6ffffffe, 1, versioned.length),
    section(6, 2),
    section(11, 3),
    ...(relr ? [section(19, 0)] : []),
  ]
  header.writeBigUInt64LE(BigInt(64 + contents.reduce((sum, { length }) => sum + length, 0)), 0x28)
  header.writeUInt16LE(64, 0x3a)
  header.writeUInt16LE(sections.length, 0x3c)
  const file = join(folder, `${Math.random()}.node`)
  writeFileSync(file, Buffer.concat([header, ...contents, ...sections]))
  return file
}

describe('readElf', () => {
  it('reads libraries, their versions, and symbols', () => {
    const needs = {
      'libstdc++.so.6': ['GLIBCXX_3.4', 'CXXABI_1.3'],
      'libc.so.6': ['GLIBC_2.2.5'],
      'libdl.so.2': [],
    }
    const read = readElf(elf(needs, { undefined: ['memcpy'] }))
    expect(read).toMatchObject({
      machine: X64,
      needed: Object.keys(needs),
      exported: OURS,
      undefined: ['memcpy'],
    })
    expect(read.versions.sort()).toEqual(Object.values(needs).flat().sort())
  })

  it('refuses what is no 64-bit ELF file', () => {
    const file = join(folder, 'text')
    for (const text of ['x'.repeat(100), '', '\x7fELF']) {
      writeFileSync(file, text, 'latin1')
      expect(() => readElf(file)).toThrow(/not a 64-bit ELF/)
    }
  })

  it('refuses a big-endian file, and one without section headers', () => {
    const file = elf()
    const bytes = readFileSync(file)
    bytes[5] = 2
    writeFileSync(file, bytes)
    expect(() => readElf(file)).toThrow(/little-endian/)
    bytes[5] = 1
    bytes.writeUInt16LE(0, 0x3c)
    writeFileSync(file, bytes)
    expect(() => readElf(file)).toThrow(/section headers/)
  })
})

describe('checkVersions', () => {
  it('compares part by part, not as text', () => {
    expect(newer('2.12', '2.2.5')).toBe(true)
    expect(newer('2.2.5', '2.12')).toBe(false)
    expect(newer('3.4.13', '3.4.13')).toBe(false)
    expect(newer('3.4.9', '3.4.13')).toBe(false)
    expect(newer('3.4.13.1', '3.4.13')).toBe(true)
    expect(newer('3.4', '3.4.0')).toBe(false)
  })

  it.each([
    'GLIBC_2.14',
    'GLIBC_2.34',
    'GLIBC_ABI_DT_RELR',
    'GLIBC_PRIVATE',
    'GLIBCXX_3.4',
    'CXXABI_1.3',
    'GCC_3.0',
  ])('finds %s above the floor, or of another library', (name) => {
    expect(checkVersions(['GLIBC_2.2.5', name], '2.12').above).toEqual([name])
  })

  it('passes the floor itself and names the highest', () => {
    const names = ['GLIBC_2.2.5', 'GLIBC_2.12', 'GLIBC_2.4']
    expect(checkVersions(names, '2.12')).toEqual({ highest: '2.12', above: [] })
  })
})

describe('an addon', () => {
  const LIBC = { 'libc.so.6': ['GLIBC_2.12'] }

  it('says by its machine which floor it has, not the CPU that looks', () => {
    const newerOne = { 'libc.so.6': ['GLIBC_2.17'] }
    expect(checkAddon(elf(LIBC))).toEqual({
      arch: 'x64',
      libc: 'glibc',
      needed: ['libc.so.6'],
      glibc: '2.12',
      faults: [],
    })
    expect(checkAddon(elf(newerOne)).faults).toEqual([
      expect.stringMatching(/above the floor of x64.*GLIBC_2\.17/),
    ])
    expect(checkAddon(elf(newerOne, { machine: ARM64 }))).toMatchObject({
      arch: 'arm64',
      glibc: '2.17',
      faults: [],
    })
    expect(() => checkAddon(elf(LIBC, { machine: 40 }))).toThrow(/e_machine 40/)
  })

  it('with packed relative relocations needs glibc 2.36, whether its linker says so or not', () => {
    expect(checkAddon(elf(LIBC, { relr: true })).faults).toEqual([expect.stringMatching(/GLIBC_ABI_DT_RELR/)])
  })

  it('says by its libraries which libc it is for', () => {
    for (const name of ['libc.so', 'libc.musl-x86_64.so.1']) {
      expect(checkAddon(elf({ [name]: [] }))).toMatchObject({ libc: 'musl', needed: [name], faults: [] })
    }
    expect(checkAddon(elf({ 'libc.so': [], 'libc.so.6': ['GLIBC_2.4'] })).faults).toEqual([
      'needs libc.so.6',
      expect.stringMatching(/musl has none/),
    ])
  })

  it.each<[string, Record<string, string[]>, Parts, RegExp]>([
    ['libstdc++', { ...LIBC, 'libstdc++.so.6': [] }, {}, /needs libstdc\+\+\.so\.6/],
    ['libgcc', { ...LIBC, 'libgcc_s.so.1': [] }, {}, /needs libgcc_s/],
    ['no libc', {}, {}, /does not need libc/],
    ['symbols of its own', LIBC, { exported: [...OURS, '_ZNSs4swapERSs'] }, /exports .*_ZNSs4swapERSs/],
    ['no entry', LIBC, { exported: [] }, /exports nothing/],
  ])('is refused with %s', (_, needs, parts, fault) => {
    expect(checkAddon(elf(needs, parts)).faults).toEqual([expect.stringMatching(fault)])
  })

  it.each([
    ['at its floor', elf(LIBC), 0],
    ['above it', elf({ 'libc.so.6': ['GLIBC_2.17'] }), 1],
    ['with another library', elf({ ...LIBC, 'libdl.so.2': [] }), 1],
  ])('%s makes the script end accordingly', (_, file, status) => {
    const script = join(root, 'scripts/check-floor.mjs')
    expect(spawnSync(process.execPath, [script, file]).status).toBe(status)
  })

  it('that was built has nothing against it, and finds all else in Node and libc', () => {
    const built = join(root, 'build/Release/ipvs_fullnat.node')
    if (!existsSync(built)) throw new Error(`the addon is not built (npm run build:native): no ${built}`)
    expect(checkAddon(built)).toMatchObject({ libc: 'glibc', faults: [] })
    const others = readElf(built).undefined.filter((name: string) => !/^(napi_|uv_)/.test(name))
    // Of C++ nothing is looked for outside.
    expect(others.filter((name: string) => /^_Z|^__cxa_(?!finalize)|^__gxx/.test(name))).toEqual([])
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
    expect(preprocess('-DIPVS_LIBC_MUSL')).not.toContain('symver')
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
