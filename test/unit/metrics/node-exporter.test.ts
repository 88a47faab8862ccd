// The families of node_exporter, held against what its own end-to-end test publishes for the same table
// (prometheus/node_exporter, collector/fixtures: proc/net/ip_vs, proc/net/ip_vs_stats, e2e-output.txt, ip_vs_result_*.txt).

import { describe, expect, it } from 'vitest'
import { type DestinationInfo, Ipvs, type ServiceInfo } from '../../../lib'
import { type BackendLabel, type CollectOptions, collect } from '../../../lib/metrics'
import { FakeKernel } from '../../../lib/testing'
import { parseExposition, valuesOf } from './exposition-parser'
import { destination, entry, service, sourceOf } from './sources'

const PORT = 3306
const tcp = (address: string) => ({ protocol: 'tcp', address, port: PORT }) as const

/** Service, destination, weight, active and inactive connections. */
const TABLE = [
  [tcp('192.168.0.22'), '192.168.82.22', 100, 248, 2],
  [tcp('192.168.0.22'), '192.168.83.24', 100, 248, 2],
  [tcp('192.168.0.22'), '192.168.83.21', 100, 248, 1],
  [tcp('192.168.0.57'), '192.168.84.22', 0, 0, 0],
  [tcp('192.168.0.57'), '192.168.82.21', 100, 1499, 0],
  [tcp('192.168.0.57'), '192.168.50.21', 100, 1498, 0],
  [tcp('192.168.0.55'), '192.168.50.26', 0, 0, 0],
  [tcp('192.168.0.55'), '192.168.49.32', 100, 0, 0],
  [{ fwmark: 0x10001000 }, '192.168.50.26', 20, 64, 1],
  [{ fwmark: 0x10001000 }, '192.168.49.32', 100, 321, 5],
] as const

/** What /proc/net/ip_vs_stats says. */
const COUNTERS = {
  connections: '23765872',
  inPackets: '3811989221',
  outPackets: '0',
  inBytes: '89991519156915',
  outBytes: '0',
}

/** The table on a fake kernel; connections and counters as if they had come by. */
async function publishedTable(): Promise<Ipvs> {
  const kernel = new FakeKernel({ dialect: 'mainline' })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  for (const [key, address, weight] of TABLE) {
    await ipvs.services.ensure({ ...key, scheduler: 'wlc' })
    await ipvs.destinations.add(key, { address, port: PORT, forwarding: 'tunnel', weight })
  }
  const dump = kernel.dump()
  const connectionsOf = (mark: number, vip: string, address: string) => {
    const row = TABLE.find(
      ([key, target]) => target === address && ('fwmark' in key ? key.fwmark === mark : key.address === vip),
    )
    return { active: row?.[3] ?? -1, inactive: row?.[4] ?? -1, persistent: 0, overloaded: false }
  }
  const cells = dump.services.map((one) => ({
    ...one,
    destinations: one.destinations.map((target) => ({
      ...target,
      cells: [connectionsOf(one.fwmark, one.address, target.address)],
    })),
  }))
  kernel.load({ ...dump, services: cells, counters: { ...dump.counters, traffic: [COUNTERS] } })
  return ipvs
}

const compat = async (options: CollectOptions = {}) =>
  collect(await publishedTable(), { compat: 'node_exporter', families: [], ...options })

/** node_exporter prints doubles as Go does (2.3765872e+07). */
const numbers = (values: Record<string, string>) =>
  Object.fromEntries(Object.entries(values).map(([labels, value]) => [labels, Number(value)]))

