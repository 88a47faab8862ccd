/** Every finding there is: how bad it is. docs/doctor.md explains each. */

export type FindingSeverity = 'error' | 'warning' | 'info'

/**
 * `error`: something does not work, or the kernel is in danger. `warning`: it works now, and will not always, or not for everybody.
 * `info`: worth knowing before the next change.
 */
export const FINDING_SEVERITIES = Object.freeze({
  // ---- IPVS cannot be spoken to
  'module-not-loaded': 'error',
  'addon-missing': 'error',
  'wrong-namespace': 'error',
  'namespace-unreachable': 'error',
  'no-privilege': 'error',
  'kernel-silent': 'error',
  'transport-unsupported': 'error',
  'open-failed': 'error',
  // ---- what is known of this kernel
  'dialect-unknown': 'error',
  'dialect-guessed': 'warning',
  'sockopt-only': 'warning',
  'could-not-look': 'warning',
  // ---- services and destinations
  'no-destination': 'warning',
  'no-weight': 'error',
  'fullnat-without-local-address': 'error',
  'fullnat-unsupported': 'error',
  'udp-fullnat-unsupported': 'error',
  'synproxy-without-nat': 'error',
  'destination-is-local': 'error',
  // ---- local addresses
  'cpu-without-local-address': 'error',
  'cpu-perhaps-without-local-address': 'warning',
  'reserve-core-leaves-none': 'error',
  'local-address-absent': 'warning',
  'local-address-is-virtual': 'error',
  'local-address-is-login': 'warning',
  'local-ports-crossed': 'error',
  'local-ports-scarce': 'warning',
  'port-conflicts-growing': 'warning',
  // ---- virtual addresses, and the director's own programs
  'virtual-address-absent': 'warning',
  'login-swallowed': 'error',
  'socket-swallowed': 'error',
  'udp-service-swallowed': 'error',
  'fragments-dropped': 'info',
  // ---- the machine
  'forwarding-off': 'error',
  'reverse-path-strict': 'warning',
  'checksum-offload': 'error',
  // ---- settings
  'cache-bypass': 'error',
  'defence-always-on': 'warning',
  'connection-limit-near': 'warning',
  'connection-reuse-off': 'warning',
  'connection-reuse-delayed': 'warning',
  'removal-cuts-connections': 'warning',
  'drain-cuts-persistence': 'warning',
  'sync-daemon-on-fullnat': 'error',
  'counter-growing': 'warning',
} as const)

/** One of `FINDING_CODES`: docs/doctor.md says what each means. */
export type FindingCode = keyof typeof FINDING_SEVERITIES

/** All of them, in the order in which they are reported. */
export const FINDING_CODES: readonly FindingCode[] = Object.freeze(
  Object.keys(FINDING_SEVERITIES) as FindingCode[],
)
