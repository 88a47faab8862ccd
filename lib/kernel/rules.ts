/** The traps of each kernel that the library keeps its callers out of: rules, and facts that change what is sent. */

import type { ErrorSubject, Explanation } from '../errors/ipvs-error'
import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import { AF_INET, AF_INET6 } from '../model/address'
import type { Dialect } from '../model/call-types'
import type {
  NormalizedDaemon,
  NormalizedDestinationChange,
  NormalizedDestinationKey,
  NormalizedLocalAddress,
  NormalizedServiceChange,
  NormalizedServiceKey,
} from '../model/normalized'
import { FORWARDING_METHODS, PROTOCOLS, SCHEDULER_FLAGS_MASK, SERVICE_FLAGS } from '../model/numbers'
import type { Capabilities } from './capabilities'
import { isFullnat, MAINLINE_SCHEDULERS } from './capabilities'
import { NO_CONNECTION_LIST } from './file-error'

// ---- rules: each throws ERR_IPVS_UNSUPPORTED with the reason, before anything is sent

const unsupported = (description: string, operation: string, subject: ErrorSubject, hint?: string) =>
  ownError(IpvsErrorCodes.UNSUPPORTED, { description, operation, subject, ...(hint ? { hint } : {}) })

type Target = NormalizedDestinationKey | NormalizedLocalAddress

/** Made when it is needed only: the rules run for each of ten thousand destinations. */
function subjectOf(service?: NormalizedServiceKey, target?: Target): ErrorSubject {
  if (!service) return {}
  if (!target) return { service: service.key }
  if ('port' in target) return { service: service.key, destination: target.key }
  return { service: service.key, localAddress: target.text }
}

/**
 * abi.md §9.2-4: what an unknown kernel does with our numbers is not known. Throws ERR_IPVS_UNKNOWN_DIALECT.
 */
export function ruleWrites(
  capabilities: Capabilities,
  operation: string,
  service?: NormalizedServiceKey,
  target?: Target,
): void {
  if (capabilities.writes) return
  throw ownError(IpvsErrorCodes.UNKNOWN_DIALECT, { operation, subject: subjectOf(service, target) })
}

/**
 * Whether sockopt can name the service. abi.md §1.1: it has no IPv6, it would look for an IPv4 service. §1.5-7: it takes TCP
 * and UDP, on mainline SCTP besides, and nothing else (EFAULT).
 */
export function expressibleBySockopt({ sctp }: Capabilities, service: NormalizedServiceKey): boolean {
  if (service.family === AF_INET6) return false
  if (service.kind === 'fwmark') return true
  const { protocol } = service
  return protocol === PROTOCOLS.tcp || protocol === PROTOCOLS.udp || (sctp && protocol === PROTOCOLS.sctp)
}

/** For every operation on a service, reading included. */
export function ruleServiceKey(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  operation: string,
  target?: Target,
): void {
  if (capabilities.transport !== 'sockopt' || expressibleBySockopt(capabilities, service)) return
  const known = capabilities.sctp ? 'TCP, UDP and SCTP' : 'TCP and UDP'
  const description =
    service.family === AF_INET6 ? 'sockopt cannot express IPv6' : `sockopt knows ${known} only on this kernel`
  throw unsupported(description, operation, subjectOf(service, target), "Use transport 'netlink'.")
}

/** modprobe takes - and _ for the same. */
const HELPERS = /^(?:ftp|pe[-_]sip|nfct)$/i

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
  if (HELPERS.test(scheduler)) {
    const description = `'${scheduler}' is no scheduler, the kernel would load a helper module`
    throw unsupported(description, operation, subject)
  }
  if (capabilities.dialect !== 'mainline' && MAINLINE_SCHEDULERS.includes(scheduler)) {
    const hint = `There are ${capabilities.schedulers.join(', ')}.`
    throw unsupported(`scheduler '${scheduler}' is not part of this kernel`, operation, subject, hint)
  }
}

