// The doctor on real kernels: a director by which nothing is wrong, and one with every trap set that a kernel lets one set. What is
// per CPU is in smp/.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DiagnoseClient, Diagnosis, Finding, FindingCode } from '../../lib/diagnose'
// @ts-expect-error: a script without types
import { Settings } from './net/lab.mjs'
import { until } from './net/until'
import { Namespace } from './support/children'
import { doctor, library, PATIENT, project } from './support/library'

const ipvs = await library.Ipvs.open({ ...PATIENT, force: true })
const can = ipvs.capabilities
const isV3 = can.dialect === 'fullnat-v3'

const VIP = '192.0.2.1'
const VIP6 = '2001:db8::1'
const OTHER_VIP = '192.0.2.2'
const DNS = '192.0.2.53'
/** By what people log in. */
const OWN = '10.88.0.1'
const LOCALS = ['10.88.0.100', '10.88.0.101', '10.88.0.102', '10.88.0.103']
const RS = { address: '10.88.0.5', port: 8080 } as const
const RS6 = { address: 'fd00:88::5', port: 8080 } as const
const LOGIN = 2222
const ASK = { ...PATIENT, loginPorts: [LOGIN] }

const tcp = (address: string, port = 80) => ({ protocol: 'tcp', address, port }) as const
const udp = (address: string) => ({ protocol: 'udp', address, port: 53 }) as const

const sh = (script: string) => execFileSync('/bin/sh', ['-ec', script], { encoding: 'utf8', stdio: 'pipe' })
const add = (...addresses: string[]) =>
  sh(
    addresses
      .map((address) =>
        address.includes(':')
          ? `/sbin/ip addr add ${address}/64 dev doc0 nodad`
          : `/sbin/ip addr add ${address}/${address.startsWith('10.') ? 24 : 32} dev doc0`,
      )
      .join('\n'),
  )

const settings = new Settings()
const servers: Server[] = []
async function listen(address: string, port: number): Promise<void> {
  const server = createServer()
  server.listen({ host: address, port })
  await once(server, 'listening')
  servers.push(server)
}

/** A row of /proc/net/ip_vs_ext_stats, summed over the CPUs. */
function counted(row: string): number {
  const values = new RegExp(`^${row}\\s*:(.*)$`, 'm').exec(
    readFileSync('/proc/net/ip_vs_ext_stats', 'utf8'),
  )?.[1]
  return (values ?? '')
    .trim()
    .split(/\s+/)
    .reduce((sum, value) => sum + Number(value), 0)
}

const codes = ({ findings }: Diagnosis): FindingCode[] => [...new Set(findings.map(({ code }) => code))]

async function tableOfHealthy(): Promise<void> {
  const nat = can.fullnat ? 'fullnat' : 'masquerade'
  await ipvs.services.add({ ...tcp(VIP), scheduler: 'rr' })
  if (can.localAddresses) await ipvs.localAddresses.set(tcp(VIP), LOCALS)
  await ipvs.destinations.add(tcp(VIP), { ...RS, forwarding: nat })
  await ipvs.services.add({ ...tcp(VIP6), scheduler: 'rr' })
  await ipvs.destinations.add(tcp(VIP6), { ...RS6, forwarding: 'masquerade' })
  await ipvs.services.add({ ...udp(DNS), scheduler: 'rr', persistence: { timeout: 60 } })
  await ipvs.destinations.add(udp(DNS), { ...RS, port: 53, forwarding: 'masquerade' })
}

beforeAll(async () => {
  await ipvs.flush()
  sh('/sbin/ip link add doc0 type veth peer name doc1\n/sbin/ip link set doc0 up\n/sbin/ip link set doc1 up')
  add(OWN, VIP, VIP6, DNS, 'fd00:88::1', ...LOCALS)
  settings.set('net.ipv4.ip_forward', 1)
  settings.set('net.ipv6.conf.all.forwarding', 1)
  for (const name of ['all', 'doc0', 'doc1']) settings.set(`net.ipv4.conf.${name}.rp_filter`, 0)
  if (can.fullnat) settings.set('net.ipv4.vs.defence_frag_drop', 0)
  // veth has no checksum offload.
  if (isV3) settings.set('net.ipv4.vs.csum_offload', 0)
  await listen(OWN, LOGIN)
})
afterAll(async () => {
  for (const server of servers) server.close()
  settings.restore()
  await ipvs.flush()
  sh('/sbin/ip link del doc0')
  await ipvs.close()
})

