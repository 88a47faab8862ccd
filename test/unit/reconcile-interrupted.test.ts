// What becomes of a plan that is not done to its end: aborted at any request, or with others who write between any two. Each outcome
// says what is where, and the next plan does the rest.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { destinationKeyId, serviceKeyId } from '../../lib/model/keys'
import type { Snapshot } from '../../lib/model/types'
import type { Applied, PlanStep } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { DIALECTS } from './fake-support'

const isWrite = (operation: string): boolean => /\.(add|set|remove)$/.test(operation)

const serviceKey = (n: number) => ({ protocol: 'tcp', address: '192.0.2.1', port: 1000 + n }) as const

/** `count` services; `round` decides what each has. */
function stateOf(dialect: FakeDialect, count: number, round: number): DesiredState {
  const services = Array.from({ length: count }, (_, n): DesiredService => {
    const destinations = [0, 1, 2, 3].map(
      (i): DesiredDestination => ({
        address: `10.9.0.${1 + ((n + i + round) % 6)}`,
        port: 8080,
        forwarding: dialect === 'mainline' ? 'masquerade' : 'fullnat',
        weight: 1 + ((n * round + i) % 3),
      }),
    )
    const scheduler = ['rr', 'wrr', 'wlc'][(n + round) % 3]
    const base = { ...serviceKey(n + round), scheduler, destinations }
    return dialect === 'mainline' ? base : { ...base, localAddresses: [`10.1.0.${1 + ((n + round) % 4)}`] }
  })
  return { services }
}

/** 50 services; from one `round` to the next half of the destinations of each go, come and change: more than three jobs. */
const largeState = (dialect: FakeDialect, round: number): DesiredState => ({
  services: Array.from({ length: 50 }, (_, n): DesiredService => {
    const destinations = Array.from(
      { length: 50 },
      (_unused, i): DesiredDestination => ({
        address: `10.9.${n}.${1 + i + 25 * round}`,
        port: 8080,
        forwarding: dialect === 'mainline' ? 'masquerade' : 'fullnat',
        weight: 1 + round,
      }),
    )
    const base = { ...serviceKey(n), destinations }
    return dialect === 'mainline' ? base : { ...base, localAddresses: [`10.1.0.${1 + round}`] }
  }),
})

/** The object of a step, undefined where there is none. */
function objectOf({ services }: Snapshot, step: PlanStep): unknown {
  if (!('service' in step)) return undefined
  const found = services.find(({ service }) => serviceKeyId(service) === serviceKeyId(step.service))
  if (!found || step.kind === 'service') return found?.service
  if (step.kind === 'localAddress') {
    return found.localAddresses.find(({ address }) => address === step.localAddress)
  }
  const id = destinationKeyId(step.destination)
  return found.destinations.find((one) => destinationKeyId(one) === id)
}

const nameOf = (step: PlanStep): string => `${step.verb} ${step.kind} ${step.message}`

/** Outcomes that say something else than the kernel. */
function lies({ outcomes }: Applied, before: Snapshot, after: Snapshot): string[] {
  const found: string[] = []
  for (const { step, status } of outcomes) {
    const [was, is] = [objectOf(before, step), objectOf(after, step)]
    const didIt = status === 'done' || status === 'already'
    const wanted = step.verb === 'remove' ? undefined : (step as { after?: object }).after
    if (!didIt) {
      // Its service may have gone by another step.
      if (is !== undefined) expect(is, nameOf(step)).toMatchObject(configOf(was))
      else if (was !== undefined && step.kind === 'service') found.push(`${nameOf(step)} ${status}: is gone`)
    } else if (step.verb === 'remove') {
      if (is !== undefined) found.push(`${nameOf(step)} ${status}: is there`)
    } else if (is === undefined) found.push(`${nameOf(step)} ${status}: is not there`)
    else if (wanted) expect(is, nameOf(step)).toMatchObject(configOf(wanted))
  }
  return found
}

/** What a plan changes of an object. */
const configOf = (object: unknown): object => {
  const { weight, forwarding, scheduler } = (object ?? {}) as Record<string, unknown>
  const named = { weight, forwarding, scheduler }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
}

const open = (kernel: FakeKernel) => Ipvs.open({ transport: kernel.transport() })

/** Calls `run` before the write with this number, counted from 0. */
function atWrite(kernel: FakeKernel, number: number, run: () => void): () => number {
  let writes = 0
  kernel.fail(
    ({ operation }) => {
      if (isWrite(operation) && writes++ === number) run()
      return false
    },
    'EIO',
    { times: Number.POSITIVE_INFINITY },
  )
  return () => writes
}

async function converges(ipvs: Ipvs, desired: DesiredState): Promise<void> {
  for (let round = 0; ; round++) {
    const todo = await plan(ipvs, desired)
    if (todo.steps.length === 0) return
    expect(round).toBeLessThan(6)
    await apply(ipvs, todo)
  }
}

