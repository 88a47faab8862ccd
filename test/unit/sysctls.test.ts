// Sysctls: the table, the texts, and the calls over a transport that misbehaves. What a kernel does is in test/contract.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs, type KernelFiles, type SysctlValue, type Transport } from '../../lib'
import type { Errno } from '../../lib/kernel/errno'
import { ERRNO } from '../../lib/kernel/errno'
import { fileError } from '../../lib/kernel/file-error'
import * as table from '../../lib/kernel/sysctls'
import { SYSCTLS, type SysctlName, sysctlFacts, sysctlNames } from '../../lib/kernel/sysctls'
import type { SysctlFacts } from '../../lib/kernel/sysctls/facts'
import { EVERYWHERE, onDialect } from '../../lib/kernel/sysctls/facts'
import {
  checkSysctl,
  formatSysctl,
  keepsSysctl,
  localPortSteps,
  parseSysctl,
} from '../../lib/kernel/sysctls/values'
import { FakeKernel } from '../../lib/testing'
// @ts-expect-error: a script without types
import { PAGE, withTables } from '../../scripts/gen-sysctls.mjs'
import { rejection } from '../contract/harness'

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const NAMES = Object.keys(SYSCTLS) as SysctlName[]
const factsOf = (name: string) => sysctlFacts(name) as SysctlFacts
const FOLDER = '/proc/sys/net/ipv4/vs'

describe('the table of sysctls', () => {
  it('is what docs/sysctls.md says', () => {
    const page = textOf(PAGE)
    expect(page, 'run npm run build:ts').toBe(withTables(page, table))
    for (const name of NAMES) expect(page).toContain(`| \`${name}\` |`)
  })

  it.each(NAMES)('%s has a range with its default in it, and a sentence', (name) => {
    const { type, min, max, meaning, caution, noEffect } = factsOf(name)
    expect(min).toBeLessThan(max)
    expect(meaning).toMatch(/^[A-Z\d].*[^.]\.$/)
    for (const dialect of factsOf(name).dialects) {
      const initial = onDialect<number | string | readonly [number, number]>(factsOf(name).default, dialect)
      expect(initial).toBeDefined()
      if (initial !== 'computed') expect(checkSysctl(factsOf(name), initial, dialect)).toEqual(initial)
    }
    for (const text of typeof caution === 'object' ? Object.values(caution) : [caution ?? 'None.']) {
      expect(text).toMatch(/^[A-Z].*[^.]\.$|^fullnat-v3 .*\.$/)
    }
    for (const text of Object.values(noEffect ?? {})) expect(text).toMatch(/[^.]$/)
    // SysctlValueOf has these by name.
    expect(type).toBe({ sync_threshold: 'pair', est_cpulist: 'cpu-list' }[name as string] ?? 'integer')
  })

  it('has names of each kernel, and none of an object', () => {
    expect(EVERYWHERE.map((dialect) => sysctlNames(dialect).length)).toEqual([35, 50, 54])
    for (const name of ['toString', '__proto__', 'constructor', '']) expect(sysctlFacts(name)).toBeUndefined()
  })

  it.each(['fullnat-v2', 'fullnat-v3'] as const)('is what %s printed', (dialect) => {
    const lines = textOf(`test/golden/proc/sysctl-${dialect}`).matchAll(/^(\w+) = (.*)$/gm)
    const printed = new Map(Array.from(lines, ([, name, text]) => [name as string, text as string]))
    expect(Array.from(printed.keys()).sort()).toEqual(
      sysctlNames(dialect).filter((name) => name !== 'debug_level'),
    )
    for (const [name, text] of printed) {
      const initial = onDialect<number | string | readonly [number, number]>(factsOf(name).default, dialect)
      const value = parseSysctl(factsOf(name), `${text}\n`)
      if (initial === 'computed') expect(value).toBe(458640)
      else expect(value, name).toEqual(initial)
    }
  })
})