it('machine() shows what the system shows', async () => {
  const machine = await ipvs.machine(PATIENT)
  expect(machine.unread).toEqual([])
  expect(machine.addresses).toContainEqual({ address: VIP, prefix: 32, interface: 'doc0' })
  expect(machine.addresses).toContainEqual({ address: 'fd00:88::1', prefix: 64, interface: 'doc0' })
  expect(machine.forwarding).toEqual({ ipv4: true, ipv6: true })
  const ipv6Checksums = can.fullnat ? false : undefined
  expect(machine.interfaces).toContainEqual({ name: 'doc0', reversePathFilter: 0, ipv6Checksums })
  expect(machine.sockets).toContainEqual({
    state: 'listen',
    local: { address: OWN, port: LOGIN },
    remote: undefined,
  })
  expect(machine.cpus).toEqual(isV3 ? { online: 1, reserved: 0 } : undefined)
  if (!can.fullnat) expect(machine.localNetworks).toContain('127.0.0.0/8')
})

it('nothing is found by a director by which nothing is wrong', async () => {
  await tableOfHealthy()
  const { findings, ...rest } = await doctor.diagnose(ipvs, ASK)
  expect(findings).toEqual([])
  expect(rest).toMatchObject({ version: 1, dialect: can.dialect, transport: 'netlink' })
  expect(rest.evidence?.commands?.includes(18)).toBe(can.fullnat)
})

it('what would be wrong is told of a state that is none yet', async () => {
  const state = {
    services: [
      {
        ...tcp(VIP),
        scheduler: 'rr',
        destinations: [
          { ...RS, forwarding: can.fullnat ? ('fullnat' as const) : ('masquerade' as const), weight: 0 },
        ],
      },
      { ...tcp('192.0.2.99'), scheduler: 'rr', destinations: [] },
    ],
  }
  const { findings } = await doctor.diagnose(ipvs, { ...ASK, state })
  expect(findings.map(({ code, cause }) => [code, cause])).toEqual([
    ['no-destination', 'state'],
    ['no-weight', 'state'],
    ['virtual-address-absent', 'state'],
  ])
})

