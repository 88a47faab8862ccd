// parse(format(s)) = s for all that a dialect can say, and losses for the rest.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DesiredService, DesiredState, KeepalivedDialect } from '../../lib/formats'
import { formatKeepalived, parseKeepalived } from '../../lib/formats'
import { checkDestinationInput, checkServiceInput } from '../../lib/input'
import { addressesOf, parseAddressRange } from '../../lib/model/address-range'

const ALL: readonly KeepalivedDialect[] = ['mainline', 'alibaba', 'dpvs']
const device = 'dpdk0'

/** What a state means: defaults filled in, pools as their addresses. */
function meaning({ pools = {}, services = [], timeouts, daemons }: DesiredState) {
  const addresses = (entries: readonly string[]) =>
    new Set(
      entries.flatMap((entry) => {
        const range = parseAddressRange(entry)
        return typeof range === 'string' ? [range] : addressesOf(range)
      }),
    )
  return {
    services: services.map(({ destinations, localAddresses, name: _, ...input }) => {
      const { service, config } = checkServiceInput(input)
      const listed = localAddresses === undefined || 'pool' in localAddresses ? undefined : localAddresses
      const entries =
        localAddresses !== undefined && 'pool' in localAddresses
          ? pools[localAddresses.pool]?.addresses
          : listed
      return {
        key: service.key,
        config,
        destinations: destinations?.map(({ state: _state, reason: _reason, ...given }) => {
          const { destination, config: of } = checkDestinationInput(given, service)
          // Plain IP in IP is what a tunnel is without a word.
          const tunnel = of.tunnel?.type ? of.tunnel : undefined
          return { ...destination.key, ...of, tunnel }
        }),
        localAddresses: entries && addresses(entries),
      }
    }),
    timeouts,
    daemons,
  }
}

