/** Whether what is wanted is what the kernel holds, as far as this kernel can tell them apart. */

import type { Capabilities } from '../kernel/capabilities'
import { sameForwarding, serviceFlagsMask } from '../kernel/rules'
import type {
  NormalizedDestinationConfig,
  NormalizedServiceConfig,
  NormalizedTunnel,
} from '../model/normalized'
import { sameFields } from '../model/normalized'
import { FORWARDING_METHODS, SERVICE_FLAGS } from '../model/numbers'
import { DESTINATION_FIELDS, SERVICE_FIELDS } from '../model/records.gen'

/** What of a configuration makes a difference on this kernel. */
function effective({ dialect }: Capabilities, config: NormalizedServiceConfig): NormalizedServiceConfig {
  const flags = config.flags & serviceFlagsMask(dialect)
  if ((flags & SERVICE_FLAGS.persistent) !== 0) return { ...config, flags }
  return { ...config, flags, persistenceTimeout: 0, netmask: 0, engine: undefined }
}

export function sameServiceConfig(
  capabilities: Capabilities,
  wanted: NormalizedServiceConfig,
  current: NormalizedServiceConfig,
): boolean {
  const establishedTimeout = wanted.establishedTimeout ?? current.establishedTimeout
  return sameFields(
    effective(capabilities, { ...wanted, establishedTimeout }),
    effective(capabilities, current),
    SERVICE_FIELDS,
  )
}

/** Nothing named is IP-in-IP, which mainline reports as type 0. */
const PLAIN_TUNNEL: NormalizedTunnel = { type: 0, port: 0, flags: 0 }

export function sameDestinationConfig(
  capabilities: Capabilities,
  wanted: NormalizedDestinationConfig,
  current: NormalizedDestinationConfig,
): boolean {
  if (!sameForwarding(capabilities.dialect, wanted.forwarding, current.forwarding)) return false
  const tunnel = current.forwarding === FORWARDING_METHODS.tunnel
  const comparable = (config: NormalizedDestinationConfig) => ({
    ...config,
    forwarding: current.forwarding,
    tunnel: tunnel ? (config.tunnel ?? PLAIN_TUNNEL) : undefined,
  })
  return sameFields(comparable(wanted), comparable(current), DESTINATION_FIELDS)
}
