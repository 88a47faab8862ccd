// Every behaviour of the contract, for one harness.

import { fwmarkContract, ipv6Contract, persistenceContract } from './addressing'
import { badInputContract } from './bad-input'
import { batchContract } from './batch'
import { callsContract } from './calls'
import { connectionsContract } from './connections'
import { destinationsContract, manyDestinationsContract } from './destinations'
import { establishedTimeoutContract, flagsContract } from './flags'
import { daemonsContract, tableContract, timeoutsContract } from './globals'
import type { Harness } from './harness'
import { heldContract } from './held'
import { localAddressesContract } from './local-addresses'
import { orderingContract } from './ordering'
import { servicesContract } from './services'
import { statisticsContract } from './statistics'
import { sysctlsContract } from './sysctls'
import { trapsContract } from './traps'
import { watchContract } from './watch'

export function contract(harness: Harness): void {
  servicesContract(harness)
  destinationsContract(harness)
  manyDestinationsContract(harness)
  localAddressesContract(harness)
  persistenceContract(harness)
  ipv6Contract(harness)
  fwmarkContract(harness)
  flagsContract(harness)
  establishedTimeoutContract(harness)
  timeoutsContract(harness)
  daemonsContract(harness)
  tableContract(harness)
  batchContract(harness)
  orderingContract(harness)
  callsContract(harness)
  statisticsContract(harness)
  heldContract(harness)
  trapsContract(harness)
  sysctlsContract(harness)
  badInputContract(harness)
  connectionsContract(harness)
  watchContract(harness)
}