const ipv4 = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((bytes) => bytes.join('.'))
const ipv6 = fc.integer({ min: 1, max: 0xffff }).map((group) => `fd00::${group.toString(16)}`)
const port = fc.integer({ min: 1, max: 65535 })
const maybe = <T>(name: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((v) => (v === undefined ? {} : { [name]: v }))
const merged = (...parts: fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as object)

const SCHEDULERS = {
  mainline: ['rr', 'wlc', 'mh', 'twos'],
  alibaba: ['rr', 'wlc', 'any-1'],
  dpvs: ['rr', 'conhash'],
}

function destinations(
  dialect: KeepalivedDialect,
  address: fc.Arbitrary<string>,
  own: number | undefined,
): fc.Arbitrary<readonly object[]> {
  const weight = maybe('weight', fc.nat(65535))
  const thresholds = fc
    .tuple(fc.nat(1000), fc.nat(1000))
    .map(([a, b]) => ({ upperThreshold: Math.max(a, b), lowerThreshold: Math.min(a, b) }))
  const tunnel = fc.constantFrom(
    { type: 'ipip' },
    { type: 'gre' },
    { type: 'gre', checksum: 'full' },
    { type: 'gue', port: 6080 },
    { type: 'gue', port: 1, checksum: 'remote' },
  )
  const free = fc
    .constantFrom('masquerade', ...(dialect === 'mainline' ? [] : ['fullnat']))
    .chain((forwarding) =>
      merged(
        fc.constant({ forwarding }),
        port.map((p) => ({ port: p })),
      ),
    )
  const fixed = fc
    .constantFrom('direct-route', 'tunnel')
    .chain((forwarding) =>
      merged(
        fc.constant({ forwarding, port: own ?? 0 }),
        forwarding === 'tunnel' && dialect !== 'alibaba' ? maybe('tunnel', tunnel) : fc.constant({}),
      ),
    )
  const one = merged(
    fc.oneof(free, fixed),
    address.map((a) => ({ address: a })),
    weight,
    thresholds,
  )
  const most = fc.uniqueArray(one as fc.Arbitrary<{ address: string }>, {
    minLength: 1,
    maxLength: 4,
    selector: ({ address: a }) => a,
  })
  // Alibaba's has one method for all.
  if (dialect !== 'alibaba') return most
  return most.map((list) =>
    list.map((d) => ({ ...d, forwarding: (list[0] as unknown as { forwarding: string }).forwarding })),
  )
}

function service(dialect: KeepalivedDialect): fc.Arbitrary<DesiredService> {
  const seconds =
    dialect === 'alibaba' ? fc.integer({ min: 1, max: 9999 }) : fc.integer({ min: 1, max: 100_000 })
  const keys = fc.oneof(
    fc.record({
      protocol: fc.constantFrom('tcp', 'udp', ...(dialect === 'alibaba' ? [] : ['sctp'])),
      address: fc.oneof(ipv4, ipv6),
      port,
    }),
    fc.record({
      fwmark: fc.integer({ min: 1, max: 0xffffffff }),
      family: dialect === 'alibaba' ? fc.constant('ipv4') : fc.constantFrom('ipv4', 'ipv6'),
    }),
  )
  return keys.chain((key) => {
    const {
      protocol,
      address,
      family,
      port: own,
    } = key as { protocol?: string; address?: string; family?: string; port?: number }
    const six = address === undefined ? family === 'ipv6' : address.includes(':')
    const netmask = six
      ? fc.integer({ min: 1, max: 128 })
      : fc.constantFrom('255.255.255.0', '255.255.255.255', '0.0.0.0')
    const engine = dialect === 'alibaba' ? fc.constant({}) : maybe('engine', fc.constant('sip'))
    const persistence = merged(
      seconds.map((timeout) => ({ timeout })),
      maybe('netmask', netmask as fc.Arbitrary<unknown>),
      engine,
    )
    const fullnat = dialect !== 'mainline'
    return merged(
      fc.constant(key),
      fc.constantFrom(...SCHEDULERS[dialect]).map((scheduler) => ({ scheduler })),
      maybe('persistence', persistence),
      dialect === 'alibaba'
        ? fc.constant({})
        : maybe('schedulerFlags', fc.uniqueArray(fc.constantFrom('flag-1', 'flag-2', 'flag-3'))),
      dialect !== 'alibaba' && protocol !== 'tcp' && protocol !== 'sctp'
        ? maybe('onePacket', fc.boolean())
        : fc.constant({}),
      fullnat && protocol !== 'udp' && protocol !== 'sctp'
        ? maybe('synproxy', fc.boolean())
        : fc.constant({}),
      fullnat && protocol !== 'udp' && protocol !== 'sctp'
        ? maybe('establishedTimeout', fc.integer({ min: 1, max: 3600 }))
        : fc.constant({}),
      destinations(dialect, six ? ipv6 : ipv4, own).map((list) => ({ destinations: list })),
      fc.oneof(
        fc.constant({}),
        fc.constant({ localAddresses: { pool: 'web' } }),
        fc.constant({ localAddresses: ['10.1.2.3', '10.1.2.250-10.1.3.5'] }),
      ),
    ).map((made) => {
      const { localAddresses, ...rest } = made as DesiredService
      const uses = rest.destinations?.some(({ forwarding }) => forwarding === 'fullnat')
      return { ...rest, ...(uses && localAddresses ? { localAddresses } : {}) } as DesiredService
    })
  })
}

const idOf = (one: DesiredService) =>
  one.fwmark === undefined ? `${one.protocol} ${one.address} ${one.port}` : `${one.fwmark} ${one.family}`

function state(dialect: KeepalivedDialect): fc.Arbitrary<DesiredState> {
  const entries = fc.array(
    fc.constantFrom(
      '10.1.0.1',
      '10.1.0.0/24',
      '10.1.0.254-10.1.1.0',
      '10.2.0.200-10.2.2.3',
      'fd01::1',
      'fd01::fe-fd01::101',
      '10.3.0.0',
    ),
    { maxLength: 4 },
  )
  return merged(
    fc.uniqueArray(service(dialect), { maxLength: 4, selector: idOf }).map((services) => ({ services })),
    dialect === 'mainline'
      ? fc.constant({})
      : entries.map((addresses) => ({ pools: { web: { addresses }, 'other-1.x': { addresses: [] } } })),
    dialect === 'alibaba' ? fc.constant({}) : maybe('timeouts', fc.record({ tcp: port, udp: port })),
    dialect === 'mainline'
      ? maybe(
          'daemons',
          fc.nat(255).map((syncId) =>
            (['master', 'backup'] as const).map((role) => ({
              state: role,
              interface: 'eth0',
              syncId,
              multicastTtl: 3,
            })),
          ),
        )
      : fc.constant({}),
  ) as fc.Arbitrary<DesiredState>
}

describe.each(ALL)('%s', (dialect) => {
  it('reads what it writes as the same state, and loses nothing that it can say', () => {
    fc.assert(
      fc.property(state(dialect), (given) => {
        const { text, losses } = formatKeepalived(given, { dialect, localAddressInterface: device })
        expect(losses).toEqual([])
        const { state: read, errors, ignored } = parseKeepalived(text, { dialect, strict: true })
        expect({ errors, ignored }).toEqual({ errors: [], ignored: [] })
        expect(meaning(read)).toEqual(meaning(given))
        expect(formatKeepalived(read, { dialect, localAddressInterface: device }).losses).toEqual([])
      }),
      { numRuns: 150 },
    )
  })
})

const web: DesiredService = {
  protocol: 'tcp',
  address: '192.0.2.1',
  port: 80,
  scheduler: 'wrr',
  destinations: [{ address: '10.9.0.5', port: 80, forwarding: 'fullnat', weight: 10 }],
  localAddresses: { pool: 'web' },
}

it('is what a person would write', () => {
  const given: DesiredState = {
    pools: { web: { addresses: ['10.1.0.0/24', '10.1.2.250-10.1.3.3'] } },
    services: [{ ...web, synproxy: true, establishedTimeout: 90 }],
  }
  expect(formatKeepalived(given, { dialect: 'alibaba' }).text).toBe(`local_address_group web {
    10.1.0.0-254
    10.1.0.255
    10.1.2.250-254
    10.1.2.255
    10.1.3.0-3
}

virtual_server 192.0.2.1 80 {
    protocol TCP
    lb_algo wrr
    syn_proxy
    est_timeout 90
    lb_kind FNAT
    laddr_group_name web
    real_server 10.9.0.5 80 {
        weight 10
    }
}
`)
  expect(formatKeepalived({}, { dialect: 'mainline' })).toEqual({ text: '', losses: [] })
})

/** `'property: reason'` of the losses, or `'-: reason'` for an object. */
function lossesOf(
  given: DesiredState,
  dialect: KeepalivedDialect,
  localAddressInterface: string | undefined = undefined,
) {
  const { text, losses } = formatKeepalived(given, { dialect, localAddressInterface })
  return {
    text,
    losses: losses.map(({ property, value }) =>
      property === undefined ? '-' : `${property}=${JSON.stringify(value)}`,
    ),
    all: losses,
  }
}

describe('losses', () => {
  const key = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
  const real = { address: '10.9.0.5', port: 80, forwarding: 'masquerade' } as const
  const one = (more: object, destination: object = real): DesiredState => ({
    services: [{ ...key, destinations: [destination as never], ...more }],
  })

  it.each([
    ['mainline', one({ name: 'x' }), ['name="x"']],
    ['mainline', one({ synproxy: true }), ['synproxy=true']],
    ['mainline', one({ establishedTimeout: 9 }), ['establishedTimeout=9']],
    ['mainline', one({ scheduler: 'mine' }), ['scheduler="mine"']],
    ['mainline', one({ port: 0 }, { ...real, port: 8 }), ['persistence=undefined']],
    ['mainline', one({}, { ...real, port: 0 }), ['port=0']],
    ['mainline', one({}, { ...real, forwarding: 'direct-route', port: 81 }), ['port=81']],
    ['mainline', one({}, { ...real, forwarding: 'local' }), ['-', '-']],
    ['mainline', one({}, { ...real, forwarding: 'fullnat' }), ['-', '-']],
    ['mainline', one({}, { ...real, weight: 70_000 }), ['weight=70000']],
    ['mainline', one({}, { ...real, state: 'drain', reason: 'drain' }), ['state="drain"', 'reason="drain"']],
    [
      'mainline',
      one({}, { ...real, state: 'drain', until: '2030-01-01T00:00:00Z' }),
      ['state="drain"', 'until="2030-01-01T00:00:00Z"'],
    ],
    [
      'mainline',
      one({ drainLocalAddresses: [{ address: '10.1.0.9' }] }),
      ['drainLocalAddresses=[{"address":"10.1.0.9"}]'],
    ],
    ['mainline', one({}, { ...real, state: 'off' }), ['-', '-']],
    ['mainline', { services: [{ ...key, destinations: [] }] }, ['-']],
    ['mainline', { services: [{ ...key }] }, ['-']],
    ['mainline', one({ localAddresses: ['10.1.0.1'] }), ['localAddresses=["10.1.0.1"]']],
    ['mainline', one({ localAddresses: [] }), []],
    ['mainline', { pools: { web: { addresses: [] } } }, ['-']],
    [
      'mainline',
      { daemons: [{ state: 'master', interface: 'eth0' }] },
      ['daemons=[{"state":"master","interface":"eth0"}]'],
    ],
    ['alibaba', one({ schedulerFlags: ['flag-1'] }), ['schedulerFlags=["flag-1"]']],
    ['alibaba', one({ protocol: 'udp', onePacket: true }), ['onePacket=true']],
    ['alibaba', one({ protocol: 'sctp' }), ['-']],
    [
      'alibaba',
      one({ persistence: { timeout: 86_400, engine: 'sip' } }),
      ['persistence.timeout=86400', 'persistence.engine="sip"'],
    ],
    ['alibaba', one({ establishedTimeout: 10_000 }), ['establishedTimeout=10000']],
    ['alibaba', one({ localAddresses: ['10.1.0.1'] }), ['localAddresses=["10.1.0.1"]']],
    ['alibaba', one({ localAddresses: [] }, { ...real, forwarding: 'fullnat' }), ['localAddresses=[]']],
    [
      'alibaba',
      one({}, { ...real, forwarding: 'tunnel', tunnel: { type: 'gre' } }),
      ['tunnel={"type":"gre"}'],
    ],
    [
      'alibaba',
      { services: [{ ...key, destinations: [real, { ...real, port: 8, forwarding: 'fullnat' }] }] },
      ['-'],
    ],
    ['alibaba', { services: [{ ...key }] }, ['destinations=undefined']],
    ['alibaba', one({}, { ...real, forwarding: 'tunnel', tunnel: { type: 'ipip' } }), []],
    ['alibaba', { services: [{ ...key, destinations: [] }] }, []],
    ['alibaba', { services: [{ fwmark: 7, family: 'ipv6', destinations: [] }] }, ['-']],
    ['alibaba', { timeouts: { tcp: 9 } }, ['timeouts={"tcp":9}']],
    ['alibaba', { pools: { 'a b': { addresses: [] } } }, ['name="a b"']],
    ['alibaba', { pools: { big: { addresses: ['10.0.0.0/15'] } } }, ['-']],
    ['dpvs', { pools: { web: { addresses: ['10.1.0.1'] } } }, ['-']],
    ['dpvs', one({ establishedTimeout: 4000 }), ['establishedTimeout=4000']],
  ] as const)('%s: %j', (dialect, given, expected) => {
    expect(lossesOf(given as DesiredState, dialect).losses).toEqual(expected)
  })

  it('what is lost is not read back, and what remains is', () => {
    const both: DesiredState = {
      services: [{ ...key, destinations: [real, { ...real, address: '10.9.0.6', forwarding: 'local' }] }],
    }
    const { text, all } = lossesOf(both, 'mainline')
    expect(all).toEqual([
      {
        service: key,
        destination: { address: '10.9.0.6', port: 80 },
        property: undefined,
        value: undefined,
        reason: expect.any(String),
      },
    ])
    expect(parseKeepalived(text, { dialect: 'mainline' }).state.services?.[0]?.destinations).toHaveLength(1)
  })

  it('two real servers that would get one port', () => {
    const direct = { ...real, forwarding: 'direct-route' } as const
    const { text, losses } = lossesOf(
      { services: [{ ...key, destinations: [direct, { ...direct, port: 81 }] }] },
      'mainline',
    )
    expect(losses).toEqual(['port=81', '-'])
    expect(parseKeepalived(text, { dialect: 'mainline' }).warnings).toEqual([])
  })

  it('a pool with a name that is no word gets one that is not taken', () => {
    const pools = { 'a b': { addresses: ['10.1.0.1'] }, laddr_1: { addresses: ['10.1.0.2'] } }
    const { text } = lossesOf(
      {
        pools,
        services: [
          { ...web, localAddresses: { pool: 'a b' } },
          { ...web, port: 81, localAddresses: ['10.1.0.3'] },
        ],
      },
      'alibaba',
    )
    const { state: read, errors } = parseKeepalived(text, { dialect: 'alibaba' })
    expect(errors).toEqual([])
    expect(read.pools).toEqual({
      laddr_1: { addresses: ['10.1.0.2'] },
      laddr_2: { addresses: ['10.1.0.1'] },
      laddr_3: { addresses: ['10.1.0.3'] },
    })
    expect(read.services?.map(({ localAddresses }) => localAddresses)).toEqual([
      { pool: 'laddr_2' },
      { pool: 'laddr_3' },
    ])
  })

  it('the same list of addresses is one group, and its loss is told for each service', () => {
    const services = [80, 81].map((port_) => ({ ...web, port: port_, localAddresses: ['10.1.0.3'] }))
    expect(lossesOf({ services }, 'alibaba').text.match(/local_address_group/g)).toHaveLength(1)
    expect(lossesOf({ services }, 'dpvs').losses).toEqual([
      'localAddresses=["10.1.0.3"]',
      'localAddresses=["10.1.0.3"]',
    ])
    expect(lossesOf({ services }, 'dpvs', 'dpdk0').losses).toEqual([])
  })
})

it('what is no state is an argument error with its path', () => {
  const format =
    (given: unknown, options: unknown = { dialect: 'alibaba' }) =>
    () =>
      formatKeepalived(given as never, options as never)
  const field = (name: string) => expect.objectContaining({ field: name })
  expect(format(1)).toThrow(field('state'))
  expect(format({}, 1)).toThrow(field('options'))
  expect(format({}, { dialect: 'x' })).toThrow(field('options.dialect'))
  expect(format({}, { dialect: 'dpvs', localAddressInterface: 'a b' })).toThrow(
    field('options.localAddressInterface'),
  )
  expect(format({ services: 1 })).toThrow(field('state.services'))
  expect(format({ services: [1] })).toThrow(field('state.services[0]'))
  expect(format({ services: [{ ...web, destinations: 1 }] })).toThrow(field('state.services[0].destinations'))
  expect(format({ services: [web] })).toThrow(field('state.services[0].localAddresses.pool'))
  expect(format({ services: [{ ...web, localAddresses: ['x'] }] })).toThrow(
    field('state.services[0].localAddresses[0]'),
  )
  expect(format({ pools: { a: { addresses: [1] } } })).toThrow(field('state.pools["a"].addresses[0]'))
  expect(format({ pools: { a: 1 } })).toThrow(field('state.pools["a"].addresses'))
  expect(format({ daemons: 1 })).toThrow(field('state.daemons'))
  expect(format({ timeouts: { tcp: 0 } })).toThrow(field('state.timeouts.tcp'))
  expect(format({ services: [{ ...web, port: -1 }] })).toThrow(field('state.services[0].port'))
})