describe('texts of sysctls', () => {
  const int = fc.integer()
  const integer = factsOf('amemthresh')
  const pair = factsOf('sync_threshold')

  it('format and parse are the same', () => {
    fc.assert(fc.property(int, (value) => parseSysctl(integer, `${formatSysctl(value)}\n`) === value))
    fc.assert(
      fc.property(int, int, (one, other) => {
        expect(parseSysctl(pair, `${one}\t${other}\n`)).toEqual([one, other])
        expect(parseSysctl(pair, `${formatSysctl([one, other])}\n`)).toEqual([one, other])
      }),
    )
  })

  it.each([
    ['', undefined],
    ['\n', undefined],
    ['-', undefined],
    ['1 2', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    // It ends within its line: there may have been more of it.
    ['7', undefined],
    ['7\n', 7],
    ['7\r\n', undefined],
    ['9007199254740992\n', undefined],
    ['-3\n', -3],
    ['8589934592\n', 8589934592],
    // What 2.6.32 prints for -2147483648.
    ['-18446744071562067968\n', -2147483648],
  ])('%j is %s', (text, value) => {
    expect(parseSysctl(integer, text)).toBe(value)
  })

  it('of a pair, nothing but two numbers', () => {
    for (const text of ['', '3', '3\t', '3 x', '3 50 7', '3,50', '3 9007199254740992'])
      expect(parseSysctl(pair, `${text}\n`)).toBeUndefined()
  })

  it('whatever stands there, it is a value or none', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...NAMES, 'nobody_knows'), (text, name) => {
        const value = parseSysctl(sysctlFacts(name), text)
        if (typeof value === 'number') expect(Number.isNaN(value)).toBe(false)
        expect(['number', 'string', 'object', 'undefined']).toContain(typeof value)
      }),
    )
  })

  it('a list of CPUs is the same however it is written', () => {
    const cpus = factsOf('est_cpulist')
    expect(keepsSysctl(cpus, '0-0,2,1', '0-2')).toBe(true)
    expect(keepsSysctl(cpus, '0-1', '0-2')).toBe(false)
    expect(keepsSysctl(cpus, '0-2', '0-1')).toBe(false)
    expect(keepsSysctl(cpus, '0', '')).toBe(false)
    expect(keepsSysctl(undefined, 'a', 'a')).toBe(true)
  })
})

describe('the order of writes to the local ports', () => {
  const port = fc.integer({ min: 1025, max: 65535 })
  const range = fc
    .tuple(port, port)
    .map(([one, other]) => ({ min: Math.min(one, other), max: Math.max(one, other) }))
  const apply = (from: { min: number; max: number }, to: { min: number; max: number }) => {
    const now = { ...from }
    return localPortSteps(from, to).map(({ name, value }) => {
      if (name === 'fullnat_lport_min') now.min = value
      else now.max = value
      return { ...now }
    })
  }

  it('ends where it should and never crosses', () => {
    fc.assert(
      fc.property(range, range, (from, to) => {
        const moments = apply(from, to)
        expect(moments[moments.length - 1] ?? from).toEqual(to)
        for (const { min, max } of moments) expect(min).toBeLessThanOrEqual(max)
        // Nothing is written that is so already.
        expect(moments).toHaveLength(Number(from.min !== to.min) + Number(from.max !== to.max))
      }),
    )
  })

  it('from a range that is none it ends where it should, too', () => {
    fc.assert(
      fc.property(port, port, range, (min, max, to) => {
        const moments = apply({ min, max }, to)
        expect(moments[moments.length - 1] ?? { min, max }).toEqual(to)
      }),
    )
  })
})

/** A client of a fake kernel whose files are changed by the test. */
async function clientOf(
  change: (files: KernelFiles, kernel: FakeKernel) => Partial<KernelFiles>,
  { force = false, ...over }: Partial<Transport> & { force?: boolean } = {},
) {
  const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 4 })
  const inner = kernel.transport()
  const writes: string[] = []
  const ipvs = await Ipvs.open({ transport: { ...inner, ...over }, timeout: 60_000, force })
  const own = { ...inner.files }
  const changed = change(own, kernel)
  const files = { ...own, ...changed }
  Object.assign(inner.files, changed, {
    writeSysctl: (name: string, text: string) => {
      writes.push(`${name}=${text}`)
      return files.writeSysctl(name, text)
    },
  })
  return { ipvs, kernel, writes }
}

const failing =
  (errno: Errno, syscall = 'open') =>
  async (name?: string) => {
    throw fileError(errno, syscall, name === undefined ? FOLDER : `${FOLDER}/${name}`)
  }
const never = () => new Promise<never>(() => {})

