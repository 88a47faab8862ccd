/** What a format cannot say, for people. */

import type { RulesLoss } from '../formats/ipvsadm/losses'
import type { KeepalivedLoss } from '../formats/keepalived/types'
import { formatDestinationKey, formatServiceKey } from '../model/keys'

const shown = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))

/** `lost: tcp 192.0.2.1:80 -> 10.0.0.5:80, weight 70000: …` */
export function describeLoss(loss: RulesLoss | KeepalivedLoss): string {
  const { service, destination, property, value, reason } = loss
  const { localAddress, daemon } = loss as Partial<RulesLoss>
  const { pool } = loss as Partial<KeepalivedLoss>
  const parts = [
    service && formatServiceKey(service),
    destination && `-> ${formatDestinationKey(destination)}`,
    localAddress === undefined ? undefined : `via ${localAddress}`,
    daemon === undefined ? undefined : `${daemon} daemon`,
    pool === undefined ? undefined : `pool ${pool}`,
  ].filter((part) => part !== undefined)
  const what = property === undefined ? '' : `${parts.length > 0 ? ', ' : ''}${property} ${shown(value)}`
  return `lost: ${parts.join(' ')}${what}: ${reason}`
}
