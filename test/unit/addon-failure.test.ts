import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Ipvs, IpvsError } from '../../lib'
import { checkByteOrder } from '../../lib/border/byte-order'
import { LAYOUT_HASH } from '../../lib/border/layout.gen'
import { explainFailure, explainOtherBuild } from '../../lib/host/addon-failure'
import { checkAddonFile } from '../../lib/host/addon-file'
import { mappedLibc } from '../../lib/host/libc'
import { VERSION } from '../../lib/host/version'
import { FakeKernel } from '../../lib/testing'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-addon-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A folder with the files of a package. */
function place(name: string, files: readonly string[] = [], manifest = 'ipvs-fullnat') {
  const root = join(folder, name)
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: manifest }))
  for (const file of files) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), '')
  }
  return { root, libc: 'glibc' as const }
}

const failed = (message: string, properties: object = {}) => Object.assign(new Error(message), properties)
const PREBUILT = ['prebuilds/linux-arm64/ipvs-fullnat.musl.node']
const GLIBC =
  "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/ipvs_fullnat.node)"

it('VERSION is that of package.json', () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8')).version).toBe(VERSION)
})

describe('the libc of a process', () => {
  it.each([
    [
      '55d0-55d1 r-xp 0000 08:01 42 /usr/bin/node\n7f00-7f01 r-xp 0 08:01 7 /lib/ld-musl-x86_64.so.1\n',
      'musl',
    ],
    ['7f00-7f01 r-xp 0 08:01 7 /usr/lib/x86_64-linux-gnu/libc.so.6\n', 'glibc'],
    ['7f00-7f01 r-xp 0 08:01 7 /usr/lib/x86_64-linux-musl/libc.so\n', 'musl'],
    ['7f00-7f01 r-xp 0 08:01 7 /lib64/libc-2.12.so\n', 'glibc'],
    ['7f00-7f01 r-xp 0 08:01 7 /home/libc.so.6/static-node\n', undefined],
    ['', undefined],
  ])('is told by its maps: %j', (maps, libc) => expect(mappedLibc(maps)).toBe(libc))

  it('of this process is known', () => expect(mappedLibc()).toMatch(/^(glibc|musl)$/))
})

describe('why an addon cannot be loaded, and what to do', () => {
  it.each([
    [
      'none for this machine',
      failed('No native build was found for platform=linux arch=x64'),
      place('none', PREBUILT),
      process.arch === 'x64' || process.arch === 'arm64'
        ? /no prebuild for linux-\w+ with glibc, but linux-arm64 \(musl\)/
        : /there is no addon for linux-/,
      /npx node-gyp rebuild -C .*native|x64 and arm64/,
    ],
    [
      'in the repository',
      failed('No native build was found'),
      place('repository', ['binding.gyp']),
      /none at all/,
      /npm run build/,
    ],
    [
      'a newer glibc',
      failed(GLIBC),
      place('glibc', [...PREBUILT, 'build/Release/ipvs_fullnat.node']),
      /newer system than this one, which has no GLIBC_2\.38/,
      /Delete .*build\/Release: the prebuilds need glibc 2\.12/,
    ],
    ['a newer glibc in a prebuild', failed(GLIBC), place('glibc2', PREBUILT), /newer/, /install it again/],
    [
      "Node's permission model",
      failed('Cannot load native addon because loading addons is disabled.', { code: 'ERR_DLOPEN_DISABLED' }),
      place('permission', PREBUILT),
      /permission model/,
      /--allow-addons/,
    ],
    [
      'no permission to read',
      failed('Access to this API has been restricted', { code: 'ERR_ACCESS_DENIED' }),
      { root: '/nonexistent', libc: undefined },
      /permission model forbids reading/,
      /--allow-fs-read=\/nonexistent/,
    ],
    [
      'a bundle of CommonJS',
      failed('No native build was found'),
      place('bundle', [], 'consumer'),
      /in a bundle/,
      /Ipvs\.open\(\{ addon \}\)/,
    ],
    [
      'a bundle of ES modules',
      failed('__dirname is not defined'),
      { root: undefined, libc: undefined },
      /in a bundle/,
      /ipvs-fullnat\/linux-x64/,
    ],
    [
      'a damaged file',
      failed('/x.node: file too short'),
      place('short', PREBUILT),
      /damaged/,
      /install it again/,
    ],
    [
      'a file of another machine',
      failed('/x.node: ELF file of another machine (243)'),
      place('machine', PREBUILT),
      /not an addon for linux-/,
      /install it again/,
    ],
    [
      'a file of something else',
      failed("Module did not self-register: '/x.node'."),
      place('foreign', PREBUILT),
      /not an addon/,
      /install it again/,
    ],
    ['anything else', failed('cannot map: no memory'), place('else', PREBUILT), /no memory/, /node-gyp/],
  ])('%s', (_, cause, where, message, hint) => {
    const error = explainFailure(cause, where)
    expect(error).toBeInstanceOf(IpvsError)
    expect(error).toMatchObject({ code: 'ERR_IPVS_ADDON', operation: 'open', sent: false, cause })
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(hint)
  })

  it.each([
    [
      'a build of before',
      { version: '0.0.9', layoutHash: 1 },
      ['build/Release/x.node', ...PREBUILT],
      false,
      /Delete .*Release/,
    ],
    [
      'the repository',
      { version: VERSION, layoutHash: 1 },
      ['build/Release/x.node', 'binding.gyp'],
      false,
      /npm run build/,
    ],
    [
      'a prebuild of another version',
      { version: '0.0.9', layoutHash: LAYOUT_HASH },
      PREBUILT,
      false,
      /install it again/,
    ],
    ['another addon', { hello: () => 'world' }, PREBUILT, false, /install it again/],
    ['given', { version: '9.9.9', layoutHash: 1 }, PREBUILT, true, /one installation/],
  ])('that loads, and is none of ours: %s', (name, addon: object, files, given, hint) => {
    const error = explainOtherBuild(addon, { ...place(`other-${name}`, files), given })
    expect(error).toMatchObject({ code: 'ERR_IPVS_ADDON', operation: 'open' })
    expect(error.hint).toMatch(hint)
  })
})

