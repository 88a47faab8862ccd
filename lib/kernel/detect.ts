/** Which kernel answers, and over which transport it is spoken to (abi.md §9). */

import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { Dialect, TransportKind } from '../model/call-types'
import { ERRNO, errnoName } from './errno'

/** What the files of the kernel say about its dialect. */
export interface FileEvidence {
  /** /proc/sys/net/ipv4/vs/conn_max_num exists (fullnat-v3 only). */
  readonly connMaxNum: boolean
  /** /proc/sys/net/ipv4/vs/fullnat_lport_min exists (FULLNAT kernels). */
  readonly fullnatSysctl: boolean
  /** Row names of /proc/net/ip_vs_ext_stats, undefined when it cannot be read (initial namespace of FULLNAT only). */
  readonly extStats: readonly string[] | undefined
}

/** What a probe of the kernel saw. Errors are positive errno, 0 for success. */
export interface Evidence {
  /** Bit n: the generic netlink family "IPVS" has command n. Undefined: there is no such family. */
  readonly commands: bigint | undefined
  /** 0 without a family. */
  readonly familyId: number
  /** getsockopt IP_VS_SO_GET_VERSION. */
  readonly sockoptVersionError: number
  /** getsockopt IP_VS_SO_GET_LADDRS of a service that cannot exist. */
  readonly sockoptLocalAddressError: number
  readonly files: FileEvidence
}

export interface Detection {
  readonly dialect: Dialect
  /** One clause that says why. */
  readonly reason: string
}

/** NEW_LADDR, DEL_LADDR, GET_LADDR (v2/v3 include/linux/ip_vs.h). */
const LOCAL_ADDRESS_COMMANDS = [18, 19, 20]

/**
 * Messages to a family id below 0x10 are acknowledged and ignored (af_netlink.c:netlink_rcv_skb): not a
 * family.
 */
function familyCommands({ commands, familyId }: Evidence): bigint | undefined {
  return familyId >= 0x10 ? commands : undefined
}

/** EPERM comes after the number was found to be an IPVS option, so it is an answer (nf_sockopt.c). */
function sockoptAnswers({ sockoptVersionError }: Evidence): boolean {
  return sockoptVersionError === 0 || sockoptVersionError === ERRNO.EPERM
}

/** Undefined where sockopt says neither. */
function sockoptFullnat(evidence: Evidence): boolean | undefined {
  const error = evidence.sockoptLocalAddressError
  if (error === 0 || error === ERRNO.EPERM || error === ERRNO.ESRCH) return true
  return error === ERRNO.ENOPROTOOPT && sockoptAnswers(evidence) ? false : undefined
}

function detectFullnat({ connMaxNum, fullnatSysctl, extStats }: FileEvidence): Detection {
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
 * Never from a version number: all three kernels say 1.2.1. Evidence that disagree make the kernel unknown.
 */
export function detect(evidence: Evidence): Detection {
  const commands = familyCommands(evidence)
  const bySockopt = sockoptFullnat(evidence)
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
  if (fullnat) return detectFullnat(evidence.files)
  const { connMaxNum, fullnatSysctl, extStats } = evidence.files
  if (connMaxNum || fullnatSysctl || extStats) {
    return { dialect: 'unknown', reason: 'files of a FULLNAT kernel, but no local address commands' }
  }
  return { dialect: 'mainline', reason: 'no local address commands' }
}

/** Why the dialect is what it is, as plain data. */
export interface DialectEvidence {
  /** One clause. */
  readonly reason: string
  /** Numbers of the commands that the netlink family IPVS has; undefined where there is no such family. */
  readonly commands: readonly number[] | undefined
  /** What the kernel said to IP_VS_SO_GET_VERSION over sockopt: `'ok'`, or the name of an errno. */
  readonly sockoptVersion: string
  /** To IP_VS_SO_GET_LADDRS of a service that cannot exist: `'ESRCH'` on FULLNAT kernels. */
  readonly sockoptLocalAddresses: string
  /** /proc/sys/net/ipv4/vs/conn_max_num exists: fullnat-v3. */
  readonly connMaxNum: boolean
  /** /proc/sys/net/ipv4/vs/fullnat_lport_min exists: FULLNAT kernels. */
  readonly fullnatSysctl: boolean
  /** Rows of /proc/net/ip_vs_ext_stats; undefined where it cannot be read, as on mainline. */
  readonly extendedStats: readonly string[] | undefined
}

export function describeEvidence(evidence: Evidence): DialectEvidence {
  const { sockoptVersionError, sockoptLocalAddressError, files } = evidence
  const mask = familyCommands(evidence)
  const commands: number[] = []
  for (let n = 0; mask !== undefined && n < 64; n++) {
    if ((mask >> BigInt(n)) & BigInt(1)) commands.push(n)
  }
  const word = (error: number) => (error === 0 ? 'ok' : errnoName(error))
  return {
    reason: detect(evidence).reason,
    commands: mask === undefined ? undefined : commands,
    sockoptVersion: word(sockoptVersionError),
    sockoptLocalAddresses: word(sockoptLocalAddressError),
    connMaxNum: files.connMaxNum,
    fullnatSysctl: files.fullnatSysctl,
    extendedStats: files.extStats,
  }
}

/**
 * True when a FULLNAT IPVS is there, but in another network namespace: netlink hides from us, while sockopt
 * would change the host's table (abi.md §1.1, §9.2-1).
 */
export function isForeignNamespace(evidence: Evidence): boolean {
  return (
    familyCommands(evidence) === undefined &&
    sockoptFullnat(evidence) === true &&
    evidence.files.extStats === undefined
  )
}

/** Throws ERR_IPVS_NAMESPACE, ERR_IPVS_NOT_LOADED, ERR_IPVS_UNSUPPORTED or ERR_IPVS_UNKNOWN_DIALECT. */
export function chooseTransport(
  requested: 'auto' | TransportKind,
  evidence: Evidence,
  force: boolean,
): TransportKind {
  const operation = 'open'
  // Not even with force: it would be someone else's table.
  if (isForeignNamespace(evidence)) throw ownError(IpvsErrorCodes.NAMESPACE, { operation })
  const netlink = familyCommands(evidence) !== undefined
  const sockopt = sockoptAnswers(evidence)
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
  const { dialect, reason } = detect(evidence)
  if (dialect === 'unknown' && !force) {
    const description = `the layout of the sockopt structures of this kernel is not known: ${reason}`
    throw ownError(IpvsErrorCodes.UNKNOWN_DIALECT, { operation, description })
  }
  return 'sockopt'
}
