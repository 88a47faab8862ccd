// Desired states as they come out of files: through JSON and YAML, in every spelling, and as nobody should write them.

import { describe, expect, it } from 'vitest'
import { parseStateText } from '../../lib/cli/state-text'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredState } from '../../lib/model/desired-state'
import type { DesiredStateError } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import { checkDesiredState } from '../../lib/reconcile/wanted'
import { FakeKernel } from '../../lib/testing'

const yaml = (text: string): DesiredState => parseStateText({ name: 'state.yaml', bytes: Buffer.from(text) })

function findProblems(state: unknown): DesiredStateError['problems'] {
  try {
    checkDesiredState(state as DesiredState)
    return []
  } catch (error) {
    return (error as DesiredStateError).problems
  }
}
const problemsOf = (state: unknown): string[] => findProblems(state).map(({ path }) => path)

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const DRAIN = { address: '10.9.0.1', port: 80, forwarding: 'masquerade', state: 'drain' }
const drainUntil = (until: unknown) => ({ services: [{ ...WEB, destinations: [{ ...DRAIN, until }] }] })

describe('YAML', () => {
  it('with anchors and merge keys is what it says', () => {
    const state = yaml(`
shared: &web { protocol: tcp, port: 80, scheduler: wrr }
reals: &reals
  - { address: 10.9.0.1, port: 8080, forwarding: fullnat }
services:
  - { <<: *web, address: 192.0.2.1, destinations: *reals }
  - { <<: *web, address: 192.0.2.2, port: 81, destinations: *reals }
`)
    const { services, ...rest } = state as { services: object[] }
    const destinations = [{ address: '10.9.0.1', port: 8080, forwarding: 'fullnat' }]
    expect(services).toEqual([
      { ...WEB, scheduler: 'wrr', destinations },
      { ...WEB, address: '192.0.2.2', port: 81, scheduler: 'wrr', destinations },
    ])
    expect(problemsOf({ services })).toEqual([])
    // What stands at the top belongs to the state.
    expect(problemsOf({ services, ...rest })).toEqual(['state.shared', 'state.reals'])
  })

  it('has times, bare and as a timestamp', () => {
    const text = (until: string) => `services:
  - { protocol: tcp, address: 192.0.2.1, port: 80,
      destinations: [{ address: 10.9.0.1, port: 80, forwarding: masquerade, state: drain, until: ${until} }] }`
    expect(problemsOf(yaml(text('2030-01-01T00:00:00Z')))).toEqual([])
    expect(problemsOf(yaml(text('2030-01-01')))).toEqual(['services[0].destinations[0].until'])
  })

  it.each([
    'services: []\nservices: []\n',
    'services: []\n---\nservices: []\n',
    'services: *nobody\n',
    'services: [\t}\n',
    '',
  ])('that cannot be is refused: %j', (text) => {
    expect(() => yaml(text)).toThrow(/state\.yaml is no (YAML|desired state)/)
  })

  it('that means something else than it looks like is told by its path', () => {
    const state = yaml(
      'services: [{ protocol: TCP, address: 192.0.2.1, port: "80" }, { fwmark: "7" }]\ndaemons: yes\n',
    )
    expect(problemsOf(state)).toEqual(['services[0].protocol', 'services[1].fwmark', 'daemons'])
  })
})

describe('a time', () => {
  it.each([
    '2030-01-31T12:00:00Z',
    '2028-02-29T00:00:00Z',
    '2030-01-01T00:00Z',
    '2030-01-01T00:00:00.123Z',
    '2030-01-01T00:00:00+02:00',
    '2030-12-31T23:59:59-11:30',
  ])('is %s', (until) => {
    expect(problemsOf(drainUntil(until))).toEqual([])
  })

  it.each([
    '2030-02-30T00:00:00Z',
    '2029-02-29T00:00:00Z',
    '2030-13-01T00:00:00Z',
    '2030-00-10T00:00:00Z',
    '2030-01-32T00:00:00Z',
    '2030-01-01T25:00:00Z',
    '2030-01-01T00:60:00Z',
    '2030-01-01T00:00:00',
    '2030-01-01T00:00:00+25:00',
    '2030-01-01',
    'tomorrow',
    1893456000000,
    null,
    new Date(0),
  ])('is not %s', (until) => {
    expect(problemsOf(drainUntil(until))).toEqual(['services[0].destinations[0].until'])
  })
})

