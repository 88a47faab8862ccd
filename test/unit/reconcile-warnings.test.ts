// What a plan warns of, by what the state says and, where it has no opinion, by what is there.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const at = (last: number, more: Partial<DesiredDestination> = {}): DesiredDestination => ({
  address: `10.9.0.${last}`,
  port: 8080,
  forwarding: 'fullnat',
  ...more,
})
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

it('a SYN proxy and answers that do not come back through it', async () => {
  const state = (forwarding: DesiredDestination['forwarding'], state: DesiredDestination['state'] = 'on') =>
    web({ synproxy: true, localAddresses: ['10.1.0.1'], destinations: [at(1, { forwarding, state }), at(2)] })
  for (const forwarding of ['direct-route', 'tunnel'] as const) {
    expect(await warned('fullnat-v2', state(forwarding))).toEqual(['synproxy-without-nat'])
    expect(await warned('fullnat-v2', state(forwarding, 'off'))).toEqual([])
  }
  expect(await warned('fullnat-v2', state('masquerade'))).toEqual([])
})
