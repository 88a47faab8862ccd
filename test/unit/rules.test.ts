import { describe, expect, it } from 'vitest'
import { Operation, Transport } from '../../lib/border/layout.gen'
import { packRequests } from '../../lib/border/request'
import type { CpuState } from '../../lib/border/transport'
import type { IpvsError } from '../../lib/errors/ipvs-error'
import { checkDaemonInput, checkDestinationInput, checkServiceInput, checkServiceKey } from '../../lib/input'
import { type Capabilities, capabilitiesOf } from '../../lib/kernel/capabilities'
import {
  chooseTransport,
  detect,
  type Evidence,
  type FileEvidence,
  isForeignNamespace,
} from '../../lib/kernel/detect'
import { localAddressCpu } from '../../lib/kernel/local-address-coverage'
import { ruleReserveCore } from '../../lib/kernel/machine-rules'
import {
  keepsEstablishedTimeout,
  removesDestinationsFirst,
  removesServiceBySockopt,
  ruleDaemon,
  ruleDestination,
  ruleLocalAddress,
  ruleScheduler,
  ruleService,
  ruleServiceKey,
  ruleWrites,
  ruleZero,
  sameForwarding,
  serviceFlagsMask,
} from '../../lib/kernel/rules'
import type { Dialect } from '../../lib/model/call-types'
import { FORWARDING_METHODS } from '../../lib/model/numbers'
import type { ServiceConfigRecord } from '../../lib/model/records.gen'
import type { Forwarding } from '../../lib/model/types'
import { readJob } from './support/border'

const bits = (...commands: number[]) =>
  commands.reduce((mask, command) => mask | (BigInt(1) << BigInt(command)), BigInt(0))
const MAINLINE_OPS = bits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17)
const FULLNAT_OPS = MAINLINE_OPS | bits(18, 19, 20)

const NO_FILES: FileEvidence = { connMaxNum: false, fullnatSysctl: false, extStats: undefined }
const V2_FILES: FileEvidence = {
  connMaxNum: false,
  fullnatSysctl: true,
  extStats: ['fullnat_add_toa_ok', 'defence_ip_frag_gather'],
}
const V3_FILES: FileEvidence = {
  connMaxNum: true,
  fullnatSysctl: true,
  extStats: ['fullnat_add_toa_ok', 'conn_exceeded'],
}

const mainline: Evidence = {
  commands: MAINLINE_OPS,
  familyId: 0x1b,
  sockoptVersionError: 0,
  sockoptLocalAddressError: 92,
  files: NO_FILES,
}
const v2: Evidence = { ...mainline, commands: FULLNAT_OPS, sockoptLocalAddressError: 3, files: V2_FILES }
const v3: Evidence = { ...v2, files: V3_FILES }
const absent: Evidence = {
  commands: undefined,
  familyId: 0,
  sockoptVersionError: 92,
  sockoptLocalAddressError: 92,
  files: NO_FILES,
}
const noFamily = { commands: undefined, familyId: 0 }

const ml = capabilitiesOf('mainline', 'netlink', NO_FILES)
const two = capabilitiesOf('fullnat-v2', 'netlink', V2_FILES)
const three = capabilitiesOf('fullnat-v3', 'netlink', V3_FILES)
const sockopt = (dialect: Dialect) => capabilitiesOf(dialect, 'sockopt', NO_FILES)

const tcp = checkServiceKey({ protocol: 'tcp', address: '192.0.2.1', port: 80 })
const udp = checkServiceKey({ protocol: 'udp', address: '192.0.2.1', port: 53 })
const sctp = checkServiceKey({ protocol: 'sctp', address: '192.0.2.1', port: 53 })
const tcp6 = checkServiceKey({ protocol: 'tcp', address: '2001:db8::1', port: 80 })
const mark = checkServiceKey({ fwmark: 7 })
const input = (more: object = {}) => checkServiceInput({ fwmark: 7, ...more })