/**
 * Before a service is added or set. What the caller does not name is as the kernel has it, and no trap. `mayBeNew`: there may be
 * no such service yet, on this or another kernel.
 */
export function ruleService(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  { values, flags }: NormalizedServiceChange,
  operation = 'services.add',
  mayBeNew = true,
): void {
  const subject = { service: service.key }
  const refuse = (when: boolean, description: string, hint?: string) => {
    if (when) throw unsupported(description, operation, subject, hint)
  }
  ruleWrites(capabilities, operation, service)
  ruleServiceKey(capabilities, service, operation)
  // §1.7-g, §11-8: the established timeout of the request is left uninitialised on the kernel's stack.
  refuse(
    !capabilities.serviceWrites,
    'adding or setting a service over sockopt leaves a random established timeout',
    "Use transport 'netlink'.",
  )
  // §10.1-22: netlink lets SCTP in, and no packet ever finds the service.
  refuse(
    mayBeNew && !capabilities.sctp && service.kind === 'address' && service.protocol === PROTOCOLS.sctp,
    'this kernel does not balance SCTP',
  )
  // §10.2-4: mainline stores bit 0x8000 and protects nothing.
  refuse(
    (flags & SERVICE_FLAGS.synproxy) !== 0 && !capabilities.synproxy,
    'this kernel has no SYN proxy, it would ignore it',
  )
  // §10.2-5: mainline reads attribute 11 as the name of a persistence engine; v2 ignores it (§4.3).
  refuse(
    values.establishedTimeout !== undefined && !capabilities.establishedTimeout,
    'established timeouts per service need fullnat-v3 over netlink',
    'Set the global one with timeouts.set({ tcp }).',
  )
  // §10.1-7, §10.1-22: v3 reads the name as an established timeout, v2 ignores it, sockopt has no field.
  refuse(
    values.engine !== undefined && !capabilities.persistenceEngine,
    'persistence engines need a mainline kernel over netlink',
  )
  // §4.2: stored, no effect.
  refuse(
    (flags & SCHEDULER_FLAGS_MASK) !== 0 && !capabilities.schedulerFlags,
    'this kernel ignores scheduler flags',
  )
  if (values.scheduler !== undefined) ruleScheduler(capabilities, values.scheduler, operation, subject)
}

/** Before a destination is added or set. What the caller does not name is as the kernel has it, and no trap. */
export function ruleDestination(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  destination: NormalizedDestinationKey,
  config: NormalizedDestinationChange,
  operation = 'destinations.add',
): void {
  ruleWrites(capabilities, operation, service, destination)
  ruleServiceKey(capabilities, service, operation, destination)
  const trouble = destinationTrouble(capabilities, service, destination, config)
  if (!trouble) return
  const [description, hint] = trouble
  throw unsupported(description, operation, subjectOf(service, destination), hint)
}

function destinationTrouble(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  destination: NormalizedDestinationKey,
  { forwarding, tunnel }: NormalizedDestinationChange,
): Explanation | undefined {
  if (!capabilities.ipv6 && destination.family === AF_INET6) return ['sockopt cannot express IPv6']
  if (forwarding === FORWARDING_METHODS.fullnat) {
    // §4.1, §10.2-3: accepted silently, and every packet goes to the local stack.
    if (!capabilities.fullnat) {
      return ['this kernel has no FULLNAT', 'Use masquerade, tunnel or direct-route.']
    }
    // §4.1, §11-26: no UDP handlers, packets leave with wrong ports and checksums.
    if (!capabilities.udpFullnat && service.kind === 'address' && service.protocol === PROTOCOLS.udp) {
      const hint = 'Use masquerade; fullnat-v2 has it where ip_vs_ext_stats has a row defence_ip_frag_gather.'
      return ['this kernel has no FULLNAT for UDP', hint]
    }
  }
  // §2.5: 2.6.32 ignores the tunnel attributes and sends IP-in-IP; sockopt has no fields for them.
  if (tunnel && tunnel.type !== 0 && !capabilities.tunnelTypes) {
    return ['tunnel types need a mainline kernel over netlink']
  }
  // §2.5: 2.6.32 reads the address as one of the service's family.
  if (destination.family !== service.family && !capabilities.destinationFamily) {
    return ['destinations of the other address family need a mainline kernel over netlink']
  }
  return undefined
}

