// What ipvsadm -L and -G print, read.
import { describe, expect, it } from 'vitest'
import { MOST_ROWS, parseListing } from '../../../lib/formats'
import { LISTINGS } from './golden'
import { codesOf } from './support'

const parse = (name: string) => parseListing(LISTINGS[name] as string)
const exact = (value: number) => ({ value: BigInt(value), approximate: false })

describe('listings', () => {
  it('mainline', () => {
    const { services, version, connectionTableSize, errors, warnings, ...others } = parse('mainline')
    expect([errors, warnings, version, connectionTableSize]).toEqual([[], [], '1.2.1', 4096])
    expect(others).toMatchObject({ connections: undefined, localAddresses: undefined, timeouts: undefined })
    expect(services).toEqual([
      {
        key: { protocol: 'tcp', address: '192.0.2.1', port: 80 },
        line: 4,
        scheduler: 'wrr',
        persistence: { timeout: 300, netmask: '255.255.255.0' },
        onePacket: false,
        synproxy: false,
        destinations: [
          ...[
            ['198.51.100.2', 8080, 'masquerade', 65535, 0, 0, 5],
            ['198.51.100.4', 80, 'direct-route', 7, 12, 3, 6],
          ].map(([address, port, forwarding, weight, activeConnections, inactiveConnections, line]) => ({
            ...{ address, port, forwarding, weight, activeConnections, inactiveConnections, line },
          })),
        ],
      },
      expect.objectContaining({
        key: { protocol: 'tcp', address: '2001:db8::1', port: 443 },
        persistence: { timeout: 60, netmask: 64 },
        destinations: [expect.objectContaining({ address: 'fd00:77::2', port: 8080 })],
      }),
      expect.objectContaining({ onePacket: true, persistence: { timeout: 60, engine: 'sip' } }),
      expect.objectContaining({
        key: { protocol: 'sctp', address: '192.0.2.1', port: 80 },
        schedulerFlags: ['flag-1', 'flag-2'],
      }),
      expect.objectContaining({ key: { fwmark: 7, family: 'ipv4' }, scheduler: 'sed' }),
      expect.objectContaining({
        key: { fwmark: 8, family: 'ipv6' },
        persistence: { timeout: 9, netmask: 1 },
      }),
    ])
  })

  it("Alibaba's", () => {
    expect(parse('alibaba-v2').services).toMatchObject([
      { synproxy: true, destinations: [{ forwarding: 'fullnat' }, { forwarding: 'local', weight: -1 }] },
    ])
    const { services = [], errors } = parse('alibaba-v3')
    expect(errors).toEqual([])
    expect(services).toMatchObject([
      { establishedTimeout: 77, synproxy: true, persistence: { timeout: 300, netmask: '255.255.255.0' } },
      { key: { protocol: 'udp' }, scheduler: 'rr' },
      { key: { fwmark: 7 }, scheduler: 'sed', establishedTimeout: 900 },
    ])
    expect(services[1]?.establishedTimeout).toBeUndefined()
  })

  it('of dpvs, with what it has alone told', () => {
    const { services, errors, warnings } = parse('dpvs')
    expect(errors).toEqual([])
    expect(services).toMatchObject([{ synproxy: true, destinations: [{ forwarding: 'fullnat', weight: 2 }] }])
    expect(codesOf(warnings)).toEqual(Array(6).fill('not-sayable'))
    const match = (LISTINGS.dpvs as string).replace('TCP  192.0.2.1:80', 'MATCH tcp,from=192.0.2.0-192.0.2.9')
    expect(codesOf(parseListing(match).errors)).toEqual(['not-sayable'])
    expect(parseListing(match).services).toEqual([])
  })

  it('counters', () => {
    expect(parse('stats').services).toMatchObject([
      {
        stats: { connections: exact(1), outBytes: { value: 100000000n, approximate: true } },
        destinations: [
          {
            stats: {
              connections: exact(1),
              inPackets: exact(20),
              outPackets: exact(30),
              inBytes: exact(400),
              outBytes: exact(500),
            },
          },
        ],
      },
    ])
    expect(parse('rate').services).toMatchObject([
      {
        rates: { connections: exact(1), outBytes: { value: 12345000000n, approximate: true } },
        destinations: [{ rates: { inPackets: exact(123456789) } }],
      },
    ])
  })

  it('thresholds, persistent connections, tunnels', () => {
    expect(parse('thresholds').services).toMatchObject([
      {
        destinations: [
          { upperThreshold: 100, lowerThreshold: 40, activeConnections: 5, inactiveConnections: 6 },
        ],
      },
    ])
    expect(parse('thresholds of v3').services).toMatchObject([
      { establishedTimeout: 77, persistence: { timeout: 300 }, destinations: [{ upperThreshold: 100 }] },
      { scheduler: 'rr' },
    ])
    expect(parse('persistent').services).toMatchObject([
      {
        destinations: [{ weight: 3, persistentConnections: 4, activeConnections: 5, inactiveConnections: 6 }],
      },
    ])
    expect(
      parse('tunnels').services?.[0]?.destinations.map(({ forwarding, tunnel }) => [forwarding, tunnel]),
    ).toEqual([
      ['masquerade', undefined],
      ['tunnel', { type: 'ipip' }],
      ['tunnel', { type: 'gue', port: 6080, checksum: 'remote' }],
      ['tunnel', { type: 'gre', checksum: 'full' }],
    ])
  })

  it('connections', () => {
    const { connections, errors } = parse('connections')
    expect(errors).toEqual([])
    expect(connections).toMatchObject([
      {
        protocol: 'tcp',
        expiresSeconds: 133 * 60 + 35,
        state: 'ESTABLISHED',
        client: { address: '192.0.2.9', port: 1024 },
        virtual: { address: '192.0.2.1', port: 80 },
        destination: { address: '198.51.100.2', port: 8080 },
        line: 3,
      },
      { client: { address: '2001:db8::9', port: 53 } },
      { protocol: 'ip', state: 'NONE', virtual: { address: '0.0.0.7', port: 0 } },
      { engine: 'sip', engineData: 'a84b4c76e66710' },
    ])
  })

  it('connections of a FULLNAT kernel as another ipvsadm prints them are refused, with the reason', () => {
    const text = (LISTINGS.connections as string).replace('ESTABLISHED 192', 'C0A80001    192')
    const { errors, connections } = parseListing(text)
    expect(errors).toMatchObject([{ code: 'shifted-columns', line: 3, column: 12 }])
    expect(connections).toHaveLength(3)
  })

  it('local addresses', () => {
    expect(parse('localAddresses').localAddresses).toEqual([
      {
        address: '192.0.2.1',
        port: 80,
        total: 2,
        line: 2,
        localAddresses: [
          { address: '10.77.0.10', portConflicts: 0n, connections: 0, line: 3 },
          { address: '10.77.0.9', portConflicts: 18446744073709551615n, connections: 7, line: 4 },
        ],
      },
      { address: '192.0.2.2', port: 80, total: 0, line: 5, localAddresses: [] },
    ])
    const six = (LISTINGS.localAddresses as string).replace('192.0.2.1:80 ', '[2001:db8::1]:80 ')
    expect(codesOf(parseListing(six).errors)).toEqual([
      'misprinted-local-address',
      'misprinted-local-address',
    ])
    expect(parseListing(six, { dialect: 'dpvs' })).toMatchObject({
      errors: [],
      localAddresses: [{ total: 2 }, {}],
    })
    expect(() => parseListing(six, { dialect: 'linux' as never })).toThrow(/dialect/)
    const mark = (LISTINGS.localAddresses as string).replace('192.0.2.1:80', '0.0.0.0:0')
    expect(codesOf(parseListing(mark).errors)).toEqual(['misprinted-service'])
    const fewer = (LISTINGS.localAddresses as string).replace(/\n.*10\.77\.0\.9 .*/, '')
    expect(parseListing(fewer)).toMatchObject({ errors: [], warnings: [{ code: 'wrong-total', line: 4 }] })
    const last = (LISTINGS.localAddresses as string).replace(':80         0', ':80         5')
    expect(codesOf(parseListing(last).warnings)).toEqual(['wrong-total'])
  })

  it('timeouts and daemons', () => {
    expect(parse('others')).toMatchObject({
      services: undefined,
      timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
      daemons: [
        {
          ...{ state: 'master', interface: 'eth0', syncId: 1, syncMaxLength: 1472 },
          ...{ multicastGroup: '224.0.0.81', multicastPort: 8848, multicastTtl: 1 },
        },
        { state: 'backup', interface: 'eth1', syncId: 0, multicastGroup: undefined },
      ],
    })
  })

  it('several one after the other', () => {
    const { services, connections, timeouts, errors } = parseListing(
      [LISTINGS.mainline, LISTINGS.connections, LISTINGS.others, LISTINGS['alibaba-v2']].join('\n'),
    )
    expect([services?.length, connections?.length, timeouts?.udp, errors]).toEqual([7, 4, 300, []])
  })
})