describe('the published output for the published table', () => {
  it('has the same families, types and HELP texts, and no others', async () => {
    const families = [...parseExposition(await compat())].map(([name, { type, help }]) => [name, type, help])
    expect(families.sort()).toEqual([
      [
        'node_ipvs_backend_connections_active',
        'gauge',
        'The current active connections by local and remote address.',
      ],
      [
        'node_ipvs_backend_connections_inactive',
        'gauge',
        'The current inactive connections by local and remote address.',
      ],
      ['node_ipvs_backend_weight', 'gauge', 'The current backend weight by local and remote address.'],
      ['node_ipvs_connections_total', 'counter', 'The total number of connections made.'],
      ['node_ipvs_incoming_bytes_total', 'counter', 'The total amount of incoming data.'],
      ['node_ipvs_incoming_packets_total', 'counter', 'The total number of incoming packets.'],
      ['node_ipvs_outgoing_bytes_total', 'counter', 'The total amount of outgoing data.'],
      ['node_ipvs_outgoing_packets_total', 'counter', 'The total number of outgoing packets.'],
    ])
  })

  it('has the same lines of backends, letter by letter', async () => {
    const lines = (await compat()).split('\n').filter((line) => line.startsWith('node_ipvs_backend'))
    const active = lines.filter((line) => line.startsWith('node_ipvs_backend_connections_active'))
    const sample = (name: string, local: string, remote: string, value: number) => {
      const [address, mark, port, proto] = local.split('|')
      return (
        `node_ipvs_backend_${name}{local_address="${address}",local_mark="${mark}",local_port="${port}",` +
        `proto="${proto}",remote_address="${remote}",remote_port="3306"} ${value}`
      )
    }
    expect(active.sort()).toEqual([
      sample('connections_active', '|10001000|0|FWM', '192.168.49.32', 321),
      sample('connections_active', '|10001000|0|FWM', '192.168.50.26', 64),
      sample('connections_active', '192.168.0.22||3306|TCP', '192.168.82.22', 248),
      sample('connections_active', '192.168.0.22||3306|TCP', '192.168.83.21', 248),
      sample('connections_active', '192.168.0.22||3306|TCP', '192.168.83.24', 248),
      sample('connections_active', '192.168.0.55||3306|TCP', '192.168.49.32', 0),
      sample('connections_active', '192.168.0.55||3306|TCP', '192.168.50.26', 0),
      sample('connections_active', '192.168.0.57||3306|TCP', '192.168.50.21', 1498),
      sample('connections_active', '192.168.0.57||3306|TCP', '192.168.82.21', 1499),
      sample('connections_active', '192.168.0.57||3306|TCP', '192.168.84.22', 0),
    ])
    const inactive = lines.filter((line) => line.startsWith('node_ipvs_backend_connections_inactive'))
    expect(inactive.sort()).toEqual([
      sample('connections_inactive', '|10001000|0|FWM', '192.168.49.32', 5),
      sample('connections_inactive', '|10001000|0|FWM', '192.168.50.26', 1),
      sample('connections_inactive', '192.168.0.22||3306|TCP', '192.168.82.22', 2),
      sample('connections_inactive', '192.168.0.22||3306|TCP', '192.168.83.21', 1),
      sample('connections_inactive', '192.168.0.22||3306|TCP', '192.168.83.24', 2),
      sample('connections_inactive', '192.168.0.55||3306|TCP', '192.168.49.32', 0),
      sample('connections_inactive', '192.168.0.55||3306|TCP', '192.168.50.26', 0),
      sample('connections_inactive', '192.168.0.57||3306|TCP', '192.168.50.21', 0),
      sample('connections_inactive', '192.168.0.57||3306|TCP', '192.168.82.21', 0),
      sample('connections_inactive', '192.168.0.57||3306|TCP', '192.168.84.22', 0),
    ])
    const weights = lines.filter((line) => line.startsWith('node_ipvs_backend_weight'))
    expect(weights.sort()).toEqual([
      sample('weight', '|10001000|0|FWM', '192.168.49.32', 100),
      sample('weight', '|10001000|0|FWM', '192.168.50.26', 20),
      sample('weight', '192.168.0.22||3306|TCP', '192.168.82.22', 100),
      sample('weight', '192.168.0.22||3306|TCP', '192.168.83.21', 100),
      sample('weight', '192.168.0.22||3306|TCP', '192.168.83.24', 100),
      sample('weight', '192.168.0.55||3306|TCP', '192.168.49.32', 100),
      sample('weight', '192.168.0.55||3306|TCP', '192.168.50.26', 0),
      sample('weight', '192.168.0.57||3306|TCP', '192.168.50.21', 100),
      sample('weight', '192.168.0.57||3306|TCP', '192.168.82.21', 100),
      sample('weight', '192.168.0.57||3306|TCP', '192.168.84.22', 0),
    ])
  })

  it('has the same totals; ours are exact', async () => {
    const text = await compat()
    const total = (name: string) => valuesOf(text, `node_ipvs_${name}_total`)['']
    expect(total('connections')).toBe('23765872')
    expect(Number(total('connections'))).toBe(2.3765872e7)
    expect(Number(total('incoming_bytes'))).toBe(8.9991519156915e13)
    expect(Number(total('incoming_packets'))).toBe(3.811989221e9)
    expect([total('outgoing_bytes'), total('outgoing_packets')]).toEqual(['0', '0'])
  })
})