function code(check: () => unknown): string {
  try {
    check()
  } catch (error) {
    expect((error as IpvsError).name).toBe('IpvsError')
    expect((error as IpvsError).sent).toBe(false)
    return (error as IpvsError).code
  }
  return 'allowed'
}
const UNSUPPORTED = 'ERR_IPVS_UNSUPPORTED'

function destine(capabilities: Capabilities, service = tcp, more: object = {}): string {
  const value = { address: '10.0.0.5', port: 80, forwarding: 'fullnat', ...more }
  const checked = checkDestinationInput(value, service)
  return code(() => ruleDestination(capabilities, service, checked.destination, checked.config))
}

describe('detect', () => {
  it.each<[string, Evidence, Dialect]>([
    ['mainline', mainline, 'mainline'],
    ['mainline without privilege', { ...mainline, sockoptVersionError: 1 }, 'mainline'],
    ['mainline by sockopt alone', { ...mainline, ...noFamily }, 'mainline'],
    ['fullnat-v2', v2, 'fullnat-v2'],
    [
      'fullnat-v2 without privilege',
      { ...v2, sockoptVersionError: 1, sockoptLocalAddressError: 1 },
      'fullnat-v2',
    ],
    ['fullnat-v2 by its sysctl alone', { ...v2, files: { ...V2_FILES, extStats: undefined } }, 'fullnat-v2'],
    ['fullnat-v2 by its rows alone', { ...v2, files: { ...V2_FILES, fullnatSysctl: false } }, 'fullnat-v2'],
    ['fullnat-v3', v3, 'fullnat-v3'],
    [
      'fullnat-v3 by its rows alone',
      { ...v3, files: { ...NO_FILES, extStats: ['conn_exceeded'] } },
      'fullnat-v3',
    ],
    ['fullnat-v3 by sockopt', { ...v3, ...noFamily }, 'fullnat-v3'],
    [
      'the SNAT fork, whose commands go to 24',
      { ...v2, commands: FULLNAT_OPS | bits(21, 22, 23, 24) },
      'fullnat-v2',
    ],
    ['FULLNAT behind a hidden /proc, as the stricter one', { ...v2, files: NO_FILES }, 'fullnat-v3'],
    ['nothing', absent, 'unknown'],
  ])('knows %s', (_, evidence, dialect) => {
    expect(detect(evidence).dialect).toBe(dialect)
    expect(detect(evidence).reason).not.toBe('')
  })

  it.each<[string, Evidence]>([
    ['commands 18–20 against sockopt', { ...v2, sockoptLocalAddressError: 92 }],
    ['sockopt against the commands', { ...mainline, sockoptLocalAddressError: 3 }],
    ['some of the commands', { ...mainline, commands: MAINLINE_OPS | bits(18) }],
    ['FULLNAT files on mainline', { ...mainline, files: V2_FILES }],
    ['conn_max_num against the rows', { ...v3, files: { ...V3_FILES, extStats: V2_FILES.extStats } }],
    ['the rows against conn_max_num', { ...v3, files: { ...V3_FILES, connMaxNum: false } }],
    ['conn_max_num without the other sysctl', { ...v3, files: { ...V3_FILES, fullnatSysctl: false } }],
    [
      'rows of both',
      { ...v3, files: { ...V3_FILES, extStats: ['conn_exceeded', 'defence_ip_frag_gather'] } },
    ],
  ])('evidence that disagree make it unknown: %s', (_, evidence) => {
    expect(detect(evidence).dialect).toBe('unknown')
  })

  it('trap: messages to family id 0 are acknowledged and ignored, so it is no family', () => {
    const evidence = { ...absent, commands: MAINLINE_OPS, familyId: 0 }
    expect(code(() => chooseTransport('auto', evidence, true))).toBe('ERR_IPVS_NOT_LOADED')
  })
})

