// Plans on the kernel that this guest runs: what is applied leaves nothing to do, and each step leaves what works.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/reconcile'
import { library, PATIENT, project } from './support/library'
import { prepareNetwork } from './support/network'

const { apply, plan }: typeof import('../../lib/reconcile') = createRequire(import.meta.url)(
  join(project, 'dist/reconcile'),
)

prepareNetwork()
const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const forwarding = can.fullnat ? 'fullnat' : 'masquerade'

const to = (last: number, more: Partial<DesiredDestination> = {}): DesiredDestination => ({
  address: `10.77.0.${last}`,
  port: 8080,
  forwarding,
  ...more,
})
const addresses = (...lasts: number[]) =>
  can.localAddresses ? { localAddresses: lasts.map((last) => `10.77.0.${last}`) } : {}
const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const V6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
const MARK = { fwmark: 7 } as const

const FIRST: DesiredState = {
  services: [
    { ...WEB, scheduler: 'wrr', ...addresses(101, 102), destinations: [to(11, { weight: 3 }), to(12)] },
    { ...V6, persistence: { timeout: 300, netmask: 64 }, destinations: [] },
    { ...MARK, destinations: [to(11, { forwarding: 'masquerade', upperThreshold: 10, lowerThreshold: 5 })] },
  ] as DesiredService[],
}
const SECOND: DesiredState = {
  services: [
    {
      ...WEB,
      ...(can.synproxy ? { synproxy: true } : {}),
      ...(can.establishedTimeout ? { establishedTimeout: 77 } : {}),
      ...addresses(102, 103),
      destinations: [to(12, { weight: 9 }), to(13), to(11, { state: 'drain' })],
    },
    { ...V6, destinations: [] },
    { protocol: 'udp', address: '192.0.2.1', port: 53, destinations: [] },
  ] as DesiredService[],
  timeouts: { tcp: 444 },
}

describe(`the reconcile on ${can.dialect}`, () => {
  const timeouts = ipvs.timeouts.get()
  beforeEach(() => ipvs.flush())
  afterAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set(await timeouts)
    await ipvs.close()
  })

  it('what was applied leaves nothing to do, from each state to the other', async () => {
    for (const desired of [FIRST, SECOND, FIRST, { services: [] }]) {
      const todo = await plan(ipvs, desired)
      expect(todo.steps.filter(({ verb }) => verb === 'report')).toEqual([])
      const { complete, outcomes } = await apply(ipvs, todo)
      expect(outcomes.filter(({ status }) => status !== 'done')).toEqual([])
      expect(complete).toBe(true)
      // What drains without connections is gone with the next look.
      await apply(ipvs, await plan(ipvs, desired))
      expect((await plan(ipvs, desired)).steps).toEqual([])
    }
    expect(await ipvs.services.list()).toEqual([])
  })

  it('after every single step the service has a destination, and a way to it', async () => {
    await apply(ipvs, await plan(ipvs, FIRST))
    const { steps, ...rest } = await plan(ipvs, SECOND)
    expect(steps.length).toBeGreaterThan(5)
    for (const step of steps) {
      await apply(ipvs, { ...rest, steps: [step] })
      const destinations = await ipvs.destinations.list(WEB)
      expect(destinations.some(({ weight }) => weight > 0)).toBe(true)
      if (can.localAddresses) expect(await ipvs.localAddresses.list(WEB)).not.toEqual([])
    }
  })

  it('another program that was faster is no failure, one that changed something is', async () => {
    const todo = await plan(ipvs, FIRST)
    await apply(ipvs, todo)
    expect(await apply(ipvs, todo)).toMatchObject({ complete: true, counts: { done: 0 } })
    const next = await plan(ipvs, SECOND)
    await ipvs.destinations.update(WEB, to(12), { weight: 5 })
    const { outcomes } = await apply(ipvs, next)
    expect(outcomes.filter(({ why }) => why === 'changed-meanwhile')).toHaveLength(1)
    await apply(ipvs, await plan(ipvs, SECOND))
    await apply(ipvs, await plan(ipvs, SECOND))
    expect((await plan(ipvs, SECOND)).steps).toEqual([])
  })
})