it('a bundle that finds the addon of its own project is told that it is one', () => {
  const where = place('bundle-with-addon', ['build/Release/x.node'], 'consumer')
  const error = explainOtherBuild({ hello: () => 'world' }, { ...where, given: false })
  expect(error.message).toMatch(/in a bundle/)
  expect(error.hint).toMatch(/Ipvs\.open\(\{ addon \}\)/)
})

describe('the file, before it is loaded', () => {
  const path = join(folder, 'x.node')
  /** A header that promises ten sections of 64 bytes from byte 4096. */
  function elf(machine = process.arch === 'arm64' ? 183 : 62): Buffer {
    const file = Buffer.alloc(4096 + 640)
    file.writeUInt32BE(0x7f454c46, 0)
    file.writeUInt16LE(machine, 0x12)
    file.writeUInt32LE(4096, 0x28)
    file.writeUInt16LE(64, 0x3a)
    file.writeUInt16LE(10, 0x3c)
    return file
  }
  const look = (file: Buffer) => {
    writeFileSync(path, file)
    return () => checkAddonFile(path)
  }

  it('is whole', () => expect(look(elf())).not.toThrow())

  it.each([0, 3, 63, 64, 4096, 4096 + 639])('ends after %i bytes', (size) => {
    expect(look(elf().subarray(0, size))).toThrow(size < 4 ? /invalid ELF header/ : /file too short/)
  })

  it('promises more than four gigabytes', () => {
    const file = elf()
    file.writeUInt32LE(1, 0x2c)
    expect(look(file)).toThrow(/file too short/)
  })

  it('is no ELF file', () => expect(look(Buffer.alloc(8192))).toThrow(/invalid ELF header/))

  it('is of another machine', () => expect(look(elf(243))).toThrow(/ELF file of another machine \(243\)/))
})

describe('options.addon', () => {
  it.each([
    ['a string', 'x.node', 'ERR_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ['an object of something else', { default: {} }, 'ERR_INVALID_ARG_VALUE'],
  ])('bad input: %s', async (_, addon, code) => {
    await expect(Ipvs.open({ addon } as object)).rejects.toMatchObject({ code, field: 'options.addon' })
  })

  it('does not go with a transport of one’s own', async () => {
    const transport = new FakeKernel({ dialect: 'mainline' }).transport()
    const addon = { Connection: class {}, layoutHash: 0 }
    await expect(Ipvs.open({ transport, addon })).rejects.toMatchObject({ field: 'options.addon' })
  })

  it.runIf(process.platform === 'linux')('of another version is not used', async () => {
    const addon = { Connection: class {}, layoutHash: 1, version: '0.0.1' }
    await expect(Ipvs.open({ addon })).rejects.toMatchObject({
      code: 'ERR_IPVS_ADDON',
      hint: expect.stringContaining('one installation'),
    })
  })
})

describe('without CAP_NET_ADMIN', () => {
  it.each(['mainline', 'fullnat-v2', 'fullnat-v3'] as const)(
    'opening rejects at once: %s',
    async (dialect) => {
      const kernel = new FakeKernel({ dialect })
      kernel.revoke()
      await expect(Ipvs.open({ transport: kernel.transport() })).rejects.toMatchObject({
        name: 'IpvsError',
        code: 'EPERM',
        errno: -1,
        operation: 'open',
        sent: false,
        hint: expect.stringContaining('unprivileged: true'),
      })
      const ipvs = await Ipvs.open({ transport: kernel.transport(), unprivileged: true })
      expect(ipvs.dialect).toBe(dialect)
      await expect(ipvs.services.list()).rejects.toMatchObject({ code: 'EPERM', operation: 'services.list' })
      expect(await ipvs.stats()).toBeDefined()
      kernel.grant()
      expect(await ipvs.services.list()).toEqual([])
      await ipvs.close()
    },
  )

  it('a module that is not loaded is the reason before it', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    kernel.revoke()
    kernel.unloadModule()
    await expect(Ipvs.open({ transport: kernel.transport() })).rejects.toMatchObject({
      code: 'ERR_IPVS_NOT_LOADED',
    })
  })

  it('unprivileged is a boolean', async () => {
    await expect(Ipvs.open({ unprivileged: 1 } as object)).rejects.toMatchObject({
      field: 'options.unprivileged',
    })
  })
})

it('a big-endian machine is refused with a reason', () => {
  expect(() => checkByteOrder(true)).not.toThrow()
  expect(() => checkByteOrder(false)).toThrow(
    expect.objectContaining({ code: 'ERR_IPVS_UNSUPPORTED', hint: expect.stringContaining('fake') }),
  )
})