describe('chooseTransport', () => {
  it('takes netlink, and sockopt when there is no family', () => {
    expect(chooseTransport('auto', mainline, false)).toBe('netlink')
    expect(chooseTransport('sockopt', mainline, false)).toBe('sockopt')
    expect(chooseTransport('auto', { ...mainline, ...noFamily }, false)).toBe('sockopt')
    expect(chooseTransport('auto', { ...v2, ...noFamily }, false)).toBe('sockopt')
    expect(code(() => chooseTransport('netlink', { ...mainline, ...noFamily }, false))).toBe(UNSUPPORTED)
    expect(code(() => chooseTransport('sockopt', { ...mainline, sockoptVersionError: 22 }, false))).toBe(
      UNSUPPORTED,
    )
  })

  it('trap: ENOENT on the family means that ip_vs is not loaded when sockopt is silent, too', () => {
    for (const requested of ['auto', 'netlink', 'sockopt'] as const) {
      expect(code(() => chooseTransport(requested, absent, true))).toBe('ERR_IPVS_NOT_LOADED')
    }
  })

  it.each(['auto', 'netlink', 'sockopt'] as const)(
    'trap: in a foreign network namespace sockopt would change the host’s table (%s)',
    (requested) => {
      // The sysctls of 2.6.32 are seen in every namespace, ip_vs_ext_stats in the initial one only.
      const foreign = { ...v3, ...noFamily, files: { ...V3_FILES, extStats: undefined } }
      expect(isForeignNamespace(foreign)).toBe(true)
      expect(code(() => chooseTransport(requested, foreign, true))).toBe('ERR_IPVS_NAMESPACE')
      expect(isForeignNamespace({ ...foreign, sockoptLocalAddressError: 1 })).toBe(true)
      expect(isForeignNamespace(v3)).toBe(false)
      expect(isForeignNamespace(absent)).toBe(false)
    },
  )

  it('needs force for sockopt on an unknown kernel, whose structures are not known', () => {
    const unknown = { ...mainline, ...noFamily, files: V2_FILES }
    expect(code(() => chooseTransport('auto', unknown, false))).toBe('ERR_IPVS_UNKNOWN_DIALECT')
    expect(chooseTransport('auto', unknown, true)).toBe('sockopt')
    expect(chooseTransport('auto', { ...mainline, files: V2_FILES }, false)).toBe('netlink')
  })
})

describe('capabilitiesOf', () => {
  it('tells the dialects apart', () => {
    expect(ml).toMatchObject({
      localAddresses: false,
      fullnat: false,
      synproxy: false,
      tunnelTypes: true,
      zero: true,
    })
    expect(ml).toMatchObject({ sctp: true, rates: true, networkNamespaces: true, ipv6: true, writes: true })
    expect(ml.forwardingMethods).not.toContain('fullnat')
    expect(two).toMatchObject({
      localAddresses: true,
      fullnat: true,
      udpFullnat: true,
      synproxy: true,
      zero: true,
    })
    expect(two).toMatchObject({
      establishedTimeout: false,
      perCpuLocalAddresses: false,
      connectionList: true,
    })
    expect(two.forwardingMethods).toContain('fullnat')
    expect(two.schedulers).toHaveLength(10)
    expect(three).toMatchObject({ establishedTimeout: true, perCpuLocalAddresses: true, udpFullnat: false })
    expect(three).toMatchObject({ zero: false, connectionList: false, serviceWrites: true })
    const frozen: unknown[] = [ml, ml.schedulers, ml.forwardingMethods]
    expect(frozen.every(Object.isFrozen)).toBe(true)
  })

  it('leaves out what sockopt has no field for', () => {
    expect(sockopt('mainline')).toMatchObject({ ipv6: false, tunnelTypes: false, persistenceEngine: false })
    expect(sockopt('mainline')).toMatchObject({
      serviceWrites: true,
      schedulerFlags: true,
      daemonOptions: false,
    })
    expect(sockopt('fullnat-v2').serviceWrites).toBe(true)
    expect(sockopt('fullnat-v3')).toMatchObject({
      serviceWrites: false,
      establishedTimeout: false,
      writes: true,
    })
  })

  it('starts daemons on FULLNAT kernels with force only', () => {
    expect(ml.syncDaemons).toBe(true)
    expect(two.syncDaemons).toBe(false)
    expect(capabilitiesOf('fullnat-v2', 'netlink', V2_FILES, true).syncDaemons).toBe(true)
  })

  it('writes to an unknown kernel with force only, and claims nothing special of it', () => {
    expect(capabilitiesOf('unknown', 'netlink', V3_FILES).writes).toBe(false)
    expect(capabilitiesOf('unknown', 'netlink', V3_FILES, true)).toMatchObject({
      writes: true,
      serviceWrites: true,
    })
    expect(capabilitiesOf('unknown', 'sockopt', V3_FILES, true).serviceWrites).toBe(false)
    expect(capabilitiesOf('unknown', 'netlink', V3_FILES, true)).toMatchObject({
      fullnat: false,
      tunnelTypes: false,
    })
  })
})

