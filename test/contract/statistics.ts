// What the kernel counts for itself, beside what its files say at the same moment.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ipvs, KernelFileName, TrafficTotals } from '../../lib'
import { EXTENDED_COUNTERS, extendedCounterNames } from '../../lib/kernel/extended-counters'
import { expectFailure, expectUnsupported, type Harness, rejection, useWorld, WEB } from './harness'

const NAMES = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const

/** The five numbers at the end of a line, by no other means than blanks. */
function numbersOf(line: string, hexadecimal: boolean): TrafficTotals {
  const words = line.trim().split(/\s+/).slice(-NAMES.length)
  const counts = words.map((word) => BigInt(hexadecimal ? `0x${word}` : word))
  return Object.fromEntries(NAMES.map((name, i) => [name, counts[i]])) as unknown as TrafficTotals
}

const zeros = () => Object.fromEntries(NAMES.map((name) => [name, BigInt(0)]))

/** Reads a file before and after, until nothing has come between: estimators write every two seconds. */
async function atOneMoment<T>(
  harness: Harness,
  names: readonly KernelFileName[],
  read: () => Promise<T>,
): Promise<{ readonly texts: readonly string[]; readonly value: T }> {
  const look = () => Promise.all(names.map((name) => harness.readProcNet(name)))
  for (;;) {
    const texts = await look()
    const value = await read()
    if (JSON.stringify(texts) === JSON.stringify(await look())) return { texts, value }
  }
}

const linesOf = (text: string) => text.split('\n').slice(0, -1)

