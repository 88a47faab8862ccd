/** Which kernel this is, what it can do, and the traps of each that the library keeps its callers out of. */

import { AF_INET, AF_INET6 } from './address'
import type { ErrorSubject, IpvsError } from './errors'
import { IpvsErrorCodes, ownError } from './errors'
import type { CpuState, KernelFiles } from './transport'
import type { Dialect, Forwarding, TransportKind } from './types'
import type {
  NormalizedDaemon,
  NormalizedDestinationConfig,
  NormalizedDestinationKey,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from './validate'

/** Numbers of the kernel for the names of the API (include/uapi/linux/in.h, ip_vs.h). */
export const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const
export const FORWARDING_METHODS: Readonly<Record<Forwarding, number>> = {
  masquerade: 0,
  local: 1,
  tunnel: 2,
  'direct-route': 3,
  bypass: 4,
  fullnat: 5,
}
export const SCHEDULER_FLAGS = { 'flag-1': 0x8, 'flag-2': 0x10, 'flag-3': 0x20 } as const
export const TUNNEL_TYPES = { ipip: 0, gue: 1, gre: 2 } as const
export const TUNNEL_FLAGS = { none: 0, full: 1, remote: 2 } as const
export const DAEMON_STATES = { master: 1, backup: 2 } as const

// ---- detection (abi.md §9)

/** What a probe of the kernel saw. Errors are positive errno, 0 for success. */
export interface Signals {
  /** Bit n: the generic netlink family "IPVS" has command n. Undefined: there is no such family. */
  readonly commands: bigint | undefined
  /** 0 without a family. */
  readonly familyId: number
  /** getsockopt IP_VS_SO_GET_VERSION. */
  readonly sockoptVersionError: number
  /** getsockopt IP_VS_SO_GET_LADDRS of a service that cannot exist. */
  readonly sockoptLocalAddressError: number
  readonly files: KernelFiles
}

export interface Detection {
  readonly dialect: Dialect
  /** One clause that says why. */
  readonly reason: string
}

const EPERM = 1
const ESRCH = 3
const ENOPROTOOPT = 92
/** NEW_LADDR, DEL_LADDR, GET_LADDR (v2/v3 include/linux/ip_vs.h). */
const LOCAL_ADDRESS_COMMANDS = [18, 19, 20]

const fullnatDialect = (dialect: Dialect) => dialect === 'fullnat-v2' || dialect === 'fullnat-v3'

/**
 * Messages to a family id below 0x10 are acknowledged and ignored (af_netlink.c:netlink_rcv_skb): not a
 * family.
 */
function familyCommands({ commands, familyId }: Signals): bigint | undefined {
  return familyId >= 0x10 ? commands : undefined
}

/** EPERM comes after the number was found to be an IPVS option, so it is an answer (nf_sockopt.c). */
function sockoptAnswers({ sockoptVersionError }: Signals): boolean {
  return sockoptVersionError === 0 || sockoptVersionError === EPERM
}

/** Undefined where sockopt says neither. */
function sockoptFullnat(signals: Signals): boolean | undefined {
  const error = signals.sockoptLocalAddressError
  if (error === 0 || error === EPERM || error === ESRCH) return true
  return error === ENOPROTOOPT && sockoptAnswers(signals) ? false : undefined
}

function detectFullnat({ connMaxNum, fullnatSysctl, extStats }: KernelFiles): Detection {
  if (connMaxNum && !fullnatSysctl) {
    return { dialect: 'unknown', reason: 'sysctl conn_max_num exists without fullnat_lport_min' }
  }
  const exceeded = extStats?.includes('conn_exceeded')
  if (fullnatSysctl && exceeded !== undefined && exceeded !== connMaxNum) {
    return {
      dialect: 'unknown',
      reason: 'sysctl conn_max_num and row conn_exceeded of ip_vs_ext_stats disagree',
    }
  }
  if (exceeded && extStats?.includes('defence_ip_frag_gather')) {
    return { dialect: 'unknown', reason: 'ip_vs_ext_stats has rows of both fullnat-v2 and fullnat-v3' }
  }
  if (connMaxNum || exceeded)
    return { dialect: 'fullnat-v3', reason: 'local address commands and conn_max_num' }
  if (fullnatSysctl || exceeded === false) {
    return { dialect: 'fullnat-v2', reason: 'local address commands and no conn_max_num' }
  }
  // abi.md §9.2-3: v3 has the stricter rules, and an established timeout sent to v2 is ignored there.
  return { dialect: 'fullnat-v3', reason: 'local address commands; /proc is hidden, v3 is the safer guess' }
}

/**
 * Never from a version number: all three kernels say 1.2.1. Signals that disagree make the kernel unknown.
 */
export function detect(signals: Signals): Detection {
  const commands = familyCommands(signals)
  const bySockopt = sockoptFullnat(signals)
  let byFamily: boolean | undefined
  if (commands !== undefined) {
    const found = LOCAL_ADDRESS_COMMANDS.filter((command) => (commands >> BigInt(command)) & BigInt(1)).length
    if (found !== 0 && found !== LOCAL_ADDRESS_COMMANDS.length) {
      return { dialect: 'unknown', reason: 'the netlink family has only some of the local address commands' }
    }
    byFamily = found !== 0
  }
  if (byFamily !== undefined && bySockopt !== undefined && byFamily !== bySockopt) {
    return { dialect: 'unknown', reason: 'netlink and sockopt disagree about local addresses' }
  }
  const fullnat = byFamily ?? bySockopt
  if (fullnat === undefined) return { dialect: 'unknown', reason: 'IPVS answers neither netlink nor sockopt' }
  if (fullnat) return detectFullnat(signals.files)
  const { connMaxNum, fullnatSysctl, extStats } = signals.files
  if (connMaxNum || fullnatSysctl || extStats) {
    return { dialect: 'unknown', reason: 'files of a FULLNAT kernel, but no local address commands' }
  }
  return { dialect: 'mainline', reason: 'no local address commands' }
}

/**
 * True when a FULLNAT IPVS is there, but in another network namespace: netlink hides from us, while sockopt
 * would change the host's table (abi.md §1.1, §9.2-1).
 */
export function isForeignNamespace(signals: Signals): boolean {
  return (
    familyCommands(signals) === undefined &&
    sockoptFullnat(signals) === true &&
    signals.files.extStats === undefined
  )
}

/** Throws ERR_IPVS_NAMESPACE, ERR_IPVS_NOT_LOADED, ERR_IPVS_UNSUPPORTED or ERR_IPVS_UNKNOWN_DIALECT. */
export function chooseTransport(
  requested: 'auto' | TransportKind,
  signals: Signals,
  force: boolean,
): TransportKind {
  const operation = 'open'
  // Not even with force: it would be someone else's table.
  if (isForeignNamespace(signals)) throw ownError(IpvsErrorCodes.NAMESPACE, { operation })
  const netlink = familyCommands(signals) !== undefined
  const sockopt = sockoptAnswers(signals)
  if (!netlink && !sockopt) throw ownError(IpvsErrorCodes.NOT_LOADED, { operation })
  if (netlink && requested !== 'sockopt') return 'netlink'
  if (requested === 'netlink') {
    const description = 'there is no generic netlink family "IPVS", though IPVS answers to sockopt'
    throw ownError(IpvsErrorCodes.UNSUPPORTED, { operation, description, hint: "Use transport 'auto'." })
  }
  if (!sockopt) {
    const description = 'IPVS does not answer to sockopt here'
    throw ownError(IpvsErrorCodes.UNSUPPORTED, { operation, description, hint: "Use transport 'auto'." })
  }
  // The sizes of the structures are those of the dialect, so an unknown one cannot even be read (abi.md
  // §1.4).
  if (detect(signals).dialect === 'unknown' && !force) {
    const description = 'the layout of the sockopt structures of this kernel is not known'
    throw ownError(IpvsErrorCodes.UNKNOWN_DIALECT, { operation, description })
  }
  return 'sockopt'
}

// ---- capabilities (abi.md §9.3)

/** What this kernel can do over this transport. */
export interface Capabilities {
  readonly dialect: Dialect
  readonly transport: TransportKind
  /** Anything may be written. False for an unknown dialect, unless the client was opened with `force`. */
  readonly writes: boolean
  /**
   * Services can be added and set; false for sockopt on fullnat-v3, where it leaves a random established
   * timeout.
   */
  readonly serviceWrites: boolean
  /** Local addresses of services exist. */
  readonly localAddresses: boolean
  /** A local address serves only the CPU that its last byte chooses (fullnat-v3). */
  readonly perCpuLocalAddresses: boolean
  /** Forwarding `'fullnat'`, for TCP. */
  readonly fullnat: boolean
  /** Forwarding `'fullnat'` for UDP: fullnat-v2, but not its first release. */
  readonly udpFullnat: boolean
  readonly synproxy: boolean
  /** `establishedTimeout` of a service. */
  readonly establishedTimeout: boolean
  readonly persistenceEngine: boolean
  /** Scheduler flags have an effect. */
  readonly schedulerFlags: boolean
  /** GUE and GRE besides IP-in-IP; needs Linux 5.2 / 5.3, older ones ignore it silently. */
  readonly tunnelTypes: boolean
  /** A tunnel destination may be of the other address family. */
  readonly destinationFamily: boolean
  /** Multicast group, port, TTL and message size of a sync daemon. */
  readonly daemonOptions: boolean
  /** Counters can be set to zero. */
  readonly zero: boolean
  /** `stats.rates` are sent. */
  readonly rates: boolean
  readonly ipv6: boolean
  readonly sctp: boolean
  /** Every network namespace has its own IPVS. */
  readonly networkNamespaces: boolean
  /** /proc/net/ip_vs_conn exists. */
  readonly connectionList: boolean
  /** Schedulers that come with this kernel; others can be loaded as modules. */
  readonly schedulers: readonly string[]
  readonly forwardingMethods: readonly Forwarding[]
}

const COMMON_SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq']
/** abi.md §5: not in 2.6.32; `none` is mainline's word for "no scheduler". */
const MAINLINE_SCHEDULERS = ['fo', 'ovf', 'mh', 'twos', 'none']
const METHODS = Object.keys(FORWARDING_METHODS) as Forwarding[]

export function capabilitiesOf(
  dialect: Dialect,
  transport: TransportKind,
  files: KernelFiles,
  force = false,
): Capabilities {
  const mainline = dialect === 'mainline'
  const fullnat = fullnatDialect(dialect)
  const v3 = dialect === 'fullnat-v3'
  const netlink = transport === 'netlink'
  const writes = dialect !== 'unknown' || force
  return Object.freeze({
    dialect,
    transport,
    writes,
    serviceWrites: writes && (netlink || mainline || dialect === 'fullnat-v2'),
    localAddresses: fullnat,
    perCpuLocalAddresses: v3,
    fullnat,
    udpFullnat: dialect === 'fullnat-v2' && (files.extStats?.includes('defence_ip_frag_gather') ?? false),
    synproxy: fullnat,
    establishedTimeout: v3 && netlink,
    persistenceEngine: mainline && netlink,
    schedulerFlags: mainline,
    tunnelTypes: mainline && netlink,
    destinationFamily: mainline && netlink,
    daemonOptions: mainline && netlink,
    zero: !v3,
    rates: mainline,
    ipv6: netlink,
    sctp: mainline,
    networkNamespaces: mainline,
    connectionList: mainline || dialect === 'fullnat-v2',
    schedulers: Object.freeze(
      mainline ? [...COMMON_SCHEDULERS, ...MAINLINE_SCHEDULERS] : COMMON_SCHEDULERS.slice(),
    ),
    forwardingMethods: Object.freeze(METHODS.filter((method) => fullnat || method !== 'fullnat')),
  })
}

// ---- rules: each throws ERR_IPVS_UNSUPPORTED with the reason, before anything is sent

function unsupported(
  description: string,
  operation: string,
  subject: ErrorSubject,
  hint?: string,
): IpvsError {
  return ownError(IpvsErrorCodes.UNSUPPORTED, { description, operation, subject, ...(hint ? { hint } : {}) })
}

/**
 * abi.md §9.2-4: what an unknown kernel does with our numbers is not known. Throws ERR_IPVS_UNKNOWN_DIALECT.
 */
export function ruleWrites(capabilities: Capabilities, operation: string, subject: ErrorSubject = {}): void {
  if (!capabilities.writes) throw ownError(IpvsErrorCodes.UNKNOWN_DIALECT, { operation, subject })
}

/**
 * For every operation on a service, reading included. abi.md §1.1: sockopt has no IPv6, it would look for an
 * IPv4 service. §1.5-7: on 2.6.32 it takes TCP and UDP only (EFAULT).
 */
export function ruleServiceKey(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  operation: string,
): void {
  const subject = { service: service.key }
  if (!capabilities.ipv6 && service.family === AF_INET6) {
    throw unsupported('sockopt cannot express IPv6', operation, subject, "Use transport 'netlink'.")
  }
  const sctp = service.kind === 'address' && service.protocol === PROTOCOLS.sctp
  if (capabilities.transport === 'sockopt' && sctp && !capabilities.sctp) {
    throw unsupported('sockopt knows no SCTP on this kernel', operation, subject, "Use transport 'netlink'.")
  }
}

/**
 * abi.md §5: an unknown name makes the kernel load the module ip_vs_<name>, whatever it is, while it holds up
 * every user of generic netlink; so helpers that are no schedulers are refused everywhere, mainline's on
 * FULLNAT kernels.
 */
export function ruleScheduler(
  capabilities: Capabilities,
  scheduler: string,
  operation: string,
  subject: ErrorSubject = {},
): void {
  // modprobe takes - and _ for the same.
  if (['ftp', 'pe_sip', 'nfct'].includes(scheduler.toLowerCase().replace(/-/g, '_'))) {
    throw unsupported(
      `'${scheduler}' is no scheduler, the kernel would load a helper module`,
      operation,
      subject,
    )
  }
  if (capabilities.dialect !== 'mainline' && MAINLINE_SCHEDULERS.includes(scheduler)) {
    const hint = `There are ${capabilities.schedulers.join(', ')}.`
    throw unsupported(`scheduler '${scheduler}' is not part of this kernel`, operation, subject, hint)
  }
}

/** Before a service is added or set; `config` is the whole configuration, after an update was merged. */
export function ruleService(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  config: NormalizedServiceConfig,
  operation = 'services.add',
): void {
  const subject = { service: service.key }
  const refuse = (when: boolean, description: string, hint?: string) => {
    if (when) throw unsupported(description, operation, subject, hint)
  }
  ruleWrites(capabilities, operation, subject)
  ruleServiceKey(capabilities, service, operation)
  // §1.7-g, §11-8: the established timeout of the request is left uninitialised on the kernel's stack.
  refuse(
    !capabilities.serviceWrites,
    'adding or setting a service over sockopt leaves a random established timeout',
    "Use transport 'netlink'.",
  )
  // §10.1-22: netlink lets SCTP in, and no packet ever finds the service.
  refuse(
    !capabilities.sctp && service.kind === 'address' && service.protocol === PROTOCOLS.sctp,
    'this kernel does not balance SCTP',
  )
  // §10.2-4: mainline stores bit 0x8000 and protects nothing.
  refuse(config.synproxy && !capabilities.synproxy, 'this kernel has no SYN proxy, it would ignore it')
  // §10.2-5: mainline reads attribute 11 as the name of a persistence engine; v2 ignores it (§4.3).
  refuse(
    config.establishedTimeout !== undefined && !capabilities.establishedTimeout,
    'established timeouts per service need fullnat-v3 over netlink',
    'Set the global one with timeouts.set({ tcp }).',
  )
  // §10.1-7, §10.1-22: v3 reads the name as an established timeout, v2 ignores it, sockopt has no field.
  refuse(
    config.engine !== undefined && !capabilities.persistenceEngine,
    'persistence engines need a mainline kernel over netlink',
  )
  // §4.2: stored, no effect.
  refuse(config.schedulerFlags !== 0 && !capabilities.schedulerFlags, 'this kernel ignores scheduler flags')
  ruleScheduler(capabilities, config.scheduler, operation, subject)
}

/** Before a destination is added or set; `config` is the whole configuration, after an update was merged. */
export function ruleDestination(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  destination: NormalizedDestinationKey,
  config: NormalizedDestinationConfig,
  operation = 'destinations.add',
): void {
  const subject = { service: service.key, destination: destination.key }
  const refuse = (when: boolean, description: string, hint?: string) => {
    if (when) throw unsupported(description, operation, subject, hint)
  }
  ruleWrites(capabilities, operation, subject)
  ruleServiceKey(capabilities, service, operation)
  refuse(!capabilities.ipv6 && destination.family === AF_INET6, 'sockopt cannot express IPv6')
  if (config.forwarding === FORWARDING_METHODS.fullnat) {
    // §4.1, §10.2-3: accepted silently, and every packet goes to the local stack.
    refuse(!capabilities.fullnat, 'this kernel has no FULLNAT', 'Use masquerade, tunnel or direct-route.')
    // §4.1, §11-26: no UDP handlers, packets leave with wrong ports and checksums.
    refuse(
      !capabilities.udpFullnat && service.kind === 'address' && service.protocol === PROTOCOLS.udp,
      'this kernel has no FULLNAT for UDP',
      'Use masquerade; fullnat-v2 has it where ip_vs_ext_stats has a row defence_ip_frag_gather.',
    )
  }
  // §2.5: 2.6.32 ignores the tunnel attributes and sends IP-in-IP; sockopt has no fields for them.
  refuse(
    config.tunnel !== undefined && config.tunnel.type !== 0 && !capabilities.tunnelTypes,
    'tunnel types need a mainline kernel over netlink',
  )
  // §2.5: 2.6.32 reads the address as one of the service's family.
  refuse(
    destination.family !== service.family && !capabilities.destinationFamily,
    'destinations of the other address family need a mainline kernel over netlink',
  )
}

/** Before a local address is listed, added or removed. abi.md §10.2-2: mainline knows none of it. */
export function ruleLocalAddress(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  operation = 'localAddresses.add',
  localAddress?: string,
): void {
  const subject = { service: service.key, localAddress }
  if (!capabilities.localAddresses) {
    throw unsupported('this kernel has no local addresses', operation, subject, 'They need a FULLNAT kernel.')
  }
  ruleServiceKey(capabilities, service, operation)
}

/** Before a daemon is started. */
export function ruleDaemon(
  capabilities: Capabilities,
  daemon: NormalizedDaemon,
  force = false,
  operation = 'daemons.start',
): void {
  ruleWrites(capabilities, operation)
  // §6.1, §11-9: sync records carry no local address, and a backup that gets one dereferences a null
  // destination.
  if (fullnatDialect(capabilities.dialect) && !force) {
    const hint = 'force starts it all the same, for services without FULLNAT on both machines.'
    throw unsupported('a synced FULLNAT connection crashes the backup', operation, {}, hint)
  }
  const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = daemon
  const options = [syncMaxLength, multicastGroup, multicastPort, multicastTtl]
  if (!capabilities.daemonOptions && options.some((option) => option !== undefined)) {
    throw unsupported(
      'multicast and size options of a daemon need a mainline kernel over netlink',
      operation,
      {},
    )
  }
}

/** Before counters are zeroed; without a service, those of all. */
export function ruleZero(
  capabilities: Capabilities,
  service?: NormalizedServiceKey,
  operation = 'zero',
): void {
  const subject = { service: service?.key }
  ruleWrites(capabilities, operation, subject)
  // §6.4, §10.1-16: always EACCES, which would look like a lack of privilege.
  if (!capabilities.zero) {
    const hint = 'Keep the last values and subtract them.'
    throw unsupported('this kernel cannot zero its counters', operation, subject, hint)
  }
  if (!service) return
  ruleServiceKey(capabilities, service, operation)
  // §1.5-6: over sockopt 0.0.0.0:0 means all services.
  const nothing = service.kind === 'address' && service.address.a === 0 && service.port === 0
  if (capabilities.transport === 'sockopt' && nothing) {
    throw unsupported(
      'sockopt takes 0.0.0.0:0 for all services',
      operation,
      subject,
      "Use transport 'netlink'.",
    )
  }
}

/**
 * Right before a local address is added on fullnat-v3. abi.md §11-6: the kernel divides by (online -
 * reserve_core) with its mutex held, and uses the result as an index. Undefined (it cannot be told) passes.
 * Throws ERR_IPVS_RESERVE_CORE.
 */
export function ruleReserveCore(
  cpuState: CpuState | undefined,
  operation = 'localAddresses.add',
  subject: ErrorSubject = {},
): void {
  if (!cpuState || (cpuState.reserved >= 0 && cpuState.reserved < cpuState.online)) return
  const { reserved, online } = cpuState
  const description = `reserve_core ${reserved} leaves none of ${online} CPUs for local addresses`
  throw ownError(IpvsErrorCodes.RESERVE_CORE, { operation, subject, description })
}

// ---- facts that change what is sent, or how an answer is read

const PERSISTENT = 0x1
const ONE_PACKET = 0x4
const SYNPROXY = 0x8000

/**
 * The flag bits that are ours to set. HASHED (0x2) is never among them: 2.6.32 would report success and put
 * the service into no table (abi.md §11-3), and with a mask of all ones it gets there from a dump (§10.1-5).
 */
export function serviceFlagsMask(dialect: Dialect): number {
  if (fullnatDialect(dialect)) return PERSISTENT | ONE_PACKET | SYNPROXY
  return dialect === 'mainline' ? 0x3d : PERSISTENT | ONE_PACKET
}

/** The flag bits of a configuration, those of the dialect's mask only. */
export function serviceFlags(dialect: Dialect, config: NormalizedServiceConfig): number {
  const { persistent, onePacket, synproxy, schedulerFlags } = config
  const bits = (persistent ? PERSISTENT : 0) | (onePacket ? ONE_PACKET : 0) | (synproxy ? SYNPROXY : 0)
  return (bits | schedulerFlags) & serviceFlagsMask(dialect)
}

/**
 * SET_SERVICE without the established timeout resets it (abi.md §4.3), so the present one must be sent along.
 */
export function keepsEstablishedTimeout(dialect: Dialect): boolean {
  return dialect === 'fullnat-v3'
}

/** Removing a service frees its counters before its destinations stop using them (abi.md §11-4). */
export function removesDestinationsFirst(dialect: Dialect): boolean {
  return dialect === 'fullnat-v2'
}

/**
 * DEL_SERVICE over netlink drops the use count of a service that may be freed already (abi.md §11-2); sockopt
 * does it right. Not for fwmark services: there sockopt has the lock-up of §11-1.
 */
export function removesServiceBySockopt(
  dialect: Dialect,
  service: NormalizedServiceKey,
  transport: TransportKind,
): boolean {
  if (transport === 'sockopt') return true
  const expressible =
    service.kind === 'address' && service.family === AF_INET && service.protocol !== PROTOCOLS.sctp
  return dialect === 'fullnat-v2' && expressible
}

/**
 * A sockopt SET on a fwmark service with another protocol than the stored one (6 or 17, whoever made it)
 * locks the machine up on v2 (abi.md §11-1) and says ESRCH elsewhere: take the protocol from GET_SERVICE.
 */
export function needsStoredProtocol(service: NormalizedServiceKey, transport: TransportKind): boolean {
  return transport === 'sockopt' && service.kind === 'fwmark'
}

/**
 * Whether the reported method is what the wanted one became. FULLNAT kernels turn every method into `local`
 * (1) when the address is one of their own (abi.md §4.1, §10.1-10); for IPv6 also when there was no route,
 * and sending it again leaks a route reference (§11-11), so that counts as the same, too.
 */
export function sameForwarding(
  dialect: Dialect,
  wanted: Forwarding | number,
  reported: Forwarding | number,
): boolean {
  const number = (method: Forwarding | number) =>
    typeof method === 'number' ? method & 7 : FORWARDING_METHODS[method]
  const seen = number(reported)
  return number(wanted) === seen || (dialect !== 'mainline' && seen === FORWARDING_METHODS.local)
}

/** The CPU that a local address of fullnat-v3 serves (ip_vs_ctl.c:laddr_to_cpuid); `reserved` < `online`. */
export function localAddressCpu(lastByte: number, online: number, reserved: number): number {
  return (lastByte % (online - reserved)) + reserved
}