describe('sysctls over a transport that misbehaves', () => {
  it.each([
    ['EACCES', 'not permitted to write', /CAP_NET_ADMIN/],
    ['EPERM', 'not permitted to write', /CAP_NET_ADMIN/],
    ['EROFS', 'is on a read-only file system', /[Cc]ontainers/],
    ['EIO', 'cannot write', /.*/],
  ] as const)('a write that ends in %s', async (code, says, hint) => {
    const { ipvs } = await clientOf(() => ({ writeSysctl: failing(ERRNO[code]) }))
    const error = await rejection(ipvs.sysctl.set('timeout_close', 5))
    expect(error).toMatchObject({
      ...{ name: 'IpvsError', code, errno: -ERRNO[code], syscall: 'open', operation: 'sysctl.set' },
      file: `${FOLDER}/timeout_close`,
    })
    expect(error.message).toContain(says)
    expect(error.message.startsWith(`${code}: `)).toBe(true)
    if (code !== 'EIO') expect(error.hint).toMatch(hint)
    expect(error.cause).toMatchObject({ code })
  })

  it.each(['EACCES', 'EPERM', 'EIO'] as const)('a read that ends in %s', async (code) => {
    const { ipvs } = await clientOf(() => ({ readSysctl: failing(ERRNO[code]) }))
    for (const call of [ipvs.sysctl.get('timeout_close'), ipvs.sysctl.set('fullnat_lport_min', 5001)]) {
      expect(await rejection(call)).toMatchObject({ code, errno: -ERRNO[code], syscall: 'open' })
    }
    expect(await rejection(ipvs.sysctl.list())).toMatchObject({ code, operation: 'sysctl.list' })
  })

  it('a masked /proc: no folder, or an empty one', async () => {
    const gone = await clientOf(() => ({ listSysctls: failing(ERRNO.ENOENT) }))
    expect(await rejection(gone.ipvs.sysctl.list())).toMatchObject({
      ...{ code: 'ERR_IPVS_UNSUPPORTED', errno: -2, operation: 'sysctl.list', file: FOLDER },
      hint: expect.stringContaining('masked'),
    })
    const empty = await clientOf(() => ({ listSysctls: async () => [] }))
    expect(await rejection(empty.ipvs.sysctl.list())).toMatchObject({
      ...{ code: 'ERR_IPVS_UNSUPPORTED', file: FOLDER, hint: expect.stringContaining('masked') },
    })
    const read = await clientOf(() => ({ readSysctl: failing(ERRNO.ENOENT) }))
    for (const call of [
      read.ipvs.sysctl.get('timeout_close'),
      read.ipvs.sysctl.setLocalPorts({ min: 5000 }),
    ]) {
      expect(await rejection(call)).toMatchObject({
        code: 'ERR_IPVS_UNSUPPORTED',
        hint: expect.stringContaining('masked'),
      })
    }
    const write = await clientOf(() => ({ writeSysctl: failing(ERRNO.ENOENT) }))
    expect(await rejection(write.ipvs.sysctl.set('timeout_close', 5))).toMatchObject({
      code: 'ERR_IPVS_UNSUPPORTED',
    })
  })

  it('one that goes while they are listed is not listed', async () => {
    const { ipvs } = await clientOf((files) => ({
      readSysctl: (name) => (name.startsWith('lblc') ? failing(ERRNO.ENOENT)(name) : files.readSysctl(name)),
    }))
    const names = (await ipvs.sysctl.list()).map(({ name }) => name)
    expect(names).toHaveLength(51)
    expect(names).not.toContain('lblc_expiration')
  })

  it('names that nobody knows are listed as texts, and written by force alone', async () => {
    const held = new Map([['nobody_knows', 'a  b\n']])
    const strange = (files: KernelFiles): Partial<KernelFiles> => ({
      listSysctls: async () => [...(await files.listSysctls()), 'nobody_knows'].reverse(),
      readSysctl: async (name) => held.get(name) ?? files.readSysctl(name),
      writeSysctl: async (name, text) => {
        held.set(name, `${text}\n`)
      },
    })
    const { ipvs, writes } = await clientOf(strange)
    const list = await ipvs.sysctl.list()
    expect(list.map(({ name }) => name)).toEqual(list.map(({ name }) => name).sort())
    const info = list.find(({ name }) => name === 'nobody_knows')
    expect(info).toEqual({
      ...{ name: 'nobody_knows', value: 'a  b', type: 'text' },
      ...{ unit: undefined, range: undefined, default: undefined, meaning: undefined },
      ...{ caution: undefined, noEffect: undefined },
    })
    expect(await ipvs.sysctl.get('nobody_knows')).toEqual(info)
    expect(await rejection(ipvs.sysctl.set('nobody_knows', 'c'))).toMatchObject({
      ...{ code: 'ERR_IPVS_UNSUPPORTED', hint: expect.stringContaining('force') },
    })
    expect(writes).toEqual([])
    const forced = await clientOf(strange, { force: true })
    expect(await forced.ipvs.sysctl.set('nobody_knows', 'c d')).toBe('c d')
    for (const value of ['', 'a\nb', 'a\0']) {
      expect(await rejection<Error>(forced.ipvs.sysctl.set('nobody_knows', value))).toMatchObject({
        field: 'value',
      })
    }
    expect(await rejection<Error>(forced.ipvs.sysctl.set('nobody_knows', 1))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
    expect(forced.writes).toEqual(['nobody_knows=c d'])
  })

  it('a text that is no value: ERR_IPVS_MALFORMED_FILE', async () => {
    const { ipvs } = await clientOf(() => ({ readSysctl: async () => 'x'.repeat(300) }))
    for (const call of [ipvs.sysctl.get('timeout_close'), ipvs.sysctl.list()]) {
      expect(await rejection(call)).toMatchObject({
        code: 'ERR_IPVS_MALFORMED_FILE',
        line: 1,
        text: 'x'.repeat(200),
      })
    }
  })

  it('a kernel that puts back what it had: ERR_IPVS_VALUE_NOT_KEPT', async () => {
    const { ipvs } = await clientOf(() => ({ writeSysctl: async () => {} }))
    const error = await rejection(ipvs.sysctl.set('drop_packet', 3))
    expect(error).toMatchObject({
      code: 'ERR_IPVS_VALUE_NOT_KEPT',
      file: `${FOLDER}/drop_packet`,
      sent: true,
    })
    expect(error.message).toContain('drop_packet is 0 after 3 was written, sysctl.set')
    expect(error.hint).toMatch(/\.$/)
    // 1 and 2 may change into each other, into nothing else.
    expect(await rejection(ipvs.sysctl.set('drop_packet', 1))).toMatchObject({
      code: 'ERR_IPVS_VALUE_NOT_KEPT',
    })
    expect(await rejection(ipvs.sysctl.setLocalPorts({ min: 6000 }))).toMatchObject({
      code: 'ERR_IPVS_VALUE_NOT_KEPT',
    })
  })

  it.each(['EINVAL', 'ERANGE'] as const)(
    'a kernel that refuses a value with %s: out of range',
    async (code) => {
      const { ipvs } = await clientOf(() => ({ writeSysctl: failing(ERRNO[code], 'write') }))
      const error = await rejection<Error>(ipvs.sysctl.set('timeout_close', 5))
      expect(error).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        field: 'value',
        cause: { code },
      })
      expect(error.message).toContain(`timeout_close (it says ${code})`)
    },
  )

  it('reserve_core where nobody can tell how many CPUs are online', async () => {
    const { ipvs, writes } = await clientOf(() => ({}), { readCpuState: () => undefined })
    expect(await ipvs.sysctl.set('reserve_core', 0)).toBe(0)
    expect(await rejection(ipvs.sysctl.set('reserve_core', 1))).toMatchObject({
      code: 'ERR_IPVS_RESERVE_CORE',
    })
    expect(writes).toEqual(['reserve_core=0'])
  })

  it('what another process changed between two calls is looked at', async () => {
    const { ipvs, kernel } = await clientOf(() => ({}))
    await kernel.transport().files.writeSysctl('fullnat_lport_max', '6000')
    expect(await rejection<Error>(ipvs.sysctl.set('fullnat_lport_min', 6001))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    })
    expect(await ipvs.sysctl.setLocalPorts({ min: 6001, max: 6001 })).toEqual({ min: 6001, max: 6001 })
  })
})