describe('rules for services', () => {
  const rule = (capabilities: Capabilities, service = mark, more: object = {}) =>
    code(() => ruleService(capabilities, service, input(more).change))

  it('allow what every kernel can do', () => {
    for (const capabilities of [ml, two, three, sockopt('mainline'), sockopt('fullnat-v2')]) {
      expect(rule(capabilities, tcp)).toBe('allowed')
      expect(rule(capabilities, mark, { persistence: { timeout: 5 }, onePacket: true })).toBe('allowed')
    }
    expect(rule(two, tcp6, { synproxy: true })).toBe('allowed')
    expect(rule(three, tcp, { establishedTimeout: 900 })).toBe('allowed')
    expect(rule(ml, sctp, { scheduler: 'mh', schedulerFlags: ['flag-1'] })).toBe('allowed')
    expect(rule(ml, udp, { persistence: { timeout: 5, engine: 'sip' } })).toBe('allowed')
  })

  it('trap: sockopt ADD and EDIT on v3 leave a random established timeout', () => {
    expect(rule(sockopt('fullnat-v3'), tcp)).toBe(UNSUPPORTED)
  })

  it('trap: the SYNPROXY bit on mainline is stored without effect', () => {
    expect(rule(ml, tcp, { synproxy: true })).toBe(UNSUPPORTED)
  })

  it('trap: EST_TIMEOUT is read as a persistence engine by mainline and ignored by v2', () => {
    expect(rule(ml, tcp, { establishedTimeout: 90 })).toBe(UNSUPPORTED)
    expect(rule(two, tcp, { establishedTimeout: 90 })).toBe(UNSUPPORTED)
    expect(rule(sockopt('fullnat-v3'), tcp, { establishedTimeout: 90 })).toBe(UNSUPPORTED)
  })

  it('trap: a persistence engine is read as an established timeout by v3 and ignored by v2', () => {
    const persistence = { timeout: 5, engine: 'sip' }
    for (const capabilities of [two, three, sockopt('mainline')]) {
      expect(rule(capabilities, udp, { persistence })).toBe(UNSUPPORTED)
    }
  })

  it('trap: scheduler flags are ignored by FULLNAT kernels', () => {
    expect(rule(two, tcp, { schedulerFlags: ['flag-1'] })).toBe(UNSUPPORTED)
    expect(rule(sockopt('mainline'), tcp, { schedulerFlags: ['flag-1'] })).toBe('allowed')
  })

  it('trap: an SCTP service is accepted by FULLNAT kernels and never matched', () => {
    expect(rule(two, sctp)).toBe(UNSUPPORTED)
    expect(code(() => ruleServiceKey(two, sctp, 'services.remove'))).toBe('allowed')
    expect(code(() => ruleServiceKey(sockopt('fullnat-v2'), sctp, 'services.remove'))).toBe(UNSUPPORTED)
    expect(code(() => ruleServiceKey(sockopt('mainline'), sctp, 'services.remove'))).toBe('allowed')
  })

  it('trap: sockopt would look for an IPv4 service in place of an IPv6 one', () => {
    expect(code(() => ruleServiceKey(sockopt('mainline'), tcp6, 'services.get'))).toBe(UNSUPPORTED)
    expect(code(() => ruleServiceKey(ml, tcp6, 'services.get'))).toBe('allowed')
  })

  it.each(['ftp', 'pe_sip', 'pe-sip', 'nfct', 'FTP'])(
    'trap: scheduler %s would make the kernel load a helper module',
    (scheduler) => {
      for (const capabilities of [ml, two, three]) {
        expect(code(() => ruleScheduler(capabilities, scheduler, 'services.add'))).toBe(UNSUPPORTED)
      }
    },
  )

  it.each(['fo', 'ovf', 'mh', 'twos', 'none'])('trap: scheduler %s is not in 2.6.32', (scheduler) => {
    expect(code(() => ruleScheduler(two, scheduler, 'services.add'))).toBe(UNSUPPORTED)
    expect(code(() => ruleScheduler(three, scheduler, 'services.add'))).toBe(UNSUPPORTED)
    expect(code(() => ruleScheduler(ml, scheduler, 'services.add'))).toBe('allowed')
    expect(code(() => ruleScheduler(two, 'mine', 'services.add'))).toBe('allowed')
  })

  it('say which service, which operation and what to do', () => {
    try {
      ruleService(ml, tcp, input({ synproxy: true }).change, 'services.set')
      expect.unreachable()
    } catch (error) {
      expect((error as IpvsError).message).toBe(
        'ERR_IPVS_UNSUPPORTED: this kernel has no SYN proxy, it would ignore it, services.set tcp 192.0.2.1:80',
      )
      expect((error as IpvsError).hint).toMatch(/capabilities/)
      expect((error as IpvsError).service).toEqual(tcp.key)
    }
  })

  it('refuse writes to an unknown kernel without force', () => {
    const unknown = capabilitiesOf('unknown', 'netlink', NO_FILES)
    expect(code(() => ruleWrites(unknown, 'flush'))).toBe('ERR_IPVS_UNKNOWN_DIALECT')
    expect(rule(unknown, tcp)).toBe('ERR_IPVS_UNKNOWN_DIALECT')
    expect(destine(unknown)).toBe('ERR_IPVS_UNKNOWN_DIALECT')
    expect(code(() => ruleWrites(capabilitiesOf('unknown', 'netlink', NO_FILES, true), 'flush'))).toBe(
      'allowed',
    )
  })
})

