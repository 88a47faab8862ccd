import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type DiagnoseClient,
  type DiagnoseOptions,
  diagnose,
  diagnoseOpenFailure,
  FINDING_CODES,
  FINDING_SEVERITIES,
  type FindingCode,
  type FindingSubject,
} from '../../../lib/diagnose'
import { ownError } from '../../../lib/errors/ipvs-error'
import { fileError } from '../../../lib/kernel/file-error'
import type { FakeDialect, FakeKernelOptions } from '../../../lib/testing'
import {
  codesOf,
  type Director,
  DNS,
  healthy,
  meanwhile,
  pretending,
  RS,
  SSH,
  VIP,
  WEB,
  WEB6,
  withForwarding,
  withSysctls,
} from './directors'

interface Trap {
  readonly code: FindingCode
  readonly on: FakeDialect
  readonly options?: FakeKernelOptions
  /** Sets the trap; resolves to the client where another must be asked. */
  readonly set: (director: Director) => Promise<unknown>
  readonly ask?: DiagnoseOptions
  readonly subject: FindingSubject
  /** Other findings that come with it. */
  readonly besides?: readonly FindingCode[]
  readonly evidence?: object
}

const nothing = async () => {}
const OWN = ['10.0.0.9', '10.1.0.1', '10.1.0.2', VIP, DNS.address, WEB6.address]
const at = (address: string, port: number, remote?: { address: string; port: number }) => ({
  state: remote ? ('established' as const) : ('listen' as const),
  local: { address, port },
  remote,
})
const connect = ({ kernel }: Director, count: number, first = 1000) => {
  for (let i = 0; i < count; i++) {
    kernel.attempt({ client: `198.51.100.7:${first + i}`, service: WEB })
  }
}
const empty = { ...WEB, port: 81 } as const