describe('every error at once', () => {
  it('of a pool, too', () => {
    const addresses = [
      '10.0.0.0/8',
      '::/0',
      '10.1.0.0/20',
      '10.1.16.0',
      '10.1.0.9',
      '10.1.0.0/33',
      'x/3',
      5,
      '10.9.0.1-10.8.0.1',
    ]
    expect(problemsOf({ pools: { a: { addresses } } })).toEqual(
      [0, 1, 3, 4, 5, 6, 7, 8].map((i) => `pools.a.addresses[${i}]`),
    )
  })

  it('of whatever is no object, no list, no word', () => {
    for (const [path, state] of [
      ['state', null],
      ['state', []],
      ['services', { services: {} }],
      ['services[0]', { services: [null] }],
      ['services[0]', { services: [[]] }],
      ['services[0].destinations', { services: [{ ...WEB, destinations: null }] }],
      ['services[0].localAddresses', { services: [{ ...WEB, localAddresses: null }] }],
      ['services[0].localAddresses.pool', { services: [{ ...WEB, localAddresses: {} }] }],
      ['services[0].localAddresses.poll', { services: [{ ...WEB, localAddresses: { poll: 'a' } }] }],
      ['services[0].drainLocalAddresses', { services: [{ ...WEB, drainLocalAddresses: {} }] }],
      ['services[0].name', { services: [{ ...WEB, name: 5 }] }],
      ['pools', { pools: [] }],
      ['pools.a', { pools: { a: null } }],
      ['pools.a.addresses', { pools: { a: { addresses: '10.1.0.1' } } }],
      ['timeouts', { timeouts: null }],
      ['daemons', { daemons: {} }],
      ['daemons[0]', { daemons: [null] }],
    ] as const) {
      expect(problemsOf(state), JSON.stringify(state)).toEqual([path])
    }
  })
})

describe('a property in two spellings', () => {
  it('is one', async () => {
    const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
    for (const schedulerFlags of [
      ['flag-2', 'flag-1', 'flag-2'],
      ['flag-1', 'flag-2'],
    ] as const) {
      const state: DesiredState = { services: [{ ...WEB, scheduler: 'sh', schedulerFlags }] }
      await apply(ipvs, await plan(ipvs, state))
      expect((await plan(ipvs, state)).steps).toEqual([])
      for (const other of [[], ['flag-1'], ['flag-1', 'flag-2', 'flag-3'], ['flag-1', 'flag-3']] as const) {
        const { steps } = await plan(ipvs, {
          services: [{ ...WEB, scheduler: 'sh', schedulerFlags: other }],
        })
        expect(steps).toMatchObject([{ verb: 'change' }])
      }
    }
  })
})

describe('one object in two spellings', () => {
  const to = (address: string) => ({ address, port: 80, forwarding: 'masquerade' })
  const twice = (...services: object[]) => problemsOf({ services })
  const V6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 }

  it('is there twice', () => {
    expect(twice(V6, { ...V6, address: '2001:DB8:0:0::1' })).toEqual(['services[1]'])
    expect(twice({ fwmark: 7 }, { fwmark: 7, family: 'ipv4' })).toEqual(['services[1]'])
    expect(twice({ fwmark: 7 }, { fwmark: 7, family: 'ipv6' })).toEqual([])
    expect(twice({ ...V6, destinations: [to('2001:db8::5'), to('2001:DB8::0:5')] })).toEqual([
      'services[0].destinations[1]',
    ])
    expect(twice({ ...V6, localAddresses: ['2001:db8::5', '2001:DB8::5'] })).toEqual([
      'services[0].localAddresses[1]',
    ])
    expect(
      twice({ ...V6, localAddresses: ['2001:db8::5'], drainLocalAddresses: [{ address: '2001:DB8::5' }] }),
    ).toEqual(['services[0].drainLocalAddresses[0].address'])
    const daemon = { state: 'backup', interface: 'eth0' }
    expect(
      problemsOf({ daemons: [daemon, { ...daemon, state: 'master' }, { ...daemon, interface: 'lo' }] }),
    ).toEqual(['daemons[2]'])
    expect(problemsOf({ pools: { a: { addresses: ['2001:db8::5', '2001:db8::/125'] } } })).toEqual([
      'pools.a.addresses[1]',
    ])
  })

  it('is found in the kernel in its own', async () => {
    const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
    const state = (address: string, destination: string) =>
      ({ services: [{ ...V6, address, destinations: [to(destination)] }, { fwmark: 7 }] }) as DesiredState
    const first = state('2001:DB8:0:0:0:0:0:1', '2001:DB8:0::5')
    expect(await apply(ipvs, await plan(ipvs, first))).toMatchObject({ complete: true })
    for (const next of [first, state('2001:db8::1', '2001:db8::5'), JSON.parse(JSON.stringify(first))]) {
      expect((await plan(ipvs, next)).steps).toEqual([])
    }
  })
})