export function statisticsContract(harness: Harness): void {
  const { dialect } = harness
  const fullnat = dialect === 'fullnat-v2' || dialect === 'fullnat-v3'

  describe(`statistics over ${harness.name}`, () => {
    const world = useWorld(harness)
    const client = () => world.ipvs

    it.runIf(fullnat)('stats: a row for each CPU that is online, and their sum', async () => {
      const { texts, value } = await atOneMoment(harness, ['ip_vs_stats'], () => client().stats())
      const [, , ...rows] = linesOf(texts[0] as string)
      expect(rows).toHaveLength(harness.cpus)
      expect(value.cpus).toEqual(
        rows.map((row) => ({ cpu: Number(/^CPU *(\d+):/.exec(row)?.[1]), ...numbersOf(row, false) })),
      )
      for (const name of NAMES) {
        expect(value.total[name]).toBe(value.cpus.reduce((sum, cpu) => sum + cpu[name], BigInt(0)))
      }
      expect(value.rates).toBeUndefined()
    })

    it.runIf(!fullnat)('stats: total, rates, and a row for each CPU that is possible', async () => {
      const files = ['ip_vs_stats', 'ip_vs_stats_percpu'] as const
      const { texts, value } = await atOneMoment(harness, files, () => client().stats())
      const [total, perCpu] = texts.map(linesOf) as [string[], string[]]
      expect(value.total).toEqual(numbersOf(total[2] as string, true))
      expect(value.rates).toEqual(numbersOf(total[5] as string, true))
      const rows = perCpu.slice(2, perCpu.indexOf('') - 1)
      expect(rows.length).toBeGreaterThanOrEqual(harness.cpus)
      expect(value.cpus).toEqual(
        rows.map((row) => ({ cpu: Number.parseInt(row, 16), ...numbersOf(row, true) })),
      )
    })

    it('stats: zero() of everything sets the total to zero; of each CPU only on fullnat-v2', async () => {
      const before = await client().stats()
      if (!harness.capabilities.zero) {
        await rejection(client().zero())
        expect(await client().stats()).toEqual(before)
        return
      }
      await client().zero()
      const after = await client().stats()
      expect(after.total).toEqual(zeros())
      expect(after.cpus).toEqual(fullnat ? before.cpus.map(({ cpu }) => ({ cpu, ...zeros() })) : before.cpus)
    })

    it('stats: what services come and go changes nothing', async () => {
      const before = await client().stats()
      await world.full.services.add(WEB)
      await world.full.zero(WEB).catch(() => {})
      await world.full.services.remove(WEB)
      expect((await client().stats()).cpus).toEqual(before.cpus)
    })

    it.runIf(fullnat)('extendedStats: every row, on every CPU', async () => {
      expect(harness.capabilities.extendedStats).toBe(true)
      const { texts, value } = await atOneMoment(harness, ['ip_vs_ext_stats'], () => client().extendedStats())
      const [caption, ...rows] = linesOf(texts[0] as string) as [string, ...string[]]
      expect(value.cpus.map((cpu) => `CPU${cpu}`)).toEqual(caption.trim().split(/\s+/))
      expect(value.cpus).toHaveLength(harness.cpus)
      const seen = rows.map((row) => {
        const [name, counts] = row.split(':') as [string, string]
        const perCpu = counts.trim().split(/\s+/).map(BigInt)
        return { name: name.trim(), perCpu, total: perCpu.reduce((sum, count) => sum + count, BigInt(0)) }
      })
      expect(value.counters).toMatchObject(seen)
      expect(value.counters.map(({ name }) => name)).toEqual(
        extendedCounterNames(dialect as 'fullnat-v2' | 'fullnat-v3'),
      )
      for (const counter of value.counters) {
        const { group, meaning, advice } = EXTENDED_COUNTERS[counter.name as keyof typeof EXTENDED_COUNTERS]
        expect(counter).toMatchObject({ group, meaning, advice })
        expect(value.get(counter.name)).toBe(counter)
      }
      const other = dialect === 'fullnat-v2' ? 'conn_exceeded' : 'defence_ip_frag_gather'
      expect(value.get(other)).toBeUndefined()
      expect(value.get('constructor')).toBeUndefined()
    })

    it.runIf(!fullnat)('extendedStats is refused, with what to use instead', async () => {
      expect(harness.capabilities.extendedStats).toBe(false)
      const error = await expectUnsupported(client().extendedStats(), {
        operation: 'extendedStats',
        says: 'only FULLNAT kernels count these events',
      })
      expect(error.hint).toMatch(/ipvs\.stats\(\)/)
    })

    it('applicationHelpers: those that are registered', async () => {
      const { texts, value } = await atOneMoment(harness, ['ip_vs_app'], () => client().applicationHelpers())
      const [, ...rows] = linesOf(texts[0] as string)
      expect(rows).not.toHaveLength(0)
      expect(value).toEqual(
        rows.map((row) => {
          const [protocol, port, uses, name] = row.trim().split(/\s+/) as [string, string, string, string]
          return { protocol: protocol.toLowerCase(), port: Number(port), uses: Number(uses), name }
        }),
      )
    })

    it('status: where the kernel has it, else what to use instead', async () => {
      if (fullnat) {
        const error = await expectUnsupported(client().status(), { operation: 'status', says: /fixed size/ })
        expect(error.hint).toMatch(/ipvs\.info\(\)/)
        return
      }
      const text = await harness.readProcNet('ip_vs_status').catch(() => undefined)
      if (text === undefined) {
        const error = await rejection(client().status())
        expect(error).toMatchObject({
          code: 'ERR_IPVS_UNSUPPORTED',
          file: '/proc/net/ip_vs_status',
          errno: -2,
        })
        return
      }
      await world.full.services.add(WEB)
      const status = await client().status()
      expect(status.services).toBe(1)
      const { serviceTable, connectionTable, other } = status
      expect(serviceTable.buckets).toBe(2 ** serviceTable.bits)
      expect(serviceTable.chains).toEqual([{ length: 1, buckets: 1 }])
      expect(serviceTable.emptyBuckets).toBe(serviceTable.buckets - 1)
      expect(connectionTable.buckets).toBe(2 ** connectionTable.bits)
      expect(other).toEqual([])
    })

    describe('bad input', () => {
      let closed: Ipvs
      beforeAll(async () => {
        closed = await harness.open()
        await closed.close()
      })
      afterAll(() => closed.close())

      const CALLS = ['stats', 'extendedStats', 'applicationHelpers', 'status'] as const

      it.each(CALLS)('%s: options that it does not know, or of the wrong type', async (name) => {
        for (const [options, code] of [
          [{ cpu: 0 }, 'ERR_INVALID_ARG_VALUE'],
          [{ timeout: -1 }, 'ERR_OUT_OF_RANGE'],
          [{ timeout: '1' }, 'ERR_INVALID_ARG_TYPE'],
          [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
          [7, 'ERR_INVALID_ARG_TYPE'],
          [null, 'ERR_INVALID_ARG_TYPE'],
        ] as const) {
          expect(await rejection(client()[name](options as never))).toMatchObject({ code })
        }
      })

      it.each(CALLS)('%s of a closed client', async (name) => {
        if (name === 'extendedStats' && !fullnat) return
        if (name === 'status' && fullnat) return
        await expectFailure(closed[name](), { code: 'ERR_IPVS_CLOSED', operation: name, sent: false })
      })

      it.each(CALLS)('%s with a signal that is aborted already', async (name) => {
        if (name === 'extendedStats' && !fullnat) return
        if (name === 'status' && fullnat) return
        const call = client()[name]({ signal: AbortSignal.abort() })
        await expectFailure(call, { code: 'ABORT_ERR', operation: name, sent: false })
      })
    })
  })
}