const TRAPS: readonly Trap[] = [
  // ---- services
  {
    code: 'no-destination',
    on: 'mainline',
    set: ({ ipvs }) => ipvs.services.add(empty),
    subject: { service: empty },
  },
  {
    code: 'no-weight',
    on: 'fullnat-v2',
    set: ({ ipvs }) => ipvs.destinations.update(WEB, RS, { weight: 0 }),
    subject: { service: WEB },
  },
  {
    code: 'fullnat-without-local-address',
    on: 'fullnat-v2',
    set: ({ ipvs }) => ipvs.localAddresses.set(WEB, []),
    subject: { service: WEB },
  },
  {
    code: 'fullnat-unsupported',
    on: 'mainline',
    set: async ({ ipvs }) => withForwarding(ipvs, 'tcp', 'fullnat'),
    subject: { service: WEB },
  },
  {
    code: 'udp-fullnat-unsupported',
    on: 'fullnat-v3',
    set: async ({ ipvs }) => {
      await ipvs.localAddresses.add(DNS, '10.1.0.1')
      return withForwarding(ipvs, 'udp', 'fullnat')
    },
    subject: { service: DNS },
  },
  {
    code: 'synproxy-without-nat',
    on: 'fullnat-v3',
    set: async ({ ipvs }) => {
      await ipvs.services.add({ ...empty, synproxy: true })
      await ipvs.destinations.add(empty, { ...RS, forwarding: 'direct-route' })
    },
    subject: { service: empty },
  },
  {
    code: 'destination-is-local',
    on: 'fullnat-v2',
    options: { routes: ['2001:db8:9::/64'] },
    set: ({ ipvs }) =>
      ipvs.destinations.add(WEB6, { address: '2001:db8:7::1', port: 80, forwarding: 'masquerade' }),
    subject: { service: WEB6, destination: { address: '2001:db8:7::1', port: 80 } },
  },
  // ---- local addresses
  {
    code: 'cpu-without-local-address',
    on: 'fullnat-v3',
    options: { cpus: 4 },
    set: ({ ipvs }) => ipvs.localAddresses.set(WEB, ['10.1.0.12']),
    subject: { service: WEB },
    evidence: { online: 4, reserveCore: 0, addresses: ['10.1.0.12'], cpus: [1, 2, 3] },
  },
  {
    code: 'cpu-perhaps-without-local-address',
    on: 'fullnat-v3',
    options: { cpus: 4 },
    set: async ({ kernel, ipvs }) => {
      await ipvs.localAddresses.set(WEB, ['10.1.0.4', '10.1.0.5'])
      kernel.reserveCore = 2
    },
    subject: { service: WEB },
    evidence: { online: 4, reserveCore: 2, cpus: [2, 3] },
  },
  {
    code: 'reserve-core-leaves-none',
    on: 'fullnat-v3',
    options: { cpus: 2 },
    set: async ({ kernel }) => {
      kernel.reserveCore = 2
    },
    subject: { sysctl: 'reserve_core' },
  },
  {
    code: 'local-address-absent',
    on: 'fullnat-v2',
    options: { addresses: OWN.filter((address) => address !== '10.1.0.2') },
    set: nothing,
    subject: { address: '10.1.0.2' },
  },
  {
    code: 'local-address-is-virtual',
    on: 'fullnat-v2',
    set: ({ ipvs }) => ipvs.localAddresses.add(WEB, VIP),
    subject: { address: VIP },
  },
  {
    code: 'local-address-is-login',
    on: 'fullnat-v3',
    set: ({ ipvs }) => ipvs.localAddresses.add(WEB, SSH.local.address),
    subject: { address: SSH.local.address },
  },
  {
    code: 'local-ports-crossed',
    on: 'fullnat-v3',
    set: async ({ ipvs }) => withSysctls(ipvs, { fullnat_lport_min: 5001, fullnat_lport_max: 5000 }),
    subject: { sysctl: 'fullnat_lport_min' },
  },
  {
    code: 'local-ports-scarce',
    on: 'fullnat-v2',
    options: { localPorts: { min: 5000, max: 5004 } },
    set: async (director) => connect(director, 8),
    subject: { service: WEB, destination: RS },
    evidence: { connections: 8, room: 10, ports: 5, localAddresses: 2 },
  },
  {
    code: 'port-conflicts-growing',
    on: 'fullnat-v2',
    options: { localPorts: { min: 5000, max: 5004, tries: 10 } },
    set: async (director) => {
      connect(director, 10)
      return meanwhile(director.ipvs, () => connect(director, 1, 3000))
    },
    subject: { service: WEB },
    ask: { interval: 1 },
    besides: ['local-ports-scarce', 'counter-growing'],
    evidence: { conflicts: '10' },
  },
  {
    code: 'counter-growing',
    on: 'fullnat-v3',
    set: async ({ kernel, ipvs }) => {
      await ipvs.services.add(empty)
      return meanwhile(ipvs, () => kernel.attempt({ client: '198.51.100.7:1', service: empty }))
    },
    ask: { interval: 1 },
    subject: { counter: 'conn_sched_unreach' },
    besides: ['no-destination'],
    evidence: { grown: '1' },
  },
  // ---- virtual addresses
  {
    code: 'virtual-address-absent',
    on: 'mainline',
    options: { addresses: OWN.filter((address) => address !== VIP) },
    set: nothing,
    subject: { address: VIP },
  },
  {
    code: 'login-swallowed',
    on: 'fullnat-v2',
    options: { machine: { sockets: [at(VIP, 22)] } },
    set: nothing,
    subject: { address: VIP },
    evidence: { sockets: [`listen ${VIP}:22`], services: [`tcp ${VIP}:80`] },
  },
  {
    code: 'socket-swallowed',
    on: 'fullnat-v3',
    options: {
      machine: { sockets: [at(VIP, 9100), at(VIP, 80), at(VIP, 4444, { address: VIP, port: 80 })] },
    },
    set: nothing,
    subject: { address: VIP },
    evidence: { sockets: [`listen ${VIP}:9100`], count: 1 },
  },
  {
    code: 'udp-service-swallowed',
    on: 'fullnat-v2',
    set: async ({ ipvs }) => {
      await ipvs.services.add({ ...DNS, address: VIP })
      await ipvs.destinations.add({ ...DNS, address: VIP }, { ...RS, forwarding: 'masquerade' })
    },
    subject: { service: { ...DNS, address: VIP } },
  },
  {
    code: 'fragments-dropped',
    on: 'fullnat-v3',
    set: ({ ipvs }) => ipvs.sysctl.set('defence_frag_drop', 1),
    subject: { sysctl: 'defence_frag_drop' },
  },
  // ---- the machine
  {
    code: 'forwarding-off',
    on: 'fullnat-v2',
    options: { machine: { forwarding: false } },
    set: ({ ipvs }) => ipvs.services.remove(WEB6),
    subject: { sysctl: 'net.ipv4.ip_forward' },
  },
  {
    code: 'reverse-path-strict',
    on: 'mainline',
    options: { machine: { reversePathFilter: 1 }, interfaces: ['lo', 'eth0', 'eth1'] },
    set: nothing,
    subject: { sysctl: 'net.ipv4.conf.*.rp_filter' },
    evidence: { interfaces: ['eth0', 'eth1'] },
  },
  {
    code: 'checksum-offload',
    on: 'fullnat-v3',
    options: { machine: { ipv6Checksums: false } },
    set: nothing,
    subject: { sysctl: 'csum_offload' },
    evidence: { interfaces: ['eth0'], services: 1 },
  },
  // ---- settings
  {
    code: 'cache-bypass',
    on: 'fullnat-v2',
    set: ({ ipvs }) => ipvs.sysctl.set('cache_bypass', 1),
    subject: { sysctl: 'cache_bypass' },
  },
  {
    code: 'defence-always-on',
    on: 'mainline',
    set: ({ ipvs }) => ipvs.sysctl.set('drop_packet', 3),
    subject: { sysctl: 'drop_packet' },
  },
  {
    code: 'connection-limit-near',
    on: 'fullnat-v3',
    set: async (director) => {
      await director.ipvs.sysctl.set('conn_max_num', 10)
      connect(director, 8)
    },
    subject: { sysctl: 'conn_max_num' },
    evidence: { connections: 8, limit: 10 },
  },
  {
    code: 'connection-reuse-off',
    on: 'mainline',
    set: ({ ipvs }) => ipvs.sysctl.set('conn_reuse_mode', 0),
    subject: { sysctl: 'conn_reuse_mode' },
  },
  {
    code: 'connection-reuse-delayed',
    on: 'mainline',
    set: ({ ipvs }) => ipvs.sysctl.set('conntrack', 1),
    subject: { sysctl: 'conntrack' },
  },
  {
    code: 'removal-cuts-connections',
    on: 'mainline',
    set: ({ ipvs }) => ipvs.sysctl.set('expire_nodest_conn', 1),
    subject: { sysctl: 'expire_nodest_conn' },
  },
  {
    code: 'drain-cuts-persistence',
    on: 'mainline',
    set: ({ ipvs }) => ipvs.sysctl.set('expire_quiescent_template', 1),
    subject: { sysctl: 'expire_quiescent_template' },
  },
  {
    code: 'sync-daemon-on-fullnat',
    on: 'fullnat-v2',
    set: ({ ipvs }) => ipvs.daemons.start({ state: 'backup', interface: 'eth0' }),
    subject: { interface: 'eth0' },
  },
  // ---- the kernel
  {
    code: 'dialect-unknown',
    on: 'mainline',
    set: async ({ ipvs }) => pretending(ipvs, { capabilities: { ...ipvs.capabilities, dialect: 'unknown' } }),
    subject: {},
  },
  {
    code: 'dialect-guessed',
    on: 'fullnat-v3',
    set: async ({ ipvs }) =>
      pretending(ipvs, {
        evidence: { ...ipvs.evidence, fullnatSysctl: false, extendedStats: undefined },
      }),
    subject: {},
  },
  {
    code: 'sockopt-only',
    on: 'mainline',
    set: async ({ ipvs }) =>
      pretending(ipvs, { capabilities: { ...ipvs.capabilities, transport: 'sockopt' } }),
    subject: {},
  },
  {
    code: 'could-not-look',
    on: 'mainline',
    set: async ({ ipvs }) =>
      pretending(ipvs, {
        machine: async (options) => ({
          ...(await ipvs.machine(options)),
          sockets: undefined,
          unread: [{ part: 'sockets', code: 'EACCES', message: 'EACCES: open' }],
        }),
      }),
    subject: { part: 'sockets' },
    evidence: { error: 'EACCES', message: 'EACCES: open' },
  },
  {
    code: 'no-privilege',
    on: 'fullnat-v3',
    set: async ({ kernel }) => kernel.revoke(),
    subject: {},
  },
  {
    code: 'kernel-silent',
    on: 'fullnat-v2',
    set: async ({ kernel }) => {
      kernel.neverAnswer('snapshot')
    },
    ask: { timeout: 1 },
    subject: {},
  },
]