describe('rules for destinations and local addresses', () => {
  it('trap: method 5 on mainline is accepted silently by the kernel', () => {
    expect(destine(ml)).toBe(UNSUPPORTED)
    expect(destine(sockopt('mainline'))).toBe(UNSUPPORTED)
    expect(destine(two)).toBe('allowed')
    expect(destine(three)).toBe('allowed')
  })

  it('trap: UDP FULLNAT on v3 and on the first v2 sends broken packets', () => {
    expect(destine(three, udp)).toBe(UNSUPPORTED)
    const first = capabilitiesOf('fullnat-v2', 'netlink', { ...V2_FILES, extStats: ['fullnat_add_toa_ok'] })
    expect(destine(first, udp)).toBe(UNSUPPORTED)
    expect(destine(two, udp)).toBe('allowed')
    expect(destine(three, udp, { forwarding: 'masquerade' })).toBe('allowed')
  })

  it('trap: tunnel types and mixed families are ignored by FULLNAT kernels', () => {
    const gre = { forwarding: 'tunnel', tunnel: { type: 'gre' } }
    const mixed = { forwarding: 'tunnel', address: '2001:db8::5' }
    for (const capabilities of [two, three, sockopt('mainline')]) {
      expect(destine(capabilities, tcp, gre)).toBe(UNSUPPORTED)
      expect(destine(capabilities, tcp, mixed)).toBe(UNSUPPORTED)
      expect(destine(capabilities, tcp, { forwarding: 'tunnel', tunnel: { type: 'ipip' } })).toBe('allowed')
    }
    expect(destine(ml, tcp, gre)).toBe('allowed')
    expect(destine(ml, tcp, mixed)).toBe('allowed')
    expect(destine(ml, tcp6, { forwarding: 'tunnel' })).toBe('allowed')
  })

  it('trap: mainline has no local addresses', () => {
    expect(code(() => ruleLocalAddress(ml, tcp))).toBe(UNSUPPORTED)
    expect(code(() => ruleLocalAddress(two, tcp6))).toBe('allowed')
    expect(code(() => ruleLocalAddress(sockopt('fullnat-v3'), tcp))).toBe('allowed')
    expect(code(() => ruleLocalAddress(sockopt('fullnat-v3'), tcp6))).toBe(UNSUPPORTED)
  })

  it('trap: reserve_core of all CPUs divides by zero inside the kernel', () => {
    const about = () => ({ operation: 'localAddresses.add', subject: {} })
    const reserveCore = (state: CpuState | undefined) => ruleReserveCore(state, about)
    expect(code(() => reserveCore({ online: 2, reserved: 2 }))).toBe('ERR_IPVS_RESERVE_CORE')
    expect(code(() => reserveCore({ online: 2, reserved: 6 }))).toBe('ERR_IPVS_RESERVE_CORE')
    expect(code(() => reserveCore({ online: 0, reserved: 0 }))).toBe('ERR_IPVS_RESERVE_CORE')
    expect(code(() => reserveCore({ online: Number.NaN, reserved: 0 }))).toBe('ERR_IPVS_RESERVE_CORE')
    expect(code(() => reserveCore({ online: 2, reserved: 1 }))).toBe('allowed')
    expect(code(() => reserveCore(undefined))).toBe('allowed')
  })

  it('knows the CPU of a local address (the examples of abi.md §3.1)', () => {
    const cpus = Array.from({ length: 8 }, (_, i) => localAddressCpu(i + 1, 8, 0))
    expect(cpus).toEqual([1, 2, 3, 4, 5, 6, 7, 0])
    expect(localAddressCpu(8, 8, 0)).toBe(localAddressCpu(16, 8, 0))
    expect(localAddressCpu(7, 8, 2)).toBe(3)
  })
})