describe('what is refused', () => {
  const HEAD =
    'Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n'
  it.each<[string, string]>([
    ['TCP  192.0.2.1:80', 'wrong-columns'],
    ['TCP', 'wrong-columns'],
    ['TCP  192.0.2.1:80 rr fish', 'unknown-word'],
    ['TCP  192.0.2.1:80 sh (fish)', 'unknown-flag'],
    ['TCP  192.0.2.1:80 rr persistent x', 'not-a-number'],
    ['TCP  192.0.2.1 rr', 'not-an-address'],
    ['TCP  2001:db8::1:80 rr', 'name'],
    ['TCP  192.0.2.1:http rr', 'name'],
    ['TCP  x.x.x.20:80 rr', 'masked-address'],
    ['?    192.0.2.1:80 rr', 'not-sayable'],
    ['FWM  x rr', 'not-a-number'],
    ['fish', 'wrong-columns'],
    ['[root@lvs ~]# ipvsadm -Ln', 'prompt'],
    ['$ ipvsadm -Ln', 'prompt'],
    ['TCP  192.0.2.1:80 rr\n  -> 10.0.0.5:80 Masq 1 0', 'wrong-columns'],
    ['TCP  192.0.2.1:80 rr\n  -> 10.0.0.5:80 Masq 1 0 0 0', 'wrong-columns'],
    ['TCP  192.0.2.1:80 rr\n  -> 10.0.0.5:80 (null) 1 0 0', 'unknown-method'],
    ['TCP  192.0.2.1:80 rr\n  -> 10.0.0.5:80 Masq x 0 0', 'not-a-number'],
    ['TCP  192.0.2.1:80 rr\n  -> rs1:80 Masq 1 0 0', 'name'],
    ['TCP  192.0.2.1:80 rr\n  ->', 'wrong-columns'],
  ])('%j: %s', (rows, code) => {
    const { errors } = parseListing(HEAD + rows)
    expect(codesOf(errors)).toEqual([code])
  })

  it('a negative mark is taken, with a warning', () => {
    const { services, warnings } = parseListing(`${HEAD}FWM  -5 rr`)
    expect([services?.[0]?.key, codesOf(warnings)]).toEqual([
      { fwmark: 4294967291, family: 'ipv4' },
      ['negative-fwmark'],
    ])
  })

  it('destinations of a service that is refused belong to nobody', () => {
    const { services } = parseListing(
      `${HEAD}TCP  192.0.2.1:80 rr\nTCP  VIP:80 rr\n  -> 10.0.0.5:80 Masq 1 0 0`,
    )
    expect(services).toMatchObject([{ destinations: [] }])
  })

  it('rows without a title', () => {
    expect(codesOf(parseListing('TCP  192.0.2.1:80 rr').errors)).toEqual(['no-title'])
  })

  it('more rows than there may be', () => {
    const { errors } = parseListing(`${'\n'.repeat(MOST_ROWS)}x\ny\n`)
    expect(errors).toMatchObject([{ code: 'too-many-rows', line: MOST_ROWS + 1 }])
  })
})