describe('labels left out are summed over, weights too', () => {
  it('two of them, in any order', async () => {
    const text = await compat({ labels: { backends: ['local_port', 'local_address'] } })
    expect(text).toContain('node_ipvs_backend_weight{local_address="192.168.0.22",local_port="3306"} 300\n')
    expect(numbers(valuesOf(text, 'node_ipvs_backend_connections_active'))).toEqual({
      'local_port=0': 385,
      'local_address=192.168.0.22 local_port=3306': 744,
      'local_address=192.168.0.55 local_port=3306': 0,
      'local_address=192.168.0.57 local_port=3306': 2997,
    })
    expect(numbers(valuesOf(text, 'node_ipvs_backend_connections_inactive'))).toEqual({
      'local_port=0': 6,
      'local_address=192.168.0.22 local_port=3306': 5,
      'local_address=192.168.0.55 local_port=3306': 0,
      'local_address=192.168.0.57 local_port=3306': 0,
    })
    expect(numbers(valuesOf(text, 'node_ipvs_backend_weight'))).toEqual({
      'local_port=0': 120,
      'local_address=192.168.0.22 local_port=3306': 300,
      'local_address=192.168.0.55 local_port=3306': 100,
      'local_address=192.168.0.57 local_port=3306': 200,
    })
  })

  it('one of them', async () => {
    const text = await compat({ labels: { backends: ['local_port'] } })
    expect(numbers(valuesOf(text, 'node_ipvs_backend_connections_active'))).toEqual({
      'local_port=0': 385,
      'local_port=3306': 3741,
    })
    expect(numbers(valuesOf(text, 'node_ipvs_backend_weight'))).toEqual({
      'local_port=0': 120,
      'local_port=3306': 600,
    })
  })

  it('none of them', async () => {
    const text = await compat({ labels: { backends: [] } })
    expect(text).toContain('\nnode_ipvs_backend_connections_active 4126\n')
    expect(text).toContain('\nnode_ipvs_backend_connections_inactive 11\n')
    expect(text).toContain('\nnode_ipvs_backend_weight 720\n')
  })

  it('a name that is not one is an error', async () => {
    const labels = { backends: ['local_port', 'shibboleth'] as BackendLabel[] }
    await expect(compat({ labels })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      field: 'options.labels.backends[1]',
    })
  })
})

describe('what a row in /proc does not show, or shows otherwise', () => {
  const backends = async (...services: readonly (readonly [ServiceInfo, readonly DestinationInfo[]])[]) => {
    const source = sourceOf({ services: services.map(([one, targets]) => entry(one, targets)) })
    const text = await collect(source, { compat: 'node_exporter', families: [] })
    return valuesOf(text, 'node_ipvs_backend_connections_active')
  }
  const busy = (address: string, activeConnections: number) => destination(address, 80, { activeConnections })

  it('destinations of SCTP services are their own, not those of the service before', async () => {
    const sctp = service({ protocol: 'sctp', address: '192.0.2.1', port: 80 })
    const before = service({ protocol: 'tcp', address: '192.0.2.1', port: 80 })
    expect(await backends([before, [busy('10.0.0.1', 1)]], [sctp, [busy('10.0.0.1', 2)]])).toEqual({
      'local_address=192.0.2.1 local_port=80 proto=TCP remote_address=10.0.0.1 remote_port=80': '1',
      'local_address=192.0.2.1 local_port=80 proto=SCTP remote_address=10.0.0.1 remote_port=80': '2',
    })
  })

  it('protocols without a name of ours are what the kernel calls them', async () => {
    const of = (protocol: number) =>
      [service({ protocol, address: '192.0.2.1', port: 0 }), [busy('10.0.0.1', protocol)]] as const
    const found = await backends(of(1), of(50), of(65535), of(0), of(58))
    expect(Object.keys(found).map((labels) => /proto=(\S+)/.exec(labels)?.[1])).toEqual([
      'ICMP',
      'IP_50',
      'IP_65535',
      'IP',
      'ICMPv6',
    ])
  })

  it('marks have eight upper-case digits; those of two families are one where their destinations are, too', async () => {
    const of = (family: 'ipv4' | 'ipv6', address: string, connections: number) =>
      [service({ fwmark: 0xdead, family }), [busy(address, connections)]] as const
    expect(
      await backends(of('ipv4', '10.0.0.1', 1), of('ipv6', '2001:db8::1', 2), of('ipv6', '10.0.0.1', 4)),
    ).toEqual({
      'local_mark=0000DEAD local_port=0 proto=FWM remote_address=10.0.0.1 remote_port=80': '5',
      'local_mark=0000DEAD local_port=0 proto=FWM remote_address=2001:db8::1 remote_port=80': '2',
    })
  })

  it('IPv6 addresses are short and without brackets; mapped ones are printed as Go does', async () => {
    const six = service({ protocol: 'udp', address: '2001:db8::1', port: 53 })
    expect(await backends([six, [busy('fd00::a', 1), busy('::ffff:10.0.0.9', 2)]])).toEqual({
      'local_address=2001:db8::1 local_port=53 proto=UDP remote_address=fd00::a remote_port=80': '1',
      'local_address=2001:db8::1 local_port=53 proto=UDP remote_address=10.0.0.9 remote_port=80': '2',
    })
  })
})