describe('rules for daemons and counters', () => {
  const daemon = checkDaemonInput({ state: 'master', interface: 'eth0' })

  it('trap: a synced FULLNAT connection crashes the backup', () => {
    expect(code(() => ruleDaemon(two, daemon))).toBe(UNSUPPORTED)
    expect(code(() => ruleDaemon(three, daemon))).toBe(UNSUPPORTED)
    expect(code(() => ruleDaemon(three, daemon, true))).toBe('allowed')
    expect(code(() => ruleDaemon(ml, daemon))).toBe('allowed')
  })

  it('refuse options of the daemon where the kernel has none', () => {
    const tuned = { ...daemon, multicastTtl: 2 }
    expect(code(() => ruleDaemon(ml, tuned))).toBe('allowed')
    expect(code(() => ruleDaemon(sockopt('mainline'), tuned))).toBe(UNSUPPORTED)
    expect(code(() => ruleDaemon(two, tuned, true))).toBe(UNSUPPORTED)
  })

  it('trap: ZERO on v3 is EACCES whoever asks', () => {
    expect(code(() => ruleZero(three))).toBe(UNSUPPORTED)
    expect(code(() => ruleZero(three, tcp))).toBe(UNSUPPORTED)
    expect(code(() => ruleZero(two))).toBe('allowed')
    expect(code(() => ruleZero(ml, tcp))).toBe('allowed')
  })

  it('trap: ZERO of 0.0.0.0:0 over sockopt zeroes all services', () => {
    const nothing = checkServiceKey({ protocol: 'tcp', address: '0.0.0.0', port: 0 })
    expect(code(() => ruleZero(sockopt('fullnat-v2'), nothing))).toBe(UNSUPPORTED)
    expect(code(() => ruleZero(two, nothing))).toBe('allowed')
    expect(code(() => ruleZero(sockopt('fullnat-v2'), mark))).toBe('allowed')
  })
})

