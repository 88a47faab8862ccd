/** Every family that has a fixed name. docs/metrics.md has the same table; a test compares them. */

import type { FamilyDefinition } from './family'

const define =
  (type: FamilyDefinition['type'], about: FamilyDefinition['about'] = 'kernel') =>
  (name: string, help: string): FamilyDefinition => ({ name, type, help, about })

const counter = define('counter')
const gauge = define('gauge')

/** In the order of `trafficValues`. */
const traffic = (prefix: string, of: string): FamilyDefinition[] => [
  counter(`${prefix}_connections_total`, `Connections ${of}.`),
  counter(`${prefix}_incoming_packets_total`, `Packets from clients ${of}.`),
  counter(`${prefix}_outgoing_packets_total`, `Packets to clients ${of}.`),
  counter(`${prefix}_incoming_bytes_total`, `Bytes from clients ${of}.`),
  counter(`${prefix}_outgoing_bytes_total`, `Bytes to clients ${of}.`),
]

export const TOTALS = traffic('ipvs', 'through this kernel')

export const SERVICES = traffic('ipvs_service', 'of a service')

/** Traffic first, then what `destinationValues` has besides. */
export const DESTINATIONS = [
  ...traffic('ipvs_destination', 'of a destination'),
  gauge('ipvs_destination_active_connections', 'Connections of a destination that are established.'),
  gauge('ipvs_destination_inactive_connections', 'Connections of a destination that are opening or closing.'),
  gauge('ipvs_destination_weight', 'Weight of a destination; 0 takes no new connections.'),
]

export const LOCAL_ADDRESSES = [
  gauge('ipvs_local_address_connections', 'Connections that use a local address.'),
  counter(
    'ipvs_local_address_port_conflicts_total',
    'Ports of a local address found taken while a free one was searched.',
  ),
]

export const INFO = gauge('ipvs_info', 'What kernel it is; always 1.')
export const CONNECTION_TABLE_SIZE = gauge('ipvs_connection_table_size', 'Buckets of the connection table.')

export const UP = gauge('ipvs_up', 'Whether the table of services could be read: 1, or 0.')
export const SCRAPE_ERROR = gauge(
  'ipvs_scrape_error',
  'A part of this scrape that could not be read; always 1.',
)

const ofClient = { counter: define('counter', 'client'), gauge: define('gauge', 'client') }
export const CLIENT_CALLS = ofClient.counter('ipvs_client_calls_total', 'Calls of this client.')
export const CLIENT_TRIPS = ofClient.counter(
  'ipvs_client_trips_total',
  'Trips to the kernel that calls shared.',
)
export const CLIENT_REQUESTS = ofClient.counter('ipvs_client_requests_total', 'Requests to the kernel.')
export const CLIENT_ERRORS = ofClient.counter(
  'ipvs_client_errors_total',
  'Calls that failed, by the code of their error.',
)
export const CLIENT_OUTCOME_UNKNOWN = ofClient.counter(
  'ipvs_client_outcome_unknown_total',
  'Calls that failed and may have been done all the same.',
)
export const CLIENT_QUEUED = ofClient.gauge('ipvs_client_queued_calls', 'Calls that wait for a trip.')
export const CLIENT_PENDING = ofClient.gauge(
  'ipvs_client_pending_calls',
  'Calls that have not been answered.',
)
export const CLIENT_KERNEL_TIME = define('histogram', 'client')(
  'ipvs_client_kernel_time_seconds',
  'How long trips to the kernel took.',
)

const ofReconciler = ofClient
export const RECONCILER_WANTED = ofReconciler.gauge(
  'ipvs_reconciler_generation_wanted',
  'Desired states that came.',
)
export const RECONCILER_REACHED = ofReconciler.gauge(
  'ipvs_reconciler_generation_reached',
  'Number of the desired state that the kernel was made to be.',
)
export const RECONCILER_SETTLED = ofReconciler.gauge(
  'ipvs_reconciler_settled',
  'Whether the kernel is what the newest desired state says: 1, or 0.',
)
export const RECONCILER_FAILURES = ofReconciler.gauge(
  'ipvs_reconciler_consecutive_failures',
  'Rounds that failed in a row.',
)
export const RECONCILER_ROUNDS = ofReconciler.counter(
  'ipvs_reconciler_rounds_total',
  'Looks at the kernel, by why they were taken.',
)
export const RECONCILER_STEPS = ofReconciler.counter(
  'ipvs_reconciler_steps_total',
  'Steps of plans, by what became of them.',
)
export const RECONCILER_DRIFT = ofReconciler.counter(
  'ipvs_reconciler_drift_total',
  'Objects that somebody else had changed.',
)
export const RECONCILER_ERRORS = ofReconciler.counter(
  'ipvs_reconciler_errors_total',
  'Rounds and desired states that failed, by the code of the error.',
)
export const RECONCILER_DRAINING = ofReconciler.gauge(
  'ipvs_reconciler_draining',
  'Destinations and local addresses that drain.',
)
export const RECONCILER_REPORTS = ofReconciler.gauge(
  'ipvs_reconciler_reports',
  'Objects that are not what they should be and are only reported.',
)

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** A row of /proc/net/ip_vs_ext_stats. `name` is fit for one; `meaning` is what the library says of the row. */
export const extendedFamily = (name: string, meaning: string | undefined): FamilyDefinition =>
  counter(`ipvs_ext_${name}_total`, sentence(meaning ?? `row ${name} of /proc/net/ip_vs_ext_stats`))

/** HELP texts as node_exporter has them (collector/ipvs_linux.go). */
export const NODE_TOTALS = [
  counter('node_ipvs_connections_total', 'The total number of connections made.'),
  counter('node_ipvs_incoming_packets_total', 'The total number of incoming packets.'),
  counter('node_ipvs_outgoing_packets_total', 'The total number of outgoing packets.'),
  counter('node_ipvs_incoming_bytes_total', 'The total amount of incoming data.'),
  counter('node_ipvs_outgoing_bytes_total', 'The total amount of outgoing data.'),
]

export const NODE_BACKENDS = [
  gauge(
    'node_ipvs_backend_connections_active',
    'The current active connections by local and remote address.',
  ),
  gauge(
    'node_ipvs_backend_connections_inactive',
    'The current inactive connections by local and remote address.',
  ),
  gauge('node_ipvs_backend_weight', 'The current backend weight by local and remote address.'),
]