describe('limits of the calls of sysctls', () => {
  it('a silent kernel: ERR_IPVS_TIMEOUT, sent or not', async () => {
    const silent = await clientOf(() => ({ readSysctl: never }))
    const limit = { timeout: 1 }
    expect(await rejection(silent.ipvs.sysctl.get('amemthresh', limit))).toMatchObject({
      ...{ code: 'ERR_IPVS_TIMEOUT', operation: 'sysctl.get', sent: false },
    })
    // Written, and the answer to the look after it never comes.
    expect(await rejection(silent.ipvs.sysctl.set('amemthresh', 7, limit))).toMatchObject({
      ...{ code: 'ERR_IPVS_TIMEOUT', sent: true },
    })
    expect(silent.writes).toEqual(['amemthresh=7'])
    const stuck = await clientOf(() => ({ writeSysctl: never }))
    expect(await rejection(stuck.ipvs.sysctl.set('amemthresh', 7, limit))).toMatchObject({ sent: true })
  })

  it('an abort, before and while the kernel is silent', async () => {
    const { ipvs, writes } = await clientOf(() => ({ readSysctl: never }))
    const aborted = { signal: AbortSignal.abort('why') }
    for (const call of [
      ipvs.sysctl.list(aborted),
      ipvs.sysctl.get('amemthresh', aborted),
      ipvs.sysctl.set('amemthresh', 1, aborted),
    ]) {
      expect(await rejection(call)).toMatchObject({
        name: 'AbortError',
        code: 'ABORT_ERR',
        sent: false,
        cause: 'why',
      })
    }
    expect(writes).toEqual([])
    const controller = new AbortController()
    const reading = rejection(ipvs.sysctl.get('amemthresh', { signal: controller.signal }))
    controller.abort()
    expect(await reading).toMatchObject({ code: 'ABORT_ERR' })
  })

  it('a write that hangs holds up the next one, which its signal ends', async () => {
    let release: () => void = () => {}
    const { ipvs, writes } = await clientOf((files) => ({
      writeSysctl: async (name, text) => {
        if (text === '7') await new Promise<void>((resolve) => (release = resolve))
        await files.writeSysctl(name, text)
      },
    }))
    const first = await rejection(ipvs.sysctl.set('amemthresh', 7, { timeout: 1 }))
    expect(first).toMatchObject({ code: 'ERR_IPVS_TIMEOUT' })
    const controller = new AbortController()
    const second = rejection(ipvs.sysctl.set('amemthresh', 8, { signal: controller.signal }))
    const third = ipvs.sysctl.set('amemthresh', 9)
    controller.abort()
    expect(await second).toMatchObject({ code: 'ABORT_ERR', sent: false })
    expect(writes).toEqual(['amemthresh=7'])
    release()
    expect(await third).toBe(9)
    expect(writes).toEqual(['amemthresh=7', 'amemthresh=9'])
  })

  it('a failed write does not hold up the next one', async () => {
    const { ipvs, kernel } = await clientOf(() => ({}))
    kernel.procSys = 'read-only'
    const [one, other] = [ipvs.sysctl.set('amemthresh', 7), ipvs.sysctl.set('amemthresh', 8)]
    expect(await rejection(one)).toMatchObject({ code: 'EROFS' })
    expect(await rejection(other)).toMatchObject({ code: 'EROFS' })
    kernel.procSys = 'writable'
    expect(await ipvs.sysctl.set('amemthresh', 9)).toBe(9)
  })

  it('a closed client', async () => {
    const { ipvs } = await clientOf(() => ({}))
    const calls = () => [
      ipvs.sysctl.list(),
      ipvs.sysctl.get('amemthresh'),
      ipvs.sysctl.set('amemthresh', 1),
      ipvs.sysctl.setLocalPorts({ min: 5000 }),
    ]
    await Promise.all(calls())
    await ipvs.close()
    for (const call of calls())
      expect(await rejection(call)).toMatchObject({ code: 'ERR_IPVS_CLOSED', sent: false })
  })

  it('options that are none', async () => {
    const { ipvs } = await clientOf(() => ({}))
    const options = { timeouts: 1 } as object
    for (const call of [
      ipvs.sysctl.list(options),
      ipvs.sysctl.get('amemthresh', options),
      ipvs.sysctl.set('amemthresh', 1, options),
    ]) {
      expect(await rejection<Error>(call)).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        field: 'options.timeouts',
      })
    }
  })

  it('rejections say where the call was made', async () => {
    const { ipvs } = await clientOf(() => ({ readSysctl: failing(ERRNO.EIO) }))
    const error = await (async function provision() {
      try {
        return await ipvs.sysctl.get('amemthresh')
      } catch (cause) {
        return cause as Error
      }
    })()
    expect((error as Error).stack).toContain('provision')
  })
})

describe('a kernel that is none of the known ones', () => {
  it('is read, and not written', async () => {
    const { ipvs } = await clientOf(() => ({}))
    // As an open client sees it whose dialect could not be told.
    Object.defineProperty(ipvs, 'context', {
      value: { capabilities: { ...ipvs.capabilities, dialect: 'unknown', writes: false }, force: false },
    })
    const info = await ipvs.sysctl.get('timeout_finwait')
    expect(info).toMatchObject({ value: 7, default: undefined, range: { min: 1, max: 2147483 } })
    const value: SysctlValue = 5
    expect(await rejection(ipvs.sysctl.set('timeout_close', value))).toMatchObject({
      code: 'ERR_IPVS_UNKNOWN_DIALECT',
    })
  })
})
