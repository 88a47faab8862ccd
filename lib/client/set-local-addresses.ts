/** `localAddresses.set`: the difference between what is there and what is wanted, and no more than that. */

import { Operation } from '../border/layout.gen'
import type { CallPlan, PlannedRequest, Recover } from '../dispatch/call-plan'
import { FollowUp } from '../dispatch/call-plan'
import { checkLocalAddresses, checkLocalAddressKey, checkServiceKey } from '../input'
import { kernelError } from '../kernel/errno-meanings'
import { ruleLocalAddress, ruleWrites } from '../kernel/rules'
import { serviceKeyId } from '../model/keys'
import type { NormalizedLocalAddress, NormalizedServiceKey } from '../model/normalized'
import type { LocalAddressInfo, ServiceKey } from '../model/types'
import { listRequest, write } from './local-address-requests'
import type { Context } from './operation'

/** What `set` did. */
export interface LocalAddressChanges {
  readonly added: readonly string[]
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
    lock: { service: serviceKeyId(service.key), object: '' },
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
      const failed = (changed: readonly NormalizedLocalAddress[], wanted: 'there' | 'gone') =>
        nameFailed<LocalAddressChanges>(context, operation, service, changed, wanted)
      return new FollowUp<LocalAddressChanges>(
        missing.map(add),
        () =>
          new FollowUp<LocalAddressChanges>(extra.map(remove), () => changes, true, failed(extra, 'gone')),
        true,
        failed(missing, 'there'),
      )
    },
  }
}

/**
 * A change of many failed: looks which address it was, and rejects with the error that names it. The kernel did the others: the
 * first that is not as `wanted` is the one.
 */
function nameFailed<T>(
  { capabilities }: Context,
  operation: string,
  service: NormalizedServiceKey,
  changed: readonly NormalizedLocalAddress[],
  wanted: 'there' | 'gone',
): Recover<T> {
  return (error) => {
    // Of one address nobody needs to look; and what is no error number of the kernel says itself what became of it.
    if (changed.length === 0 || error.errno === undefined || error.code.startsWith('ERR_')) return undefined
    const found: LocalAddressInfo[] = []
    const done = (): never => {
      const there = new Set(found.map(({ address }) => address))
      const failed = changed.find(({ text }) => there.has(text) !== (wanted === 'there'))
      if (!failed) throw error
      const { errno = 0, syscall, sent } = error
      const subject = { service: service.key, localAddress: failed.text }
      const { dialect } = capabilities
      throw kernelError({ errno: -errno, syscall, operation, subject, dialect, sent })
    }
    const stays = (): never => {
      throw error
    }
    return { value: new FollowUp<T>([listRequest(service, found)], done, true, stays) }
  }
}
