// Calls made in one tick come to the same as calls that are awaited one by one, whatever they share on their way.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs, type ServiceKey } from '../../lib'
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
  ...(['localAddresses.add', 'localAddresses.set', 'localAddresses.ensure', 'localAddresses.get'] as const),
  ...(['localAddresses.remove', 'localAddresses.list', 'zero', 'iterate', 'batch', 'everything'] as const),
]
/** More of what looks into a list. */
const weighted = [
  ...calls,
  ...(['destinations.ensure', 'destinations.ensure', 'destinations.ensure', 'destinations.update'] as const),
  ...(['destinations.update', 'destinations.get', 'destinations.get', 'services.ensure'] as const),
  ...(['localAddresses.ensure', 'localAddresses.ensure', 'localAddresses.set', 'batch', 'batch'] as const),
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

async function read<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

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
    case 'localAddresses.add':
      return ipvs.localAddresses.add(key, `10.1.0.${port}`)
    case 'localAddresses.set':
      return ipvs.localAddresses.set(key, [`10.1.0.${port}`, `10.1.0.${weight}`].slice(0, weight))
    case 'localAddresses.ensure':
      return ipvs.localAddresses.ensure(key, `10.1.0.${port}`)
    case 'localAddresses.get':
      return ipvs.localAddresses.get(key, `10.1.0.${port}`)
    case 'localAddresses.remove':
      return ipvs.localAddresses.remove(key, `10.1.0.${port}`)
    case 'localAddresses.list':
      return ipvs.localAddresses.list(key)
    case 'zero':
      return ipvs.zero(weight === 0 ? undefined : key)
    case 'iterate':
      return read<unknown>(weight === 0 ? ipvs.services.iterate() : ipvs.destinations.iterate(key))
    case 'everything':
      return ipvs.services.list()
    case 'batch':
      return ipvs
        .batch((batch) => {
          batch.services.ensure({ ...key, scheduler })
          batch.destinations.add(key, input)
          batch.destinations.ensure(key, { ...input, port: 1 + (port % 3) })
          if (weight === 1) batch.services.remove(services[1 - service] as ServiceKey)
          if (weight === 2) batch.destinations.update(key, target, { weight: 7 })
          batch.localAddresses.ensure(key, `10.1.0.${port}`)
          batch.destinations.remove(key, { ...target, port: 1 + ((port + 1) % 3) })
          batch.zero(key)
        })
        .then((ends) =>
          ends.map((end) => (end.status === 'rejected' ? [end.operation, codeOf(end.error)] : end)),
        )
  }
}

const codeOf = ({ code }: { code: string }) => code

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
  })
})
