// A scrape of a large table lets the event loop turn while it is made into what goes out.

import { describe, expect, it } from 'vitest'
import type { IpvsError } from '../../../lib'
import { type CollectOptions, collect, collector } from '../../../lib/metrics'
import { turnsOf } from '../support/turns'
import { destination, entry, extendedOf, service, sourceOf } from './sources'

const ROWS = 5000
const targets = (count: number) =>
  Array.from({ length: count }, (_, i) => destination(`10.0.${i >> 8}.${i & 255}`, 80, { weight: i }))
const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const locals = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    return { address: `10.1.${i >> 8}.${i & 255}`, connections: 1, portConflicts: BigInt(0) }
  })
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => entry(service({ fwmark: i + 1 }, { connections: BigInt(i) })))

const one = sourceOf({ services: [entry(service(WEB), targets(ROWS))] })
const only = (families: CollectOptions['families']): CollectOptions => ({ families, timeout: 0 })

/** A turn for every few hundred rows and lines. */
const PIECE = 300

describe('collect()', () => {
  // Made into a row, then into a line for each family.
  it.each([
    ['destinations, all of one service', one, only(['destinations']), 1 + 8],
    ['services', sourceOf({ services: many(ROWS) }), only(['services']), 1 + 5],
    [
      'local addresses',
      sourceOf({ services: [entry(service(WEB), [], locals(ROWS))] }),
      only(['localAddresses']),
      1 + 2,
    ],
    ['those of node_exporter', one, { ...only([]), compat: 'node_exporter' } as const, 1 + 3],
    [
      'extended statistics',
      sourceOf({
        extendedStats: async () => {
          const cpus = Array.from({ length: 250 }, (_, i) => i)
          const rows = Array.from({ length: ROWS / 250 }, (_, i) => [`row_${i}`, cpus.map(BigInt)] as const)
          return extendedOf(cpus, Object.fromEntries(rows))
        },
      }),
      only(['extended']),
      1 + 1,
    ],
  ])('%s', async (_, source, options, times) => {
    const { turns, value } = await turnsOf(() => collect(source, options))
    expect(value.split('\n').length).toBeGreaterThan((times - 1) * ROWS)
    expect(turns).toBeGreaterThan((times * ROWS) / PIECE)
  })

  it('is of the snapshot that was read first, and asks the source once', async () => {
    const source = sourceOf({ services: [entry(service(WEB), targets(ROWS))] })
    const [text] = await Promise.all([collect(source), collect(source), collect(source)])
    expect(text?.match(/^ipvs_destination_weight\{/gm)).toHaveLength(ROWS)
    expect(source.asked.filter((call) => call.startsWith('snapshot'))).toHaveLength(1)
  })

  it('an abort between two pieces ends it', async () => {
    const controller = new AbortController()
    let asked = 0
    const name = () => {
      // The first row: no piece is over yet.
      if (asked++ === 0) setImmediate(() => controller.abort(new Error('enough')))
      return 'x'
    }
    const source = sourceOf({ services: many(ROWS) })
    const error = await collect(source, { ...only(['services']), name, signal: controller.signal }).catch(
      (reason: unknown) => reason as IpvsError,
    )
    expect(error).toMatchObject({ code: 'ABORT_ERR', operation: 'metrics.collect' })
    // Nothing is made for nobody.
    expect(asked).toBeLessThan(ROWS)
  })

  it('so does the deadline: it is that of the whole scrape', async () => {
    let asked = 0
    const name = () => {
      if (asked++ > 0) return 'x'
      const late = performance.now() + 1
      while (performance.now() < late);
      return 'x'
    }
    const source = sourceOf({ services: many(ROWS) })
    const options = { ...only(['services']), name }
    await expect(collect(source, { ...options, timeout: 1 })).rejects.toMatchObject({
      code: 'ERR_IPVS_TIMEOUT',
    })
    expect(asked).toBeLessThan(ROWS)
  })

  it('what `name` throws late, the scrape rejects with', async () => {
    let asked = 0
    const name = () => {
      if (asked++ === ROWS - 1) throw new RangeError('no name')
      return 'x'
    }
    await expect(collect(sourceOf({ services: many(ROWS) }), { name })).rejects.toThrow(
      new RangeError('no name'),
    )
  })
})

it('collector(): our half, for every registered family at once', async () => {
  interface Metric {
    readonly name: string
    get(): Promise<{ readonly values: readonly { readonly labels: object; readonly value: number }[] }>
  }
  const metrics: Metric[] = []
  const register = {
    registerMetric: (metric: object) => metrics.push(metric as Metric),
    removeSingleMetric() {},
  }
  collector(one, { client: { register }, families: ['destinations'] })
  const { turns, value } = await turnsOf(() => Promise.all(metrics.map((metric) => metric.get())))
  expect(value.map(({ values }) => values.length)).toEqual(metrics.map(() => ROWS))
  const weights = value[metrics.findIndex(({ name }) => name === 'ipvs_destination_weight')]
  expect(weights?.values[ROWS - 1]).toMatchObject({ value: ROWS - 1, labels: { destination_port: '80' } })
  expect(turns).toBeGreaterThan((9 * ROWS) / PIECE)
})