/** What `Ipvs.open()` rejects with, and what it means. */
const FAILURES: readonly (readonly [FindingCode, unknown])[] = [
  ['module-not-loaded', ownError('ERR_IPVS_NOT_LOADED', { operation: 'open' })],
  ['wrong-namespace', ownError('ERR_IPVS_NAMESPACE', { operation: 'open' })],
  ['addon-missing', ownError('ERR_IPVS_ADDON', { operation: 'open' })],
  ['kernel-silent', ownError('ERR_IPVS_TIMEOUT', { operation: 'open' })],
  ['transport-unsupported', ownError('ERR_IPVS_UNSUPPORTED', { operation: 'open' })],
  ['dialect-unknown', ownError('ERR_IPVS_UNKNOWN_DIALECT', { operation: 'open' })],
  ['namespace-unreachable', fileError(1, 'setns', '/run/netns/blue')],
  ['namespace-unreachable', fileError(2, 'open', '/run/netns/blue')],
  ['no-privilege', fileError(1, 'sendmsg', '')],
  ['open-failed', new Error('something else')],
  ['open-failed', 'no error at all'],
]

const DIALECTS = ['mainline', 'fullnat-v2', 'fullnat-v3'] as const

it.each(DIALECTS)('a healthy %s director has no findings', async (dialect) => {
  const { ipvs } = await healthy(dialect)
  const { findings, ...rest } = await diagnose(ipvs, { interval: 1 })
  expect(findings).toEqual([])
  expect(rest).toEqual({ version: 1, dialect, transport: 'netlink', evidence: ipvs.evidence })
})

