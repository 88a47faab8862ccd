/** What `diagnose()` resolves to: plain JSON. */

import type { DialectEvidence } from '../kernel/detect'
import type { Dialect, TransportKind } from '../model/call-types'
import type { DestinationKey, ServiceKey } from '../model/types'
import type { FindingCode, FindingSeverity } from './codes'

/** What a finding is about; what does not apply is not there. */
export interface FindingSubject {
  readonly service?: ServiceKey
  readonly destination?: DestinationKey
  /** A local address or a virtual address. */
  readonly address?: string
  readonly interface?: string
  readonly cpu?: number
  /** One of IPVS by its name, one of the machine with all of it: `'net.ipv4.ip_forward'`. */
  readonly sysctl?: string
  /** Name of a row of /proc/net/ip_vs_ext_stats. */
  readonly counter?: string
  /** What could not be looked at. */
  readonly part?: string
}

/** Numbers and texts that were read; counters of 64 bits are decimal texts. */
export type EvidenceValue =
  | string
  | number
  | boolean
  | null
  | readonly EvidenceValue[]
  | { readonly [name: string]: EvidenceValue }

/** One thing that is wrong, or worth knowing. */
export interface Finding {
  readonly code: FindingCode
  readonly severity: FindingSeverity
  /** `'state'`: it is not so yet, the desired state would bring it about. */
  readonly cause: 'present' | 'state'
  readonly subject: FindingSubject
  /** What is wrong and why it matters, in one or two sentences. */
  readonly explanation: string
  /** What to do: a sentence with a command or a call between backticks. */
  readonly remedy: string
  readonly evidence: { readonly [name: string]: EvidenceValue }
}

/** What `diagnose` found. Plain JSON. */
export interface Diagnosis {
  readonly version: 1
  /** `'unknown'` where IPVS could not be opened. */
  readonly dialect: Dialect
  /** Undefined where IPVS could not be opened. */
  readonly transport: TransportKind | undefined
  /** Why the dialect is what it is; undefined where IPVS could not be opened. */
  readonly evidence: DialectEvidence | undefined
  /** In the order of `FINDING_CODES`, those of one code by subject. Empty: nothing was found, and everything was looked at. */
  readonly findings: readonly Finding[]
}
