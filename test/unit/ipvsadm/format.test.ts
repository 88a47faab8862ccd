// What is written, and what of it is a loss.
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../../lib'
import type { DesiredState, RulesDialect, RulesSnapshot } from '../../../lib/formats'
import { formatRules, MOST_POOL_ADDRESSES } from '../../../lib/formats'
import { FakeKernel } from '../../../lib/testing'
import { DIALECTS } from './support'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const REAL = { address: '10.0.0.5', port: 80, forwarding: 'masquerade' } as const
const write = (state: object, dialect: RulesDialect = 'mainline', more = {}) =>
  formatRules(state as DesiredState, { dialect, ...more })
const one = (service: object, dialect?: RulesDialect) =>
  write({ services: [{ ...WEB, ...service }] }, dialect)
const losses = (service: object, dialect?: RulesDialect) =>
  one(service, dialect).losses.map(({ property, value }) => [property, value])

/** What a listed object has. */
const LISTED = { stats: {} }

describe('what is written', () => {
  it('everything in the order of ipvsadm, local addresses before destinations', () => {
    const state = {
      services: [
        { fwmark: 9, family: 'ipv6' },
        { fwmark: 9 },
        { ...WEB, protocol: 'udp' },
        { ...WEB, address: '2001:db8::1' },
        { ...WEB, port: 9 },
        { ...WEB, address: '192.0.2.10' },
        { ...WEB, address: '192.0.2.2' },
        {
          ...WEB,
          destinations: [{ ...REAL, port: 81 }, REAL, { ...REAL, address: '9.0.0.1' }],
          localAddresses: ['10.1.0.1'],
        },
      ],
    }
    expect(write(state, 'alibaba-v2').text.split('\n')).toEqual([
      '-A -t 192.0.2.1:9 -s wlc',
      '-A -t 192.0.2.1:80 -s wlc',
      '-P -t 192.0.2.1:80 -z 10.1.0.1',
      '-a -t 192.0.2.1:80 -r 9.0.0.1:80 -m -w 1',
      '-a -t 192.0.2.1:80 -r 10.0.0.5:80 -m -w 1',
      '-a -t 192.0.2.1:80 -r 10.0.0.5:81 -m -w 1',
      '-A -t 192.0.2.2:80 -s wlc',
      '-A -t 192.0.2.10:80 -s wlc',
      '-A -u 192.0.2.1:80 -s wlc',
      '-A -t [2001:db8::1]:80 -s wlc',
      '-A -f 9 -s wlc',
      '-A -f 9 -6 -s wlc',
      '',
    ])
  })

  it('a snapshot without counters as one with them', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add({ ...WEB, persistence: { timeout: 300 } })
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    await ipvs.destinations.add(WEB, { ...REAL, forwarding: 'fullnat', weight: 0 })
    const whole = formatRules(await ipvs.snapshot(), { dialect: 'alibaba-v2' })
    expect(whole.text.split('\n')).toHaveLength(4)
    expect(formatRules(await ipvs.snapshot({ stats: false }), { dialect: 'alibaba-v2' })).toEqual(whole)
    await ipvs.close()
  })

  it('nothing for nothing', () => {
    for (const dialect of DIALECTS) expect(write({}, dialect)).toEqual({ text: '', losses: [] })
    expect(write({ timeouts: {} }).text).toBe('')
    expect(write({ timeouts: { udp: 5 } }).text).toBe('--set 0 0 5\n')
  })

  it('a snapshot of each kernel as it is', async () => {
    for (const dialect of ['mainline', 'fullnat-v2', 'fullnat-v3'] as const) {
      const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect }).transport() })
      await ipvs.services.add({ ...WEB, scheduler: 'rr', persistence: { timeout: 60 } })
      await ipvs.destinations.add(WEB, { ...REAL, upperThreshold: 7 })
      const source: RulesSnapshot = {
        services: (await ipvs.snapshot()).services,
        timeouts: await ipvs.timeouts.get(),
        daemons: await ipvs.daemons.list(),
      }
      const name = (
        { mainline: 'mainline', 'fullnat-v2': 'alibaba-v2', 'fullnat-v3': 'alibaba-v3' } as const
      )[dialect]
      const { text, losses: lost } = formatRules(source, { dialect: name })
      expect(lost).toEqual([])
      expect(text).toMatch(
        /^--set \d+ \d+ \d+\n-A -t 192\.0\.2\.1:80 -s rr -p 60(?: -j disable)?(?: -V \d+)?\n-a -t 192\.0\.2\.1:80 -r 10\.0\.0\.5:80 -m -w 1 -x 7\n$/,
      )
      await ipvs.close()
    }
  })

  it('pools: addresses, ranges and networks', () => {
    const pools = {
      p: { addresses: ['10.1.0.9', '10.1.0.1-10.1.0.3', '10.2.0.5/30', '10.1.0.2'] },
      six: { addresses: ['2001:db8::/127'] },
    }
    const services = [
      { ...WEB, localAddresses: { pool: 'p' } },
      { ...WEB, address: '2001:db8::9', localAddresses: { pool: 'six' } },
    ]
    const { text } = write({ pools, services }, 'alibaba-v2')
    expect(text.match(/-z \S+/g)).toEqual([
      ...['10.1.0.9', '10.1.0.1', '10.1.0.2', '10.1.0.3', '10.2.0.4', '10.2.0.5', '10.2.0.6', '10.2.0.7'].map(
        (a) => `-z ${a}`,
      ),
      ...['-z 2001:db8::', '-z 2001:db8::1'],
    ])
  })

  it('a pool with more addresses than ports can be used is a loss, whatever its size', () => {
    const lost = (addresses: string[]) => {
      const state = { pools: { p: { addresses } }, services: [{ ...WEB, localAddresses: { pool: 'p' } }] }
      return write(state, 'alibaba-v2').losses.map(({ property }) => property)
    }
    expect(lost(['10.1.0.0/16'])).toEqual([])
    expect(lost(['10.1.0.0/16', '10.2.0.0'])).toEqual(['localAddresses'])
    expect(lost(['::/0'])).toEqual(['localAddresses'])
    expect(lost(['0.0.0.0-255.255.255.255'])).toEqual(['localAddresses'])
    expect(MOST_POOL_ADDRESSES).toBe(65536)
  })

  it('the interface of local addresses for dpvs', () => {
    const services = [{ ...WEB, localAddresses: ['10.1.0.1'] }]
    expect(write({ services }, 'dpvs', { localAddressInterface: 'dpdk0' }).text).toContain(
      '-P -t 192.0.2.1:80 -z 10.1.0.1 -F dpdk0\n',
    )
    expect(write({ services }, 'dpvs').losses).toMatchObject([
      { localAddress: '10.1.0.1', property: undefined },
    ])
  })
})