it.each(TRAPS)('$code, on $on', async ({ code, on, options, set, ask, subject, besides, evidence }) => {
  const director = await healthy(on, options)
  const asked = await set(director)
  const client = (asked as Partial<DiagnoseClient> | undefined)?.snapshot
    ? (asked as DiagnoseClient)
    : director.ipvs
  const diagnosis = await diagnose(client, { interval: 0, ...ask })
  const expected = FINDING_CODES.filter((other) => other === code || besides?.includes(other))
  expect([...new Set(codesOf(diagnosis))]).toEqual(expected)
  const found = diagnosis.findings.filter((one) => one.code === code)
  expect(found[0]).toMatchObject({ code, cause: 'present', subject, evidence: evidence ?? {} })
  for (const { explanation, remedy } of found) {
    expect(explanation).toMatch(/^[A-Z0-9a-z].*\.$/)
    expect(remedy).toMatch(/`[^`]+`/)
  }
  expect(JSON.parse(JSON.stringify(diagnosis))).toMatchObject({ findings: [...diagnosis.findings] })
})

it.each(FAILURES)('open fails: %s', (code, error) => {
  const { findings, ...rest } = diagnoseOpenFailure(error)
  expect(rest).toEqual({ version: 1, dialect: 'unknown', transport: undefined, evidence: undefined })
  expect(findings).toMatchObject([{ code, severity: 'error', subject: {} }])
  expect(findings[0]?.remedy).toMatch(/`[^`]+`/)
})

it('every code has a trap', () => {
  const tried = new Set([...TRAPS.map(({ code }) => code), ...FAILURES.map(([code]) => code)])
  expect(FINDING_CODES.filter((code) => !tried.has(code))).toEqual([])
})

it('docs/doctor.md has every code with its severity, in order', () => {
  const rows = readFileSync('docs/doctor.md', 'utf8').matchAll(
    /^\| `([a-z0-9-]+)` \| (error|warning|info) \| /gm,
  )
  expect([...rows].map(([, code, severity]) => [code, severity])).toEqual(Object.entries(FINDING_SEVERITIES))
})

describe('what is no trap', () => {
  it('a program on a virtual address, where the kernel lets its packets pass', async () => {
    const sockets = [at(VIP, 22), at(VIP, 9100)]
    const { ipvs } = await healthy('fullnat-v2', { machine: { sockets } })
    await ipvs.sysctl.set('defence_tcp_drop', 0)
    expect(codesOf(await diagnose(ipvs, { interval: 0 }))).toEqual([])
    const mainline = await healthy('mainline', { machine: { sockets } })
    expect(codesOf(await diagnose(mainline.ipvs))).toEqual([])
  })

  it('logins on another port than is asked for', async () => {
    const { ipvs } = await healthy('fullnat-v2', { machine: { sockets: [at('10.0.0.9', 2222)] } })
    await ipvs.localAddresses.add(WEB, '10.0.0.9')
    expect(codesOf(await diagnose(ipvs, { interval: 0 }))).toEqual([])
    expect(codesOf(await diagnose(ipvs, { interval: 0, loginPorts: [2222] }))).toEqual([
      'local-address-is-login',
    ])
  })

  it('an sshd on all addresses, unless there is one only', async () => {
    const machine = { sockets: [at('0.0.0.0', 22)] }
    const { ipvs } = await healthy('fullnat-v3', { machine })
    expect(codesOf(await diagnose(ipvs, { interval: 0 }))).toEqual([])
    const single = await healthy('fullnat-v3', { machine, addresses: [VIP] })
    await single.ipvs.flush()
    await single.ipvs.services.add(WEB)
    await single.ipvs.destinations.add(WEB, { ...RS, forwarding: 'direct-route' })
    expect(codesOf(await diagnose(single.ipvs, { interval: 0 }))).toEqual(['login-swallowed'])
  })

  it('a virtual address within a network that is the machine’s own', async () => {
    const { ipvs } = await healthy('mainline', { addresses: OWN.filter((address) => address !== VIP) })
    const client = pretending(ipvs, {
      machine: async () => ({ ...(await ipvs.machine()), localNetworks: ['192.0.2.0/28'] }),
    })
    expect(codesOf(await diagnose(client))).toEqual([])
    const other = pretending(ipvs, {
      machine: async () => ({ ...(await ipvs.machine()), localNetworks: ['192.0.2.16/28'] }),
    })
    expect(codesOf(await diagnose(other))).toEqual(['virtual-address-absent'])
  })

  it('masquerading to the director itself, where nothing is forwarded', async () => {
    const { ipvs } = await healthy('mainline', { machine: { forwarding: false } })
    await ipvs.flush()
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, { address: '127.0.0.1', port: 8080, forwarding: 'masquerade' })
    expect(codesOf(await diagnose(ipvs))).toEqual([])
  })

  it('a strict reverse path filter where FULLNAT takes packets before it', async () => {
    const { ipvs } = await healthy('fullnat-v3', {
      machine: { reversePathFilter: 1 },
      interfaces: ['lo', 'eth0', 'eth1'],
    })
    expect(codesOf(await diagnose(ipvs, { interval: 0 }))).toEqual(['reverse-path-strict'])
    await ipvs.services.remove(DNS)
    expect(codesOf(await diagnose(ipvs, { interval: 0 }))).toEqual([])
  })

  it('what has no effect on this kernel', async () => {
    const { ipvs } = await healthy('fullnat-v3')
    expect(codesOf(await diagnose(withSysctls(ipvs, { drop_entry: 3 }), { interval: 0 }))).toEqual([])
  })
})
