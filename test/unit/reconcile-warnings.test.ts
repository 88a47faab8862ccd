// What a plan warns of, by what the state says and, where it has no opinion, by what is there.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker, WEB } from './support/desired'

const at = destinationMaker('fullnat')
const web = (more: Partial<DesiredService>): DesiredState => ({
  services: [{ ...WEB, ...more } as DesiredService],
})

async function warned(dialect: FakeDialect, ...states: readonly DesiredState[]): Promise<string[]> {
  const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect }).transport() })
  for (const state of states.slice(0, -1)) await apply(ipvs, await plan(ipvs, state))
  const { warnings } = await plan(ipvs, states[states.length - 1] as DesiredState)
  return warnings.map(({ code }) => code)
}

const NO_LOCALS = ['fullnat-without-local-address']

describe.each(['fullnat-v2', 'fullnat-v3'] as const)('FULLNAT without a local address, on %s', (dialect) => {
  const whole = web({ localAddresses: ['10.1.0.1'], destinations: [at(1)] })

  it('is told where the state has none, and where it names none and none is there', async () => {
    expect(await warned(dialect, web({ localAddresses: [], destinations: [at(1)] }))).toEqual(NO_LOCALS)
    expect(await warned(dialect, web({ destinations: [at(1)] }))).toEqual(NO_LOCALS)
    expect(await warned(dialect, web({ localAddresses: [] }), web({ destinations: [at(1)] }))).toEqual(
      NO_LOCALS,
    )
    expect(await warned(dialect, whole, web({ localAddresses: [] }))).toEqual(NO_LOCALS)
  })

  it('is not told where there is one', async () => {
    expect(await warned(dialect, whole)).toEqual([])
    expect(await warned(dialect, whole, web({ destinations: [at(1), at(2)] }))).toEqual([])
    const masquerade = at(1, { forwarding: 'masquerade' })
    expect(await warned(dialect, web({ destinations: [masquerade] }))).toEqual([])
    const off = at(2, { state: 'off' })
    expect(
      await warned(dialect, whole, web({ localAddresses: [], destinations: [off, masquerade] })),
    ).toEqual([])
    // Another service has some.
    const other = { ...WEB, port: 81, localAddresses: ['10.1.0.1'] } as DesiredService
    const both = { services: [...(web({ destinations: [at(1)] }).services ?? []), other] }
    expect(await warned(dialect, both)).toEqual(NO_LOCALS)
  })
})

describe('on mainline', () => {
  const nat = (more: Partial<DesiredDestination> = {}) => at(1, { forwarding: 'masquerade', ...more })

  it('a kernel without local addresses lacks none', async () => {
    expect(await warned('mainline', web({ destinations: [at(1), nat({ port: 81 })] }))).toEqual([])
  })

  it('a service whose destinations all take nothing is told, and an empty one is not', async () => {
    for (const destinations of [
      [nat({ weight: 0 })],
      [nat({ state: 'off' })],
      [nat({ state: 'drain' })],
      [nat({ state: 'off' }), nat({ port: 81, weight: 0 }), nat({ port: 82, state: 'drain' })],
    ]) {
      expect(await warned('mainline', web({ destinations }))).toEqual(['no-weight'])
    }
    expect(await warned('mainline', web({ destinations: [] }))).toEqual([])
    expect(await warned('mainline', web({}))).toEqual([])
    expect(
      await warned('mainline', web({ destinations: [nat({ state: 'off' }), nat({ port: 81 })] })),
    ).toEqual([])
  })
})

it('connections that are cut are those of destinations that have some', async () => {
  const kernel = new FakeKernel({ dialect: 'mainline' })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const nat = [1, 2, 3].map((last) => at(last, { forwarding: 'masquerade' }))
  await apply(ipvs, await plan(ipvs, web({ scheduler: 'rr', destinations: nat })))
  for (const n of [1, 2]) kernel.connect({ client: `203.0.113.${n}:1000`, service: WEB })
  for (const next of [web({ scheduler: 'rr', destinations: [] }), { services: [] }]) {
    expect((await plan(ipvs, next)).warnings.map(({ message }) => message)).toEqual([
      '2 active connections of 2 destinations that go hang until they time out (expire_nodest_conn 0)',
    ])
  }
  expect((await plan(ipvs, web({ scheduler: 'rr', destinations: nat }))).warnings).toEqual([])
})

it('a port is used again with conn_reuse_mode 0 alone', async () => {
  const kernel = new FakeKernel({ dialect: 'mainline' })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const [one, two] = [1, 2].map((last) => at(last, { forwarding: 'masquerade' })) as DesiredDestination[]
  await apply(ipvs, await plan(ipvs, web({ destinations: [one, two] as DesiredDestination[] })))
  const draining = web({ destinations: [one as DesiredDestination, at(2, { ...two, state: 'drain' })] })
  for (const [mode, codes] of [
    [0, ['drain-port-reuse']],
    [1, []],
    [2, []],
    [3, []],
  ] as const) {
    await ipvs.sysctl.set('conn_reuse_mode', mode)
    expect((await plan(ipvs, draining)).warnings.map(({ code }) => code)).toEqual(codes)
  }
})

it('ports of local addresses are taken by connections that end, too', async () => {
  const kernel = new FakeKernel({ dialect: 'fullnat-v2', localPorts: { min: 5000, max: 5003 } })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const state = web({ localAddresses: ['10.1.0.1'], destinations: [at(1)] })
  await apply(ipvs, await plan(ipvs, state))
  for (const n of [1, 2, 3, 4]) kernel.connect({ client: `203.0.113.${n}:1000`, service: WEB }).close()
  expect(await ipvs.destinations.list(WEB)).toMatchObject([{ activeConnections: 0, inactiveConnections: 4 }])
  expect((await plan(ipvs, state)).warnings.map(({ code }) => code)).toEqual(['local-address-capacity'])
})

it('a SYN proxy and answers that do not come back through it', async () => {
  const state = (forwarding: DesiredDestination['forwarding'], state: DesiredDestination['state'] = 'on') =>
    web({ synproxy: true, localAddresses: ['10.1.0.1'], destinations: [at(1, { forwarding, state }), at(2)] })
  for (const forwarding of ['direct-route', 'tunnel'] as const) {
    expect(await warned('fullnat-v2', state(forwarding))).toEqual(['synproxy-without-nat'])
    expect(await warned('fullnat-v2', state(forwarding, 'off'))).toEqual([])
  }
  expect(await warned('fullnat-v2', state('masquerade'))).toEqual([])
})