describe('what is a loss', () => {
  it.each<[RulesDialect, object, unknown[]]>([
    ['mainline', { synproxy: true }, [['synproxy', true]]],
    ['mainline', { establishedTimeout: 5 }, [['establishedTimeout', 5]]],
    ['alibaba-v2', { establishedTimeout: 5 }, [['establishedTimeout', 5]]],
    ['alibaba-v2', { schedulerFlags: ['flag-2'] }, [['schedulerFlags', ['flag-2']]]],
    ['alibaba-v3', { persistence: { timeout: 5, engine: 'sip' } }, [['persistence.engine', 'sip']]],
    ['dpvs', { persistence: { timeout: 5, engine: 'sip' } }, [['persistence.engine', 'sip']]],
    ['mainline', { name: 'web' }, [['name', 'web']]],
    ['mainline', { ...LISTED, persistence: { timeout: 0 } }, [['persistence.timeout', 0]]],
    ['mainline', { ...LISTED, persistence: { timeout: 2678401 } }, [['persistence.timeout', 2678401]]],
    [
      'mainline',
      { ...LISTED, address: '2001:db8::1', persistence: { timeout: 5, netmask: 129 } },
      [['persistence.netmask', 129]],
    ],
    ['mainline', { ...LISTED, onePacket: true }, [['onePacket', true]]],
    ['alibaba-v3', { ...LISTED, establishedTimeout: 2678401 }, [['establishedTimeout', 2678401]]],
  ])('%s: %j', (dialect, service, expected) => {
    expect(losses(service, dialect)).toEqual(expected)
    expect(one(service, dialect).losses[0]).toMatchObject({ service: { protocol: 'tcp', port: 80 } })
    // The service itself is there.
    expect(one(service, dialect).text).toMatch(/^-A -t \S+:80 -s wlc/)
  })

  it.each<[RulesDialect, object, unknown[], string]>([
    ['mainline', { weight: 65536 }, [['weight', 65536]], '-m -w 65535'],
    ['mainline', { ...LISTED, weight: -1 }, [['weight', -1]], '-m -w 0'],
    ['mainline', { ...LISTED, upperThreshold: 2147483648 }, [['upperThreshold', 2147483648]], '-m -w 1'],
    ['mainline', { state: 'drain', weight: 9 }, [['state', 'drain']], '-m -w 0'],
    ['mainline', { reason: 'health' }, [['reason', 'health']], '-m -w 1'],
    [
      'mainline',
      { state: 'drain', until: '2030-01-01T00:00:00Z' },
      [
        ['state', 'drain'],
        ['until', '2030-01-01T00:00:00Z'],
      ],
      '-m -w 0',
    ],
    ['mainline', { state: 'off' }, [['state', 'off']], ''],
    ['mainline', { forwarding: 'local' }, [['forwarding', 'local']], '-g -w 1'],
    ['mainline', { forwarding: 'fullnat' }, [[undefined, undefined]], ''],
    ['alibaba-v2', { forwarding: 'bypass' }, [[undefined, undefined]], ''],
    ['alibaba-v2', { ...LISTED, forwarding: 6 }, [[undefined, undefined]], ''],
    ['alibaba-v2', { forwarding: 'tunnel', address: '2001:db8::5' }, [[undefined, undefined]], ''],
    ['dpvs', { forwarding: 'tunnel', tunnel: { type: 'gue', port: 5 } }, [[undefined, undefined]], ''],
    ['mainline', { ...LISTED, forwarding: 'tunnel', tunnel: { type: 3 } }, [[undefined, undefined]], ''],
    [
      'mainline',
      { ...LISTED, forwarding: 'tunnel', tunnel: { type: 'gue', port: 0 } },
      [[undefined, undefined]],
      '',
    ],
    [
      'mainline',
      { ...LISTED, forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 7 } },
      [[undefined, undefined]],
      '',
    ],
    [
      'mainline',
      { ...LISTED, forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'remote' } },
      [[undefined, undefined]],
      '',
    ],
  ])('%s: a destination with %j', (dialect, destination, expected, words) => {
    const { text, losses: lost } = one({ destinations: [{ ...REAL, ...destination }] }, dialect)
    expect(lost.map(({ property, value }) => [property, value])).toEqual(expected)
    expect(lost[0]).toMatchObject({ service: WEB, destination: { port: 80 }, reason: expect.any(String) })
    const line = text.split('\n').find((item) => item.startsWith('-a'))
    expect(line ?? '').toBe(words && `-a -t 192.0.2.1:80 -r 10.0.0.5:80 ${words}`)
  })

  it('services that cannot be said are left out, with all that is in them', () => {
    const inside = { destinations: [REAL], localAddresses: [] }
    for (const [dialect, service] of [
      ['alibaba-v2', { protocol: 'sctp' }],
      ['mainline', { ...LISTED, protocol: 50 }],
      ['mainline', { port: 0 }],
    ] as const) {
      const { text, losses: lost } = one({ ...inside, ...service }, dialect)
      expect(text).toBe('')
      expect(lost).toMatchObject([{ property: undefined, service: { address: '192.0.2.1' } }])
    }
  })

  it('local addresses on mainline, one by one', () => {
    const { losses: lost } = one({ localAddresses: ['10.1.0.1', '10.1.0.2', '10.1.0.1'] })
    expect(lost).toMatchObject([
      { service: WEB, localAddress: '10.1.0.1', property: undefined },
      { service: WEB, localAddress: '10.1.0.2', property: undefined },
    ])
  })

  it('options of daemons', () => {
    const daemons = [
      {
        state: 'backup',
        interface: 'eth1',
        syncId: 3,
        multicastTtl: 5,
        multicastGroup: 'ff02::5',
        syncMaxLength: 65535,
      },
    ]
    const mainline = write({ daemons })
    expect(mainline.text).toBe(
      '--start-daemon backup --mcast-interface eth1 --syncid 3 --mcast-group ff02::5 --mcast-ttl 5\n',
    )
    expect(mainline.losses).toMatchObject([{ daemon: 'backup', property: 'syncMaxLength', value: 65535 }])
    const { text, losses: lost } = write({ daemons }, 'alibaba-v3')
    expect(text).toBe('--start-daemon backup --mcast-interface eth1 --syncid 3\n')
    expect(lost.map(({ property }) => property)).toEqual(['syncMaxLength', 'multicastGroup', 'multicastTtl'])
  })

  it('what is said in other words, or not at all, is none', () => {
    expect(losses({ synproxy: false, schedulerFlags: [], persistence: null, localAddresses: [] })).toEqual([])
    expect(one({ synproxy: false }, 'alibaba-v2').text).toBe('-A -t 192.0.2.1:80 -s wlc -j disable\n')
    expect(one({}, 'alibaba-v2').text).toBe('-A -t 192.0.2.1:80 -s wlc\n')
    expect(one({}, 'alibaba-v3').text).toBe('-A -t 192.0.2.1:80 -s wlc -j disable\n')
    expect(one({ scheduler: 'mh', schedulerFlags: ['flag-1', 'flag-3'] }).text).toBe(
      '-A -t 192.0.2.1:80 -s mh -b mh-fallback,flag-3\n',
    )
    const ipip = { ...REAL, forwarding: 'tunnel', tunnel: { type: 'ipip' } }
    for (const dialect of DIALECTS) {
      expect(one({ destinations: [ipip] }, dialect)).toMatchObject({
        losses: [],
        text: expect.stringMatching(/ -i -w 1\n$/),
      })
    }
  })
})

