/** `localAddresses.set`: the difference between what is there and what is wanted, and no more than that. */

import { Operation } from '../border/layout.gen'
import type { CallPlan, PlannedRequest } from '../dispatch/call-plan'
import { FollowUp } from '../dispatch/call-plan'
import { lockOfService } from '../dispatch/object-locks'
import { checkLocalAddresses, checkLocalAddressKey, checkServiceKey } from '../input'
import { ruleLocalAddress, ruleWrites } from '../kernel/rules'
import type { NormalizedLocalAddress } from '../model/normalized'
import type { LocalAddressInfo, ServiceKey } from '../model/types'
import { listRequest, write } from './local-address-requests'
import type { Context } from './operation'

/** What `set` did. */
export interface LocalAddressChanges {
  /** Those that were missing. */
  readonly added: readonly string[]
  /** Those that were not asked for. */
  readonly removed: readonly string[]
}

export function setLocalAddresses(
  context: Context,
  key: ServiceKey,
  addresses: readonly string[],
): CallPlan<LocalAddressChanges> {
  const { capabilities } = context
  const operation = 'localAddresses.set'
  const service = checkServiceKey(key)
  const wanted = checkLocalAddresses(addresses, service)
  const subject = { service: service.key }
  ruleWrites(capabilities, operation, service)
  ruleLocalAddress(capabilities, service, operation)
  const found: LocalAddressInfo[] = []
  return {
    operation,
    subject,
    // All local addresses of the service, but nothing else of it.
    lock: lockOfService(subject),
    request: listRequest(service, found),
    done: () => {
      const current = new Set(found.map((info) => info.address))
      const missing = wanted.filter(({ text }) => !current.has(text))
      const keep = new Set(wanted.map(({ text }) => text))
      const extra = found
        .filter((info) => !keep.has(info.address))
        .map((info) => checkLocalAddressKey(info.address, service))
      const changes = {
        added: missing.map(({ text }) => text),
        removed: extra.map(({ text }) => text),
      }
      const add = (local: NormalizedLocalAddress): PlannedRequest => ({
        ...write(Operation.localAddressAdd, service, local),
        tolerate: 'EEXIST',
      })
      const remove = (local: NormalizedLocalAddress): PlannedRequest => ({
        ...write(Operation.localAddressRemove, service, local),
        tolerate: 'ENOENT',
      })
      // First what is new, so that the service is never left without an address; and nothing goes if something
      // could not come.
      return new FollowUp<LocalAddressChanges>(
        missing.map(add),
        () => new FollowUp<LocalAddressChanges>(extra.map(remove), () => changes, true),
        true,
      )
    },
  }
}