/** Before a local address is listed, added or removed. abi.md §10.2-2: mainline knows none of it. */
export function ruleLocalAddress(
  capabilities: Capabilities,
  service: NormalizedServiceKey,
  operation = 'localAddresses.add',
  target?: Target,
): void {
  if (!capabilities.localAddresses) {
    const subject = subjectOf(service, target)
    throw unsupported('this kernel has no local addresses', operation, subject, 'Use a FULLNAT kernel.')
  }
  ruleServiceKey(capabilities, service, operation, target)
}

/**
 * Before a list of connections is opened: fullnat-v3 has none (abi.md §7.1). What an unknown kernel has is seen then.
 * `byLocalAddress`: they are asked for, or counted, by it.
 */
export function ruleConnections(
  { dialect, connectionList, localAddresses }: Capabilities,
  byLocalAddress: boolean,
  operation: string,
): void {
  if (!connectionList && dialect !== 'unknown') {
    throw unsupported(`${dialect} has no list of connections`, operation, {}, NO_CONNECTION_LIST)
  }
  if (byLocalAddress && !localAddresses && dialect !== 'unknown') {
    throw unsupported('this kernel has no local addresses', operation, {}, 'Use a FULLNAT kernel.')
  }
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
  if (isFullnat(capabilities.dialect) && !force) {
    const hint = 'force starts it all the same, for services without FULLNAT on both machines.'
    throw unsupported('a synced FULLNAT connection crashes the backup', operation, {}, hint)
  }
  const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = daemon
  const options = [syncMaxLength, multicastGroup, multicastPort, multicastTtl]
  if (!capabilities.daemonOptions && options.some((option) => option !== undefined)) {
    const description = 'multicast and size options of a daemon need a mainline kernel over netlink'
    throw unsupported(description, operation, {})
  }
}

/** Before counters are zeroed; without a service, those of all. */
export function ruleZero(
  capabilities: Capabilities,
  service?: NormalizedServiceKey,
  operation = 'zero',
): void {
  const subject = { service: service?.key }
  ruleWrites(capabilities, operation, service)
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
    const description = 'sockopt takes 0.0.0.0:0 for all services'
    throw unsupported(description, operation, subject, "Use transport 'netlink'.")
  }
}

// ---- facts that change what is sent, or how an answer is read

/**
 * The flag bits that are ours to set. HASHED (0x2) is never among them: 2.6.32 would report success and put
 * the service into no table (abi.md §11-3), and with a mask of all ones it gets there from a dump (§10.1-5).
 */
export function serviceFlagsMask(dialect: Dialect): number {
  const { persistent, onePacket, synproxy } = SERVICE_FLAGS
  if (isFullnat(dialect)) return persistent | onePacket | synproxy
  return dialect === 'mainline' ? persistent | onePacket | SCHEDULER_FLAGS_MASK : persistent | onePacket
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
export function removesServiceBySockopt(dialect: Dialect, service: NormalizedServiceKey): boolean {
  if (dialect !== 'fullnat-v2' || service.kind === 'fwmark' || service.family !== AF_INET) return false
  return service.protocol === PROTOCOLS.tcp || service.protocol === PROTOCOLS.udp
}

/**
 * Whether the reported method is what the wanted one became. FULLNAT kernels turn every method into `local`
 * (1) when the address is one of their own (abi.md §4.1, §10.1-10); for IPv6 also when there was no route,
 * and sending it again leaks a route reference (§11-11), so that counts as the same, too.
 */
export function sameForwarding(dialect: Dialect, wanted: number, reported: number): boolean {
  return wanted === reported || (dialect !== 'mainline' && reported === FORWARDING_METHODS.local)
}
