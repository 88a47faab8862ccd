// Sysctls. The table of the library is compared with what the kernel shows and with what it makes of numbers at, below and
// above each range. Every test leaves every sysctl as it found it.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Ipvs, KernelFiles, SysctlName, SysctlValue } from '../../lib'
import { sysctlFacts, sysctlNames } from '../../lib/kernel/sysctls'
import type { KnownDialect, SysctlFacts } from '../../lib/kernel/sysctls/facts'
import { onDialect } from '../../lib/kernel/sysctls/facts'
import { parseSysctl } from '../../lib/kernel/sysctls/values'
import { expectFailure, expectUnsupported, type Harness, rejection } from './harness'

const factsOf = (name: string) => sysctlFacts(name) as SysctlFacts

const isNewer = (release: string, than: string): boolean => {
  const [one, other] = [release, than].map((text) =>
    (/\d+\.\d+/.exec(text)?.[0] ?? '0.0').split('.').map(Number),
  )
  const [major, minor] = one as [number, number]
  const [base, under] = other as [number, number]
  return major > base || (major === base && minor > under)
}

/** What the kernel under test must have, no more and no less. */
function namesOf({ dialect, release, schedulers }: Harness): SysctlName[] {
  return sysctlNames(dialect as KnownDialect).filter((name) => {
    const { newerThan, needs } = factsOf(name)
    if (newerThan !== undefined && release !== undefined && !isNewer(release, newerThan)) return false
    if (needs?.scheduler !== undefined) return schedulers.includes(needs.scheduler)
    // No kernel of the tests is built with it.
    return needs?.config !== 'IP_VS_DEBUG'
  })
}

interface SysctlWorld {
  readonly ipvs: Ipvs
  /** The kernel's files, without the library. */
  readonly files: Pick<KernelFiles, 'readSysctl' | 'writeSysctl'>
  /** What was written by the client since the last look, `'name=text'`. */
  writes(): string[]
}

function useSysctls(harness: Harness): SysctlWorld {
  let ipvs: Ipvs | undefined
  let files: KernelFiles | undefined
  let before: ReadonlyMap<string, string> = new Map()
  let written: string[] = []
  /** Those that the test wrote, by the library or not: to read all of them after every test takes most of the time in a guest. */
  const touched = new Set<string>()
  const texts = async (from: KernelFiles) => {
    const found = new Map<string, string>()
    for (const name of Array.from(await from.listSysctls()).sort())
      found.set(name, await from.readSysctl(name))
    return found
  }
  const writing = (inner: KernelFiles) => async (name: string, text: string) => {
    touched.add(name)
    await inner.writeSysctl(name, text)
  }
  beforeAll(async () => {
    ipvs = await harness.open({
      wrap: (inner) => {
        const write = writing(inner.files)
        files = { ...inner.files, writeSysctl: write }
        const writeSysctl = async (name: string, text: string) => {
          written.push(`${name}=${text}`)
          await write(name, text)
        }
        return {
          ...inner,
          run: inner.run.bind(inner),
          close: () => inner.close(),
          files: { ...inner.files, writeSysctl },
        }
      },
    })
    before = await texts(files as KernelFiles)
  })
  // The last port comes before the first one in the alphabet, as it must.
  afterEach(async () => {
    written = []
    const { readSysctl, writeSysctl } = files as KernelFiles
    for (const name of Array.from(touched).sort()) {
      const text = before.get(name)
      // A name that this kernel does not have.
      if (text === undefined) continue
      if ((await readSysctl(name)) !== text) await writeSysctl(name, text.trim())
      expect(await readSysctl(name), name).toBe(text)
    }
    touched.clear()
  })
  afterAll(async () => {
    // Nor did a write change another one.
    expect(await texts(files as KernelFiles)).toEqual(before)
    await ipvs?.close()
  })
  return {
    get ipvs() {
      return ipvs as Ipvs
    },
    get files() {
      return files as KernelFiles
    },
    writes: () => written.splice(0),
  }
}

/** The number that is written, and what the table says of it. */
const edges = ({ min, max, below, above }: SysctlFacts, dialect: KnownDialect) =>
  [
    { value: min, beyond: undefined },
    { value: max, beyond: undefined },
    { value: min - 1, beyond: onDialect(below, dialect) },
    { value: max + 1, beyond: onDialect(above, dialect) },
  ] as const