describe.each(DIALECTS)('on %s', (dialect) => {
  it.each([0, 1500, 2700])('an apply that is aborted at write %d says what is where', async (number) => {
    const kernel = new FakeKernel({ dialect })
    const [ipvs, watch] = await Promise.all([open(kernel), open(kernel)])
    await apply(ipvs, await plan(ipvs, largeState(dialect, 0)))
    const before = await watch.snapshot()
    const next = largeState(dialect, 1)
    const todo = await plan(ipvs, next)
    const controller = new AbortController()
    atWrite(kernel, number, () => controller.abort())
    const applied = await apply(ipvs, todo, { signal: controller.signal })
    expect(applied.outcomes.map(({ step }) => step)).toEqual(todo.steps)
    expect(lies(applied, before, await watch.snapshot())).toEqual([])
    // The job that was with the kernel is done, others are not.
    expect(applied).toMatchObject({ complete: false, counts: { failed: 0, unknown: 0 } })
    expect(applied.counts.done).toBeGreaterThan(number)
    expect(applied.counts.skipped).toBeGreaterThan(0)
    kernel.clearFaults()
    // What is left is what was left out.
    expect((await plan(ipvs, next)).steps).toHaveLength(applied.counts.skipped)
    await converges(ipvs, next)
  })

  it('an apply that was aborted before it began sends nothing', async () => {
    const kernel = new FakeKernel({ dialect })
    const ipvs = await open(kernel)
    const todo = await plan(ipvs, stateOf(dialect, 2, 0))
    kernel.requests.length = 0
    const applied = await apply(ipvs, todo, { signal: AbortSignal.abort() })
    expect(new Set(applied.outcomes.map(({ status, why }) => `${status} ${why}`))).toEqual(
      new Set(['skipped aborted']),
    )
    expect(kernel.requests).toEqual([])
  })

  const fault = fc.record({
    at: fc.integer({ min: 0, max: 60 }),
    kind: fc.constantFrom('ENOMEM', 'EEXIST', 'ENOENT', 'ESRCH', 'EBUSY', 'lose'),
  })

  it('whatever fails at whatever request, each outcome is what the kernel has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (faults, round) => {
          const kernel = new FakeKernel({ dialect })
          const [ipvs, watch] = await Promise.all([open(kernel), open(kernel)])
          await apply(ipvs, await plan(ipvs, stateOf(dialect, 6, 0)))
          const before = await watch.snapshot()
          const next = stateOf(dialect, 6, round)
          const todo = await plan(ipvs, next)
          let writes = 0
          kernel.fail(
            ({ operation }) => {
              if (!isWrite(operation)) return false
              const wrong = faults.find(({ at }) => at === writes)
              writes++
              if (wrong?.kind === 'lose') kernel.loseAnswer(operation)
              else if (wrong) kernel.fail(operation, wrong.kind as 'ENOMEM')
              return false
            },
            'EIO',
            { times: Number.POSITIVE_INFINITY },
          )
          const applied = await apply(ipvs, todo)
          kernel.clearFaults()
          expect(applied.counts.unknown).toBe(0)
          expect(lies(applied, before, await watch.snapshot())).toEqual([])
          await converges(ipvs, next)
        },
      ),
      { numRuns: 60 },
    )
  })

  /** Another program, which writes between any two requests. */
  const writer = fc.record({
    at: fc.integer({ min: 0, max: 60 }),
    what: fc.constantFrom(
      'remove service',
      'add service',
      'remove destination',
      'weight',
      'local address',
      'foreign',
    ),
    n: fc.integer({ min: 0, max: 7 }),
  })

  it('others who write between any two requests lose nothing that is theirs, and the next plan mends the rest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(writer, { maxLength: 8 }), async (writers) => {
        const kernel = new FakeKernel({ dialect })
        const [ipvs, other] = await Promise.all([open(kernel), open(kernel)])
        const manage = { addresses: ['192.0.2.1'] }
        const foreign = (n: number) => ({ protocol: 'udp', address: '198.51.100.1', port: 53 + n }) as const
        await apply(ipvs, await plan(ipvs, stateOf(dialect, 6, 0), { manage }))
        const next = stateOf(dialect, 6, 2)
        const theirs = new Set<number>()
        const pending: Promise<unknown>[] = []
        const write = ({ what, n }: { what: string; n: number }): Promise<unknown> => {
          const key = serviceKey(n)
          const to = { address: `10.9.0.${1 + (n % 6)}`, port: 8080 }
          if (what === 'remove service') return other.services.remove(key)
          if (what === 'add service') return other.services.add({ ...key, scheduler: 'lc' })
          if (what === 'remove destination') return other.destinations.remove(key, to)
          if (what === 'weight') return other.destinations.update(key, to, { weight: 0 })
          if (what === 'local address') return other.localAddresses.remove(key, `10.1.0.${1 + (n % 4)}`)
          theirs.add(n)
          return other.services.add(foreign(n))
        }
        let requests = 0
        kernel.fail(
          () => {
            for (const one of writers.filter(({ at }) => at === requests)) {
              pending.push(write(one).catch(() => {}))
            }
            requests++
            return false
          },
          'EIO',
          { times: Number.POSITIVE_INFINITY },
        )
        const applied = await apply(ipvs, await plan(ipvs, next, { manage }))
        expect(applied.counts.unknown).toBe(0)
        await Promise.all(pending)
        kernel.clearFaults()
        for (let round = 0; ; round++) {
          const todo = await plan(ipvs, next, { manage })
          if (todo.steps.length === 0) break
          expect(round).toBeLessThan(6)
          await apply(ipvs, todo)
        }
        for (const n of theirs) expect(await other.services.get(foreign(n))).toBeDefined()
      }),
      { numRuns: 60 },
    )
  })
})
