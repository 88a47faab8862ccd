// Every property that a kernel keeps is compared: another value is a step that says so, the same one is none.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'

const WEB = { protocol: 'udp', address: '192.0.2.1', port: 80, scheduler: 'rr' } as const
const V6 = { ...WEB, address: '2001:db8::1' } as const
const TO = { address: '10.9.0.1', port: 8080, forwarding: 'tunnel' } as const

async function messages(dialect: FakeDialect, first: DesiredState, second: DesiredState): Promise<string[]> {
  const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect }).transport() })
  expect(await apply(ipvs, await plan(ipvs, first))).toMatchObject({ complete: true, counts: { skipped: 0 } })
  expect((await plan(ipvs, first)).steps).toEqual([])
  const { steps } = await plan(ipvs, second)
  expect(new Set(steps.map(({ verb }) => verb))).toEqual(new Set(steps.length > 0 ? ['change'] : []))
  expect(await apply(ipvs, { ...(await plan(ipvs, second)) })).toMatchObject({ complete: true })
  expect((await plan(ipvs, second)).steps).toEqual([])
  return steps.map(({ message }) => message)
}

type Change = readonly [FakeDialect, Partial<DesiredService>, Partial<DesiredService>, string]
const persistent = (more: object) => ({ persistence: { timeout: 60, ...more } })

describe('a service', () => {
  it.each<Change>([
    ['mainline', {}, { scheduler: 'wrr' }, 'scheduler rr -> wrr'],
    ['mainline', { scheduler: 'rr' }, { scheduler: undefined }, 'scheduler rr -> wlc'],
    ['mainline', {}, persistent({}), 'persistence none -> timeout 60'],
    [
      'mainline',
      persistent({}),
      { persistence: null },
      'persistence timeout 60 netmask 255.255.255.255 -> none',
    ],
    [
      'mainline',
      persistent({}),
      persistent({ timeout: 61 }),
      'persistence timeout 60 netmask 255.255.255.255 -> timeout 61',
    ],
    [
      'mainline',
      persistent({}),
      persistent({ netmask: '255.255.0.0' }),
      'persistence timeout 60 netmask 255.255.255.255 -> timeout 60 netmask 255.255.0.0',
    ],
    [
      'mainline',
      persistent({}),
      persistent({ engine: 'sip' }),
      'persistence timeout 60 netmask 255.255.255.255 -> timeout 60 engine sip',
    ],
    ['mainline', {}, { onePacket: true }, 'onePacket false -> true'],
    ['mainline', { onePacket: true }, {}, 'onePacket true -> false'],
    ['mainline', {}, { schedulerFlags: ['flag-2', 'flag-1'] }, 'schedulerFlags none -> flag-2,flag-1'],
    ['mainline', { schedulerFlags: ['flag-1'] }, {}, 'schedulerFlags flag-1 -> none'],
    ['fullnat-v2', { protocol: 'tcp' }, { protocol: 'tcp', synproxy: true }, 'synproxy false -> true'],
    [
      'fullnat-v3',
      { protocol: 'tcp', establishedTimeout: 90 },
      { protocol: 'tcp', establishedTimeout: 91 },
      'establishedTimeout 90 -> 91',
    ],
  ])('on %s: %j, then %j', async (dialect, first, second, message) => {
    const state = (more: Partial<DesiredService>) =>
      ({ services: [{ ...WEB, ...more }] }) as unknown as DesiredState
    expect(await messages(dialect, state(first), state(second))).toEqual([message])
  })

  it.each<readonly [FakeDialect, Partial<DesiredService>, Partial<DesiredService>]>([
    ['mainline', persistent({}), persistent({ netmask: '255.255.255.255' })],
    ['mainline', { ...V6, ...persistent({}) }, { ...V6, ...persistent({ netmask: 128 }) }],
    // No opinion: the kernel has its own.
    ['fullnat-v3', { protocol: 'tcp', establishedTimeout: 91 }, { protocol: 'tcp' }],
    ['mainline', {}, { persistence: null, onePacket: false, schedulerFlags: [], name: 'web' }],
    ['mainline', { scheduler: undefined }, { scheduler: 'wlc' }],
  ])('on %s: %j is the same as %j', async (dialect, first, second) => {
    const state = (more: Partial<DesiredService>) =>
      ({ services: [{ ...WEB, ...more }] }) as unknown as DesiredState
    expect(await messages(dialect, state(first), state(second))).toEqual([])
  })
})

describe('a destination', () => {
  const state = (more: Partial<DesiredDestination>): DesiredState => ({
    services: [{ ...WEB, destinations: [{ ...TO, ...more }] } as DesiredService],
  })
  const tunnel = (more: object) =>
    ({ tunnel: { type: 'gue', port: 6080, ...more } }) as Partial<DesiredDestination>
  const LIMITS = { upperThreshold: 9, lowerThreshold: 5 }

  it.each([
    [{}, { weight: 7 }, 'weight 1 -> 7'],
    [{}, { forwarding: 'masquerade' }, 'forwarding tunnel -> masquerade'],
    [LIMITS, { ...LIMITS, upperThreshold: 8 }, 'upperThreshold 9 -> 8'],
    [LIMITS, { ...LIMITS, lowerThreshold: 4 }, 'lowerThreshold 5 -> 4'],
    [LIMITS, {}, 'upperThreshold 9 -> 0, lowerThreshold 5 -> 0'],
    [{}, tunnel({}), 'tunnel type ipip checksum none -> type gue port 6080'],
    [tunnel({}), tunnel({ port: 6081 }), 'tunnel type gue port 6080 checksum none -> type gue port 6081'],
    [
      tunnel({}),
      tunnel({ checksum: 'full' }),
      'tunnel type gue port 6080 checksum none -> type gue port 6080 checksum full',
    ],
    [{ tunnel: { type: 'gre' } }, { tunnel: { type: 'ipip' } }, 'tunnel type gre checksum none -> type ipip'],
  ] as const)('%j, then %j', async (first, second, message) => {
    expect(await messages('mainline', state(first as object), state(second as object))).toEqual([message])
  })

  it.each([
    [{}, { weight: 1, upperThreshold: 0, lowerThreshold: 0, state: 'on', reason: 'health' }],
    [{}, { tunnel: null }],
    [{}, { tunnel: { type: 'ipip' } }],
    [tunnel({}), tunnel({ checksum: 'none' })],
    [tunnel({ type: 'gre', port: undefined }), tunnel({ type: 'gre', port: undefined, checksum: 'none' })],
  ] as const)('%j is the same as %j', async (first, second) => {
    expect(await messages('mainline', state(first as object), state(second as object))).toEqual([])
  })
})
