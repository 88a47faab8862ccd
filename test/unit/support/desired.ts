// Parts of desired states, as the tests of the reconcile write them.

import type { DesiredDestination } from '../../../lib/model/desired-state'

export const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

/** What makes the destinations of a test, `10.9.0.LAST:8080`. */
export const destinationMaker =
  (forwarding: DesiredDestination['forwarding']) =>
  (last: number, more: Partial<DesiredDestination> = {}): DesiredDestination => ({
    address: `10.9.0.${last}`,
    port: 8080,
    forwarding,
    ...more,
  })
