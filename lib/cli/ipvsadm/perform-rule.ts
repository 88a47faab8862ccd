/** A rule of ipvsadm → calls of the client. */

import type { Batch } from '../../client/batch'
import type { Ipvs } from '../../client/ipvs'
import type { IpvsadmCommand, ServiceRule } from '../../formats/ipvsadm/command-types'
import type { RulesDialect } from '../../formats/ipvsadm/dialects'
import { DIALECT_FACTS } from '../../formats/ipvsadm/dialects'
import type { CallOptions } from '../../model/call-types'
import type { DestinationInput, Persistence, ServiceInput } from '../../model/types'

/** Thresholds that are not named are 0 (ipvsadm.c:process_options), and so are those that were there. */
const NO_THRESHOLDS = { upperThreshold: 0, lowerThreshold: 0 } as const

/**
 * Puts a rule into a batch. False: it needs more than one request, or is about no service, and is performed alone.
 */
export function putRule(batch: Batch, rule: IpvsadmCommand, dialect: RulesDialect): boolean {
  switch (rule.command) {
    case 'add-service':
      batch.services.add({ ...rule.config, ...rule.service } as ServiceInput)
      return true
    case 'edit-service': {
      const { service, config } = rule
      if (!DIALECT_FACTS[dialect].editMerges) batch.services.set({ ...config, ...service } as ServiceInput)
      else if (mergesPersistence(rule)) return false
      else batch.services.update(service, config)
      return true
    }
    case 'remove-service':
      batch.services.remove(rule.service)
      return true
    case 'add-destination':
      batch.destinations.add(rule.service, { ...rule.config, ...rule.destination } as DestinationInput)
      return true
    case 'edit-destination': {
      const input = { ...NO_THRESHOLDS, ...rule.config, ...rule.destination }
      batch.destinations.set(rule.service, input as DestinationInput)
      return true
    }
    case 'remove-destination':
      batch.destinations.remove(rule.service, rule.destination)
      return true
    case 'add-local-address':
      batch.localAddresses.add(rule.service, rule.localAddress)
      return true
    case 'remove-local-address':
      batch.localAddresses.remove(rule.service, rule.localAddress)
      return true
    case 'zero':
      batch.zero(rule.service)
      return true
    case 'flush':
      batch.flush()
      return true
    default:
      return false
  }
}

export const needsCallOfItsOwn = (rule: IpvsadmCommand, dialect: RulesDialect): boolean =>
  rule.command === 'set-timeouts' ||
  rule.command === 'start-daemon' ||
  rule.command === 'stop-daemon' ||
  (rule.command === 'edit-service' && DIALECT_FACTS[dialect].editMerges && mergesPersistence(rule))

/** Its parts are kept one by one (libipvs.c:ipvs_update_service_by_options); `update` replaces it as a whole. */
const mergesPersistence = ({ config, netmask }: ServiceRule): boolean =>
  config.persistence !== undefined || netmask !== undefined

async function mergeService(ipvs: Ipvs, rule: ServiceRule, call: CallOptions): Promise<void> {
  const { service, config, netmask } = rule
  const before = (await ipvs.services.get(service, call))?.persistence
  const given = config.persistence ?? before
  const mask = config.persistence?.netmask ?? netmask ?? before?.netmask
  const persistence: Persistence | undefined =
    given && (mask === undefined ? given : { ...given, netmask: mask })
  await ipvs.services.update(service, persistence ? { ...config, persistence } : config, call)
}

/** Rejects with what the kernel says. */
export async function performRule(
  ipvs: Ipvs,
  rule: IpvsadmCommand,
  dialect: RulesDialect,
  call: CallOptions,
): Promise<void> {
  switch (rule.command) {
    case 'set-timeouts':
      // 0 for each of them changes none.
      if (Object.keys(rule.timeouts).length > 0) await ipvs.timeouts.set(rule.timeouts, call)
      return
    case 'start-daemon':
      return ipvs.daemons.start(rule.daemon, call)
    case 'stop-daemon':
      return ipvs.daemons.stop(rule.state, call)
    case 'edit-service':
      if (needsCallOfItsOwn(rule, dialect)) return mergeService(ipvs, rule, call)
  }
  const [outcome] = await ipvs.batch((batch) => {
    putRule(batch, rule, dialect)
  }, call)
  if (outcome?.status === 'rejected') throw outcome.error
}
