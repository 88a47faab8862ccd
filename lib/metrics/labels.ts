/** The labels that samples can have, in the order in which they stand in one. */

import type { ServiceKey } from '../model/types'

/**
 * A service's own. Together they name one service; `name` is what the caller calls it. Those that a service does not have are
 * empty, which Prometheus takes for absent.
 */
export const SERVICE_LABELS = ['protocol', 'address', 'port', 'fwmark', 'family', 'name'] as const

export const DESTINATION_LABELS = [...SERVICE_LABELS, 'destination_address', 'destination_port'] as const

export const LOCAL_ADDRESS_LABELS = [...SERVICE_LABELS, 'local_address'] as const

/** node_exporter, collector/ipvs_linux.go, in the order in which its output has them: by name. */
export const BACKEND_LABELS = [
  'local_address',
  'local_mark',
  'local_port',
  'proto',
  'remote_address',
  'remote_port',
] as const

export const EXTENDED_LABELS = ['cpu'] as const

/** Labels of services. */
export type ServiceLabel = (typeof SERVICE_LABELS)[number]
/** Labels of destinations. */
export type DestinationLabel = (typeof DESTINATION_LABELS)[number]
/** Labels of local addresses. */
export type LocalAddressLabel = (typeof LOCAL_ADDRESS_LABELS)[number]
/** Labels of `node_ipvs_backend_*`. */
export type BackendLabel = (typeof BACKEND_LABELS)[number]
/** Labels of extended statistics. */
export type ExtendedLabel = (typeof EXTENDED_LABELS)[number]

/** What a service is called by whoever made it; undefined for none. */
export type NameService = (key: ServiceKey) => string | undefined