describe('everything that is wrong is told at once', () => {
  const codesOf = (state: unknown): string[] => findProblems(state).map(({ path, code }) => `${path} ${code}`)
  const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
  const destination = { address: '10.0.0.1', port: 80, forwarding: 'masquerade' }
  const [RANGE, VALUE, TYPE] = ['ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_TYPE']
  const first = 'services[0]'

  it.each([
    [
      'of one destination, its key among it',
      {
        services: [
          {
            ...service,
            destinations: [
              { address: '10.0.0', port: 70000, forwarding: 'nat', weight: -1, wieght: 1, state: 'of' },
            ],
          },
        ],
      },
      [
        `address ${VALUE}`,
        `port ${RANGE}`,
        `forwarding ${VALUE}`,
        `weight ${RANGE}`,
        `wieght ${VALUE}`,
        `state ${VALUE}`,
      ].map((what) => `${first}.destinations[0].${what}`),
    ],
    [
      'of one service, and of its destinations',
      {
        services: [
          {
            ...{
              ...service,
              scheduler: '',
              onePacket: 1,
              persistence: { timeout: 0, mask: 1 },
              schduler: 'rr',
              name: 7,
            },
            ...{
              destinations: [{ ...destination, weight: 1.5 }],
              localAddresses: [1, 'x'],
              drainLocalAddresses: {},
            },
          },
        ],
      },
      [
        ...[
          `scheduler ${VALUE}`,
          `onePacket ${TYPE}`,
          `persistence.mask ${VALUE}`,
          `schduler ${VALUE}`,
          `name ${TYPE}`,
        ],
        ...[`destinations[0].weight ${RANGE}`, `localAddresses[0] ${TYPE}`, `localAddresses[1] ${VALUE}`],
        `drainLocalAddresses ${TYPE}`,
      ].map((what) => `${first}.${what}`),
    ],
    [
      'of lists and pools that are none, and not what is behind them',
      {
        services: [{ ...service, destinations: {}, localAddresses: { pool: 'none' } }],
        servics: [],
        deamons: [],
      },
      [
        `${first}.destinations ${TYPE}`,
        `${first}.localAddresses.pool ${VALUE}`,
        `state.servics ${VALUE}`,
        `state.deamons ${VALUE}`,
      ],
    ],
    [
      'of timeouts and daemons',
      { timeouts: { tcp: 0, udp: 'x' }, daemons: [{ state: 'mister', interface: '', syncId: 256 }] },
      [
        `timeouts.tcp ${RANGE}`,
        `timeouts.udp ${TYPE}`,
        `daemons[0].state ${VALUE}`,
        `daemons[0].interface ${VALUE}`,
        `daemons[0].syncId ${RANGE}`,
      ],
    ],
    [
      'and nothing that is wrong for another error alone',
      {
        services: [
          {
            ...service,
            destinations: [
              { ...destination, upperThreshold: -1, lowerThreshold: 5 },
              { ...destination, port: 70000, tunnel: { type: 'gue', port: 6080 } },
              { ...destination, address: '2001:db8::5', forwarding: 'tunel', tunnel: { type: 'gre' } },
              { ...destination, address: 'a' },
              { ...destination, address: 'b' },
              destination,
              destination,
            ],
          },
          { ...service, protocol: 'tpc', port: 81, destinations: [{ ...destination, weight: -1 }] },
        ],
      },
      [
        `${first}.destinations[0].upperThreshold ${RANGE}`,
        `${first}.destinations[1].port ${RANGE}`,
        `${first}.destinations[1].tunnel ${VALUE}`,
        `${first}.destinations[2].forwarding ${VALUE}`,
        `${first}.destinations[3].address ${VALUE}`,
        `${first}.destinations[4].address ${VALUE}`,
        `${first}.destinations[6] ${VALUE}`,
        `services[1].protocol ${VALUE}`,
      ],
    ],
  ])('%s', (_, state, expected) => {
    expect(codesOf(state).sort()).toEqual([...expected].sort())
  })
})
