// Calls made in one tick come to the same as calls that are awaited one by one, whatever they share on their way.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib'
import { FakeKernel } from '../../lib/testing'

const services = [
  { protocol: 'tcp', address: '192.0.2.1', port: 80 },
  { protocol: 'tcp', address: '192.0.2.2', port: 80 },
] as const
const dialects = ['mainline', 'fullnat-v2', 'fullnat-v3'] as const

interface Step {
  readonly call: (typeof calls)[number]
  readonly service: 0 | 1
  readonly port: number
  readonly weight: number
}

const calls = [
  ...(['services.add', 'services.ensure', 'services.get', 'services.remove', 'services.update'] as const),
  ...(['destinations.add', 'destinations.set', 'destinations.update', 'destinations.ensure'] as const),
  ...(['destinations.remove', 'destinations.get', 'destinations.list', 'snapshot', 'flush'] as const),
]
/** More of what looks into a list. */
const weighted = [
  ...calls,
  ...(['destinations.ensure', 'destinations.ensure', 'destinations.ensure', 'destinations.update'] as const),
  ...(['destinations.update', 'destinations.get', 'destinations.get', 'services.ensure'] as const),
]
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    call: fc.constantFrom(...weighted),
    service: fc.constantFrom(0 as const, 1 as const),
    port: fc.integer({ min: 1, max: 3 }),
    weight: fc.integer({ min: 0, max: 2 }),
  }),
  { minLength: 1, maxLength: 40 },
)

function start(ipvs: Ipvs, { call, service, port, weight }: Step): Promise<unknown> {
  const key = services[service]
  const target = { address: '10.0.0.1', port }
  const input = { ...target, forwarding: 'masquerade', weight } as const
  const scheduler = weight === 0 ? 'rr' : 'wrr'
  switch (call) {
    case 'services.add':
    case 'services.ensure':
      return ipvs.services[call === 'services.add' ? 'add' : 'ensure']({ ...key, scheduler })
    case 'services.update':
      return ipvs.services.update(key, { scheduler })
    case 'services.get':
      return ipvs.services.get(key)
    case 'services.remove':
      return ipvs.services.remove(key)
    case 'destinations.add':
      return ipvs.destinations.add(key, input)
    case 'destinations.set':
      return ipvs.destinations.set(key, input)
    case 'destinations.update':
      return ipvs.destinations.update(key, target, { weight })
    case 'destinations.ensure':
      return ipvs.destinations.ensure(key, input)
    case 'destinations.remove':
      return ipvs.destinations.remove(key, target)
    case 'destinations.get':
      return ipvs.destinations.get(key, target)
    case 'destinations.list':
      return ipvs.destinations.list(key)
    case 'snapshot':
      return ipvs.snapshot()
    case 'flush':
      return ipvs.flush()
  }
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ['resolved', value],
    ({ code, operation }) => ['rejected', operation, code],
  )

async function withKernel<T>(dialect: (typeof dialects)[number], work: (ipvs: Ipvs) => Promise<T>) {
  const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect }).transport() })
  await ipvs.services.add(services[0])
  const results = await work(ipvs)
  const state = await ipvs.snapshot()
  await ipvs.close()
  return { results, state }
}

describe.each(dialects)('on %s', (dialect) => {
  it('one tick is as good as one by one', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const awaited = await withKernel(dialect, async (ipvs) => {
          const results: unknown[] = []
          for (const step of list) results.push(await outcome(start(ipvs, step)))
          return results
        })
        const atOnce = await withKernel(dialect, (ipvs) =>
          Promise.all(list.map((step) => outcome(start(ipvs, step)))),
        )
        expect(atOnce).toEqual(awaited)
      }),
      { numRuns: 300 },
    )
  }, 60_000)
})