describe('wrong sources', () => {
  it.each<[string, unknown]>([
    ['source', null],
    ['source.services', { services: {} }],
    ['source.services[0].port', { services: [{ ...WEB, port: 70000 }] }],
    ['source.services[0].fish', { services: [{ ...WEB, fish: 1 }] }],
    ['source.services', { services: [WEB, { ...WEB }] }],
    ['source.services[0].destinations', { services: [{ ...WEB, destinations: [REAL, REAL] }] }],
    [
      'source.services[0].destinations[0].forwarding',
      { services: [{ ...WEB, destinations: [{ address: '10.0.0.5', port: 1 }] }] },
    ],
    [
      'source.services[0].destinations[0].state',
      { services: [{ ...WEB, destinations: [{ ...REAL, state: 'up' }] }] },
    ],
    ['source.services[0].localAddresses[0]', { services: [{ ...WEB, localAddresses: ['2001:db8::1'] }] }],
    ['source.services[0].localAddresses.pool', { services: [{ ...WEB, localAddresses: { pool: 'p' } }] }],
    [
      'pools.p.addresses[0]',
      {
        pools: { p: { addresses: ['10.0.0.9-10.0.0.1'] } },
        services: [{ ...WEB, localAddresses: { pool: 'p' } }],
      },
    ],
    [
      'pools.p.addresses[0]',
      { pools: { p: { addresses: ['10.0.0.0/33'] } }, services: [{ ...WEB, localAddresses: { pool: 'p' } }] },
    ],
    [
      'pools.p.addresses[0]',
      { pools: { p: { addresses: ['fish'] } }, services: [{ ...WEB, localAddresses: { pool: 'p' } }] },
    ],
    ['source.timeouts.tcp', { timeouts: { tcp: 0 } }],
    ['source.daemons[0].interface', { daemons: [{ state: 'master' }] }],
    ['options.dialect', undefined],
  ])('%s', (field, source) => {
    const dialect = source === undefined ? ('linux' as RulesDialect) : 'alibaba-v2'
    let found: unknown
    try {
      formatRules((source === undefined ? {} : source) as DesiredState, { dialect })
    } catch (error) {
      found = (error as { field?: string }).field
    }
    expect(found).toBe(field)
  })
})