describe('with every trap set', () => {
  const traps = new Settings()
  let found: readonly Finding[]
  let before: readonly unknown[]
  const everything = async () => [await ipvs.snapshot(), await ipvs.sysctl.list(), await ipvs.timeouts.get()]
  const all: FindingCode[] = [
    'no-destination',
    'no-weight',
    'virtual-address-absent',
    'forwarding-off',
    'defence-always-on',
  ]
  const fullnat: FindingCode[] = [
    'fullnat-without-local-address',
    'synproxy-without-nat',
    'destination-is-local',
    'local-address-absent',
    'local-address-is-virtual',
    'local-address-is-login',
    'local-ports-scarce',
    'login-swallowed',
    'socket-swallowed',
    'udp-service-swallowed',
    'fragments-dropped',
    'cache-bypass',
    'sync-daemon-on-fullnat',
    'counter-growing',
    'reverse-path-strict',
  ]
  const mainline: FindingCode[] = [
    'reverse-path-strict',
    'connection-reuse-delayed',
    'removal-cuts-connections',
    'drain-cuts-persistence',
  ]
  const v3: FindingCode[] = ['checksum-offload', 'reserve-core-leaves-none', 'connection-limit-near']
  const expected: FindingCode[] = [...all, ...(can.fullnat ? fullnat : mainline), ...(isV3 ? v3 : [])]
  const connections = async (): Promise<number> => {
    const { services } = await ipvs.snapshot()
    return services
      .flatMap(({ destinations }) => destinations)
      .reduce((sum, one) => sum + one.activeConnections + one.inactiveConnections, 0)
  }

  /** A SYN to a service without a destination, between the two looks. */
  const meanwhile: DiagnoseClient = {
    capabilities: can,
    evidence: ipvs.evidence,
    machine: (options) => ipvs.machine(options),
    daemons: ipvs.daemons,
    sysctl: ipvs.sysctl,
    extendedStats: (options) => ipvs.extendedStats(options),
    snapshot: async (options) => {
      if (++looks === 2) {
        const count = counted('conn_sched_unreach')
        const socket = createConnection({ host: VIP, port: 81 })
        socket.on('error', () => {})
        await until(
          'the SYN is dropped',
          () => counted('conn_sched_unreach'),
          (now) => now > count,
        )
        socket.destroy()
      }
      return ipvs.snapshot(options)
    },
  }
  let looks = 0

  beforeAll(async () => {
    await ipvs.services.add({ ...tcp(VIP, 81), scheduler: 'rr' })
    await ipvs.services.add({ ...tcp(OTHER_VIP), scheduler: 'rr' })
    await ipvs.destinations.add(tcp(OTHER_VIP), { ...RS, weight: 0, forwarding: 'direct-route' })
    traps.set('net.ipv4.ip_forward', 0)
    traps.set('net.ipv4.vs.drop_packet', 3)
    for (const name of ['doc0', 'doc1']) traps.set(`net.ipv4.conf.${name}.rp_filter`, 1)
    await listen(VIP, LOGIN)
    if (!can.fullnat) {
      traps.set('net.ipv4.vs.conntrack', 1)
      traps.set('net.ipv4.vs.expire_nodest_conn', 1)
      traps.set('net.ipv4.vs.expire_quiescent_template', 1)
      return
    }
    await listen(VIP, 9100)
    await ipvs.services.add({ ...tcp(VIP, 84), scheduler: 'rr' })
    await ipvs.destinations.add(tcp(VIP, 84), { ...RS, forwarding: 'fullnat' })
    await ipvs.services.add({ ...tcp(VIP, 82), scheduler: 'rr' })
    await ipvs.localAddresses.add(tcp(VIP, 82), LOCALS[0] as string)
    await ipvs.destinations.add(tcp(VIP, 82), { ...RS, port: 82, forwarding: 'fullnat' })
    // A connection of the director's own takes the only port there is.
    await ipvs.sysctl.setLocalPorts({ min: 5000, max: 5000 })
    const socket = createConnection({ host: VIP, port: 82 })
    socket.on('error', () => {})
    await until('there is a connection', connections, (sum) => sum > 0)
    socket.destroy()
    await ipvs.services.add({ ...tcp(VIP, 83), scheduler: 'rr', synproxy: true })
    await ipvs.destinations.add(tcp(VIP, 83), { ...RS, forwarding: 'direct-route' })
    await ipvs.localAddresses.set(tcp(VIP), [OWN, VIP, '10.88.0.200'])
    await ipvs.destinations.add(tcp(VIP6), { address: '3fff::1', port: 80, forwarding: 'masquerade' })
    await ipvs.services.add({ ...udp(VIP), scheduler: 'rr' })
    await ipvs.destinations.add(udp(VIP), { ...RS, port: 53, forwarding: 'masquerade' })
    traps.set('net.ipv4.vs.defence_frag_drop', 1)
    traps.set('net.ipv4.vs.cache_bypass', 1)
    await ipvs.daemons.start({ state: 'master', interface: 'doc0' })
    if (!isV3) return
    traps.set('net.ipv4.vs.csum_offload', 1)
    traps.set('net.ipv4.vs.conn_max_num', 1)
    traps.set('net.ipv4.vs.reserve_core', 1)
  })
  afterAll(async () => {
    traps.restore()
    if (can.fullnat) {
      await ipvs.daemons.stop('master')
      await ipvs.sysctl.setLocalPorts({ min: 5000, max: 65535 })
      // It holds the device.
      await until('no destination has connections', connections, (sum) => sum === 0)
    }
    await ipvs.flush()
  })

  it('each is found, with what to do, and nothing is changed', async () => {
    before = await everything()
    const diagnosis = await doctor.diagnose(can.fullnat ? meanwhile : ipvs, ASK)
    found = diagnosis.findings
    console.log(`${can.dialect}: ${found.map(({ code }) => code).join(' ')}`)
    expect(codes(diagnosis)).toEqual(doctor.FINDING_CODES.filter((code) => expected.includes(code)))
    for (const { explanation, remedy } of found) {
      expect(explanation.length).toBeGreaterThan(40)
      expect(remedy).toMatch(/`[^`]+`/)
    }
    expect(JSON.parse(JSON.stringify(diagnosis)).findings).toHaveLength(found.length)
    if (!can.fullnat) expect(await everything()).toEqual(before)
  })

  it('the subjects are those of the traps', () => {
    const subjects = (code: FindingCode) =>
      found.filter((one) => one.code === code).map(({ subject }) => subject)
    expect(subjects('no-weight')).toEqual([{ service: tcp(OTHER_VIP) }])
    expect(subjects('virtual-address-absent')).toEqual([{ address: OTHER_VIP }])
    expect(subjects('forwarding-off')).toEqual([{ sysctl: 'net.ipv4.ip_forward' }])
    if (!can.fullnat) return
    expect(subjects('local-address-absent')).toEqual([{ address: '10.88.0.200' }])
    expect(subjects('local-address-is-virtual')).toEqual([{ address: VIP }])
    expect(subjects('local-address-is-login')).toContainEqual({ address: OWN })
    expect(subjects('login-swallowed')).toEqual([{ address: VIP }])
    expect(subjects('udp-service-swallowed')).toEqual([{ service: udp(VIP) }])
    expect(subjects('destination-is-local')).toMatchObject([{ destination: { address: '3fff::1' } }])
  })
})

describe('where IPVS cannot be spoken to', () => {
  const said = (options: { uid?: number; gid?: number } = {}, command: readonly string[] = []): Diagnosis => {
    const words = [...command, process.execPath, join(project, 'test/vm/support/doctor.cjs')]
    return JSON.parse(execFileSync(words[0] as string, words.slice(1), { encoding: 'utf8', ...options }))
  }

  it('a process without privilege hears what it lacks', () => {
    expect(codes(said({ uid: 65534, gid: 65534 }))).toContain('no-privilege')
  })

  it.skipIf(can.networkNamespaces)(
    'one in another network namespace hears that it is in the wrong one',
    () => {
      expect(codes(said({}, ['unshare', '-n']))).toEqual(['wrong-namespace'])
    },
  )

  it.skipIf(!can.networkNamespaces)('a client in another namespace looks at that one', async () => {
    const namespace = await Namespace.create()
    const other = await library.Ipvs.open({ ...PATIENT, netns: namespace.pid })
    try {
      const machine = await other.machine(PATIENT)
      expect(machine.unread).toEqual([])
      expect(machine.addresses?.map(({ address }) => address)).toContain('127.0.0.1')
      expect(machine.addresses?.map(({ address }) => address)).not.toContain(VIP)
      const names = machine.interfaces?.map(({ name }) => name)
      expect(names).toContain('lo')
      expect(names).not.toContain('doc0')
      await other.services.add({ ...tcp(VIP), scheduler: 'rr' })
      await other.destinations.add(tcp(VIP), { ...RS, forwarding: 'masquerade' })
      const found = codes(await doctor.diagnose(other, ASK))
      expect(found).toContain('virtual-address-absent')
      expect(found).not.toContain('could-not-look')
    } finally {
      await other.close()
      await namespace.close()
    }
  })

  it('a namespace that is not there', async () => {
    const error = await library.Ipvs.open({ ...PATIENT, netns: '/run/netns/none' }).then(
      () => undefined,
      (reason) => reason,
    )
    expect(codes(doctor.diagnoseOpenFailure(error))).toEqual(['namespace-unreachable'])
  })
})