export function sysctlsContract(harness: Harness): void {
  const dialect = harness.dialect as KnownDialect
  const fullnat = dialect !== 'mainline'
  const v3 = dialect === 'fullnat-v3'
  const names = namesOf(harness)
  const integers = names.filter((name) => factsOf(name).type === 'integer')

  describe(`sysctls over ${harness.name}`, () => {
    const world = useSysctls(harness)
    const held = async (name: string) => parseSysctl(factsOf(name), await world.files.readSysctl(name))
    /** A write of whoever is not the library. */
    const poke = async (name: string, text: string): Promise<string | undefined> => {
      if (name === 'fullnat_lport_max') await world.files.writeSysctl('fullnat_lport_min', '1025')
      try {
        await world.files.writeSysctl(name, text)
        return undefined
      } catch (error) {
        return (error as { code: string }).code
      }
    }

    it('list() has all that the table says, by name, and nothing else', async () => {
      const list = await world.ipvs.sysctl.list()
      expect(list.map(({ name }) => name)).toEqual(names)
      for (const info of list) {
        expect(info.type).toBe(factsOf(info.name).type)
        expect(info.meaning).toMatch(/\w.*\.$/)
        expect(await world.ipvs.sysctl.get(info.name)).toEqual(info)
      }
    })

    it('the kernel starts with the defaults of the table', async () => {
      for (const info of await world.ipvs.sysctl.list()) {
        if (info.default === 'computed') expect(info.value, info.name).not.toBe(0)
        else expect(info.value, info.name).toEqual(info.default)
      }
    })

    it.each(integers)('%s: what the kernel makes of its range, and of what is beyond it', async (name) => {
      const facts = factsOf(name)
      for (const { value, beyond } of edges(facts, dialect)) {
        const before = await held(name)
        const refused = await poke(name, String(value))
        const now = await held(name)
        const seen = { value, refused, now }
        switch (beyond) {
          case undefined:
            expect(seen).toEqual({ value, refused: undefined, now: value })
            break
          case 'refused':
            expect(seen).toEqual({ value, refused: 'EINVAL', now: before })
            break
          case 'restored':
            expect(seen).toEqual({ value, refused: undefined, now: before })
            break
          case 'taken':
            expect(refused).toBeUndefined()
            expect(now).not.toBe(before)
            // However odd it is, it is no trouble to read.
            expect(typeof (await world.ipvs.sysctl.get(name)).value).toBe('number')
            break
          default:
            expect([undefined, 'EINVAL']).toContain(refused)
            if (refused) expect(now).toBe(before)
        }
      }
    })

    it.each(integers)(
      '%s: set() takes the range, and refuses what is beyond before it is written',
      async (name) => {
        const { min, max, noEffect } = factsOf(name)
        const { sysctl } = world.ipvs
        for (const value of [min - 1, max + 1, 0.5, Number.NaN]) {
          const error = await rejection<Error>(sysctl.set(name, value))
          expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', field: 'value' })
        }
        const wrong = await rejection<Error>(sysctl.set(name as string, '1'))
        expect(wrong).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', field: 'value' })
        expect(world.writes()).toEqual([])
        if (noEffect?.[dialect] !== undefined || name === 'reserve_core') return
        if (name === 'fullnat_lport_max') await poke('fullnat_lport_min', '1025')
        for (const value of [max, min]) {
          expect(await sysctl.set(name, value)).toBe(value)
          expect(await held(name)).toBe(value)
        }
        expect(world.writes()).toEqual([`${name}=${max}`, `${name}=${min}`])
      },
    )

    it.each(['drop_packet', 'secure_tcp'] as const)(
      '%s: the kernel changes 2 into 1 while there is memory',
      async (name) => {
        expect(await world.ipvs.sysctl.set(name, 2)).toBe(1)
        expect(await world.ipvs.sysctl.set(name, 1)).toBe(1)
        expect(await world.ipvs.sysctl.set(name, 3)).toBe(3)
      },
    )

    it('sync_threshold: a pair in order', async () => {
      const { sysctl } = world.ipvs
      expect(await sysctl.set('sync_threshold', [10, 100])).toEqual([10, 100])
      expect(await sysctl.get('sync_threshold')).toMatchObject({ value: [10, 100], type: 'pair' })
      expect(await sysctl.set('sync_threshold', [0, 1])).toEqual([0, 1])
      world.writes()
      for (const [pair, field] of [
        [[5, 5], 'value[1]'],
        [[5, 4], 'value[1]'],
        [[-1, 5], 'value[0]'],
        [[1, 2147483648], 'value[1]'],
      ] as const) {
        expect(await rejection<Error>(sysctl.set('sync_threshold', pair))).toMatchObject({
          code: 'ERR_OUT_OF_RANGE',
          field,
        })
      }
      for (const value of [3, '3 50', [3], [3, 50, 1], null]) {
        const error = await rejection<Error>(sysctl.set('sync_threshold' as string, value as SysctlValue))
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'value' })
      }
      expect(world.writes()).toEqual([])
    })

    it('sync_threshold with a second number of 0: FULLNAT kernels divide by it', async () => {
      const { sysctl } = world.ipvs
      if (fullnat) {
        expect(await rejection<Error>(sysctl.set('sync_threshold', [0, 0]))).toMatchObject({
          code: 'ERR_OUT_OF_RANGE',
          field: 'value[1]',
        })
        expect(world.writes()).toEqual([])
      } else {
        expect(await sysctl.set('sync_threshold', [4, 0])).toEqual([4, 0])
      }
    })

    it('sync_threshold out of order, written by others: refused by mainline, put back by FULLNAT kernels', async () => {
      expect(await poke('sync_threshold', '5 4')).toBe(fullnat ? undefined : 'EINVAL')
      expect(await held('sync_threshold')).toEqual([3, 50])
    })

    it.runIf(v3)('what has no effect on fullnat-v3 is refused, but for its default', async () => {
      const { sysctl } = world.ipvs
      for (const name of ['drop_entry', 'nat_icmp_send'] as const) {
        await expectUnsupported(sysctl.set(name, 1), {
          operation: 'sysctl.set',
          says: new RegExp(`^${name} has no effect: `),
        })
        expect((await sysctl.get(name)).noEffect).toMatch(/fullnat-v3/)
        expect(world.writes()).toEqual([])
        // Somebody may have left it so.
        await poke(name, '1')
        expect(await sysctl.set(name, 0)).toBe(0)
        expect(world.writes()).toEqual([`${name}=0`])
      }
    })

    it.runIf(!v3)('drop_entry and nat_icmp_send', async () => {
      expect(await world.ipvs.sysctl.set('drop_entry', 3)).toBe(3)
      expect(await world.ipvs.sysctl.set('nat_icmp_send', 1)).toBe(1)
      expect((await world.ipvs.sysctl.get('drop_entry')).noEffect).toBeUndefined()
    })

    it.runIf(v3)('reserve_core leaves a CPU that is online (abi.md §11-6)', async () => {
      const { sysctl } = world.ipvs
      for (let cpus = harness.cpus; cpus <= 6; cpus++) {
        await expectFailure(sysctl.set('reserve_core', cpus), {
          code: 'ERR_IPVS_RESERVE_CORE',
          operation: 'sysctl.set',
          says: `reserve_core ${cpus} leaves none of ${harness.cpus} CPUs for local addresses`,
          sent: false,
        })
      }
      expect(world.writes()).toEqual([])
      for (let cpus = Math.min(harness.cpus - 1, 6); cpus >= 0; cpus--) {
        expect(await sysctl.set('reserve_core', cpus)).toBe(cpus)
      }
    })

    it.runIf(fullnat)('the two ends of the local ports never cross (abi.md §11-7)', async () => {
      const { sysctl } = world.ipvs
      const failing = await rejection<Error>(sysctl.set('fullnat_lport_max', 4999))
      expect(failing).toMatchObject({ code: 'ERR_OUT_OF_RANGE', field: 'value' })
      expect(failing.message).toContain('setLocalPorts()')
      expect(world.writes()).toEqual([])
      expect(await sysctl.set('fullnat_lport_max', 5000)).toBe(5000)
      expect(await rejection<Error>(sysctl.set('fullnat_lport_min', 5001))).toMatchObject({ field: 'value' })
      world.writes()
      // Upwards the last port goes first, downwards the first one.
      expect(await sysctl.setLocalPorts({ min: 6000, max: 7000 })).toEqual({ min: 6000, max: 7000 })
      expect(world.writes()).toEqual(['fullnat_lport_max=7000', 'fullnat_lport_min=6000'])
      expect(await sysctl.setLocalPorts({ min: 2000, max: 3000 })).toEqual({ min: 2000, max: 3000 })
      expect(world.writes()).toEqual(['fullnat_lport_min=2000', 'fullnat_lport_max=3000'])
      expect(await sysctl.setLocalPorts({ max: 2000 })).toEqual({ min: 2000, max: 2000 })
      expect(await sysctl.setLocalPorts({ max: 65535 })).toEqual({ min: 2000, max: 65535 })
      expect(world.writes()).toEqual(['fullnat_lport_max=2000', 'fullnat_lport_max=65535'])
      for (const [ports, code, field] of [
        [{ min: 3000, max: 2999 }, 'ERR_OUT_OF_RANGE', 'ports.max'],
        [{ min: 1024 }, 'ERR_OUT_OF_RANGE', 'ports.min'],
        [{ max: 65536 }, 'ERR_OUT_OF_RANGE', 'ports.max'],
        [{ max: 1999 }, 'ERR_OUT_OF_RANGE', 'ports.max'],
        [{ min: '5000' }, 'ERR_INVALID_ARG_TYPE', 'ports.min'],
        [{ first: 5000 }, 'ERR_INVALID_ARG_VALUE', 'ports.first'],
        [{}, 'ERR_INVALID_ARG_VALUE', 'ports'],
        [undefined, 'ERR_INVALID_ARG_TYPE', 'ports'],
      ] as const) {
        const error = await rejection<Error>(sysctl.setLocalPorts(ports as { min: number }))
        expect(error).toMatchObject({ code, field })
      }
      expect(world.writes()).toEqual([])
    })

    it.runIf(fullnat)('calls that set the ports at once wait for each other', async () => {
      const { sysctl } = world.ipvs
      const wanted = [
        { min: 6000, max: 7000 },
        { min: 2000, max: 3000 },
        { min: 8000, max: 8000 },
      ]
      expect(await Promise.all(wanted.map((ports) => sysctl.setLocalPorts(ports)))).toEqual(wanted)
      let [min, max] = [5000, 65535]
      for (const write of world.writes()) {
        const port = Number(write.split('=')[1])
        if (write.startsWith('fullnat_lport_min')) min = port
        else max = port
        expect(min).toBeLessThanOrEqual(max)
      }
      expect([min, max]).toEqual([8000, 8000])
    })

    it.runIf(!fullnat)('setLocalPorts is for FULLNAT kernels', async () => {
      await expectUnsupported(world.ipvs.sysctl.setLocalPorts({ min: 5000 }), {
        operation: 'sysctl.setLocalPorts',
        says: 'mainline has no sysctl fullnat_lport_min',
      })
    })

    it.runIf(names.includes('est_cpulist'))('est_cpulist is a list of CPUs', async () => {
      const { sysctl } = world.ipvs
      expect(await sysctl.set('est_cpulist', '0-0')).toBe('0')
      world.writes()
      for (const list of ['', 'x', '0,', '3-1', '-1', '0 1']) {
        const error = await rejection<Error>(sysctl.set('est_cpulist', list))
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'value' })
      }
      expect(await rejection<Error>(sysctl.set('est_cpulist', '8192'))).toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
      })
      expect(world.writes()).toEqual([])
      // What the kernel refuses is out of range, too.
      const error = await rejection<Error>(sysctl.set('est_cpulist', String(harness.cpus)))
      expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', field: 'value' })
      expect(error.message).toContain('it says E')
    })

    it.runIf(fullnat)(
      'timeouts are the same by sysctl and by timeouts.set(), in both directions',
      async () => {
        const { sysctl, timeouts } = world.ipvs
        await timeouts.set({ tcp: 77, tcpFin: 11 })
        expect((await sysctl.get('timeout_established')).value).toBe(77)
        expect((await sysctl.get('timeout_finwait')).value).toBe(11)
        await sysctl.set('timeout_established', 88)
        await sysctl.set('timeout_finwait', 12)
        expect(await timeouts.get()).toMatchObject({ tcp: 88, tcpFin: 12 })
      },
    )

    it('a sysctl of other kernels', async () => {
      const [name, where] = fullnat
        ? (['conn_reuse_mode', 'mainline'] as const)
        : (['reserve_core', 'fullnat-v3'] as const)
      for (const call of [world.ipvs.sysctl.get(name), world.ipvs.sysctl.set(name, 1)]) {
        const error = await rejection(call)
        expect(error).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', hint: `It is there on: ${where}.` })
        expect(error.message).toContain(`${dialect} has no sysctl ${name}`)
      }
      expect(world.writes()).toEqual([])
    })

    it.runIf(harness.release !== undefined)('a sysctl of newer kernels, or built another way', async () => {
      const missing = sysctlNames(dialect).filter((name) => !names.includes(name))
      expect(missing).toContain('debug_level')
      for (const name of missing) {
        const { min, type } = factsOf(name)
        const value = type === 'cpu-list' ? '0' : min
        for (const call of [world.ipvs.sysctl.get(name), world.ipvs.sysctl.set(name as string, value)]) {
          const error = await rejection(call)
          expect(error).toMatchObject({
            code: 'ERR_IPVS_UNSUPPORTED',
            errno: -2,
            file: `/proc/sys/net/ipv4/vs/${name}`,
          })
          expect(error.hint).toMatch(/^It is there on: .*(newer than|built with)/)
        }
      }
    })

    it('names that mean nothing', async () => {
      const { sysctl } = world.ipvs
      for (const name of ['', '..', '../forward', 'a/b', 'a b', 'a\0b', 'vs.x']) {
        for (const call of [sysctl.get(name), sysctl.set(name, 1)]) {
          expect(await rejection<Error>(call)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'name' })
        }
      }
      for (const call of [sysctl.get(7 as never), sysctl.set(undefined as never, 1 as never)]) {
        expect(await rejection<Error>(call)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', field: 'name' })
      }
      for (const call of [sysctl.get('drop_entri'), sysctl.set('drop_entri', 1)]) {
        expect(await rejection(call)).toMatchObject({
          code: 'ERR_IPVS_UNSUPPORTED',
          hint: 'Did you mean drop_entry?',
        })
      }
      expect(world.writes()).toEqual([])
    })
  })
}