describe('what is sent and how it is read', () => {
  const dialects: Dialect[] = ['mainline', 'fullnat-v2', 'fullnat-v3', 'unknown']

  it('trap: HASHED (0x2) is never sent, neither as flag nor in the mask', () => {
    expect(dialects.map(serviceFlagsMask)).toEqual([0x3d, 0x8005, 0x8005, 0x5])
    const { config: all } = input({
      persistence: { timeout: 1 },
      onePacket: true,
      synproxy: true,
      schedulerFlags: ['flag-1', 'flag-2', 'flag-3'],
    })
    const sent = (dialect: Dialect, config: ServiceConfigRecord) => {
      const flagsMask = serviceFlagsMask(dialect)
      const fields = { operation: Operation.serviceAdd, service: mark, config, flagsMask }
      const [request] = readJob(
        packRequests([{ fields, transport: Transport.netlink, timeout: 1 }], 0),
      ).requests
      expect(request?.flagsMask).toBe(flagsMask)
      return request?.config.flags
    }
    expect(dialects.map((dialect) => sent(dialect, all))).toEqual([0x3d, 0x8005, 0x8005, 0x5])
    // Whatever was read.
    const read = { ...all, flags: 0xffffffff }
    expect(dialects.map((dialect) => sent(dialect, read))).toEqual([0x3d, 0x8005, 0x8005, 0x5])
    expect(sent('fullnat-v3', input().config)).toBe(0)
  })

  it('trap: SET_SERVICE without EST_TIMEOUT resets it on v3', () => {
    expect(dialects.filter(keepsEstablishedTimeout)).toEqual(['fullnat-v3'])
  })

  it('trap: v2 frees a service’s counters before its destinations stop using them', () => {
    expect(dialects.filter(removesDestinationsFirst)).toEqual(['fullnat-v2'])
  })

  it('trap: DEL_SERVICE over netlink on v2 touches freed memory', () => {
    expect(removesServiceBySockopt('fullnat-v2', tcp)).toBe(true)
    expect(removesServiceBySockopt('fullnat-v2', udp)).toBe(true)
    // sockopt cannot name these
    expect(removesServiceBySockopt('fullnat-v2', tcp6)).toBe(false)
    expect(removesServiceBySockopt('fullnat-v2', sctp)).toBe(false)
    expect(removesServiceBySockopt('fullnat-v3', tcp)).toBe(false)
    expect(removesServiceBySockopt('mainline', tcp)).toBe(false)
  })

  it('trap: a sockopt SET on a fwmark service with the wrong protocol locks v2 up', () => {
    // Where sockopt is the only transport, the addon takes the protocol from GET_SERVICE (sockopt_session.cc).
    expect(removesServiceBySockopt('fullnat-v2', mark)).toBe(false)
  })

  it('trap: FULLNAT kernels report local for a destination of their own', () => {
    const same = (dialect: Dialect, wanted: Forwarding, reported: Forwarding | number) =>
      sameForwarding(
        dialect,
        FORWARDING_METHODS[wanted],
        typeof reported === 'number' ? reported : FORWARDING_METHODS[reported],
      )
    expect(same('fullnat-v3', 'fullnat', 'local')).toBe(true)
    expect(sameForwarding('fullnat-v2', 5, 1)).toBe(true)
    expect(same('fullnat-v2', 'local', 'fullnat')).toBe(false)
    expect(same('fullnat-v2', 'fullnat', 'masquerade')).toBe(false)
    expect(same('mainline', 'masquerade', 'local')).toBe(false)
    expect(same('mainline', 'masquerade', 0)).toBe(true)
    expect(same('mainline', 'masquerade', 6)).toBe(false)
  })
})
