/** -L and -G. */

import type { Ipvs } from '../../client/ipvs'
import type { ListLocalAddressesRule, ListRule } from '../../formats/ipvsadm/command-types'
import type { RulesDialect } from '../../formats/ipvsadm/dialects'
import { formatListing, inListingOrder } from '../../formats/ipvsadm/listing/format-listing'
import {
  connectionRow,
  connectionTitles,
  formatDaemons,
  formatLocalAddresses,
  formatTimeouts,
} from '../../formats/ipvsadm/listing/format-other'
import type { ServiceColumns } from '../../formats/ipvsadm/listing/service-rows'
import type { CallOptions } from '../../model/call-types'
import { toJson } from '../../model/json'
import type { ServiceInfo, ServiceKey, SnapshotService } from '../../model/types'
import type { Invocation } from '../command'
import { writeConnections } from '../connection-rows'
import { EXIT } from '../errors'

const json = (value: unknown): string => `${toJson(value, 2)}\n`

/** ipvsadm.c:process_options: of several the first in this order. */
function columnsOf({ stats, rate, thresholds, persistentConnections, tunnels }: ListRule): ServiceColumns {
  if (stats) return 'stats'
  if (rate) return 'rate'
  if (thresholds) return 'thresholds'
  if (persistentConnections) return 'persistent'
  return tunnels ? 'tunnels' : 'usual'
}

/** Rejects where there is no such service. */
async function oneService(ipvs: Ipvs, key: ServiceKey, call: CallOptions): Promise<SnapshotService> {
  const [service, destinations, localAddresses] = await Promise.all([
    ipvs.services.get(key, call),
    ipvs.destinations.list(key, call),
    ipvs.capabilities.localAddresses ? ipvs.localAddresses.list(key, call) : [],
  ])
  return { service: service as ServiceInfo, destinations, localAddresses }
}

async function services(
  ipvs: Ipvs,
  { service, ...rule }: ListRule,
  dialect: RulesDialect,
  invocation: Invocation,
): Promise<string> {
  const { call } = invocation
  const { exact, sorted } = rule
  const columns = columnsOf({ service, ...rule })
  if (service) {
    const one = await oneService(ipvs, service, call)
    return invocation.json ? json([one]) : formatListing([one], { dialect, columns, exact, sorted })
  }
  const [info, { services: found }] = await Promise.all([ipvs.info(call), ipvs.snapshot(call)])
  if (!invocation.json) return formatListing(found, { dialect, columns, exact, sorted, info })
  const { version, connectionTableSize } = info
  return json({ version, connectionTableSize, services: sorted ? inListingOrder(found) : found })
}

export async function list(
  ipvs: Ipvs,
  rule: ListRule,
  dialect: RulesDialect,
  invocation: Invocation,
): Promise<number> {
  const { out, call } = invocation
  switch (rule.what) {
    case 'connections': {
      const options = {
        localAddresses: ipvs.capabilities.localAddresses,
        engines: rule.persistentConnections,
      }
      await writeConnections(ipvs.connections.iterate(call), invocation, {
        titles: connectionTitles(options),
        row: (one) => connectionRow(one, options),
      })
      return EXIT.done
    }
    case 'timeouts': {
      const timeouts = await ipvs.timeouts.get(call)
      await out.write(invocation.json ? json(timeouts) : formatTimeouts(timeouts))
      return EXIT.done
    }
    case 'daemons': {
      const daemons = await ipvs.daemons.list(call)
      await out.write(invocation.json ? json(daemons) : formatDaemons(daemons))
      return EXIT.done
    }
    default:
      await out.write(await services(ipvs, rule, dialect, invocation))
      return EXIT.done
  }
}

export async function listLocalAddresses(
  ipvs: Ipvs,
  { service }: ListLocalAddressesRule,
  { out, call, json: asJson }: Invocation,
): Promise<number> {
  // Says why not, where this kernel has none.
  if (!ipvs.capabilities.localAddresses) await ipvs.localAddresses.list(service ?? { fwmark: 1 }, call)
  const found = service
    ? [await oneService(ipvs, service, call)]
    : inListingOrder((await ipvs.snapshot(call)).services)
  const rows = found.map(({ service: info, localAddresses }) => ({ service: keyOf(info), localAddresses }))
  await out.write(asJson ? json(rows) : formatLocalAddresses(found))
  return EXIT.done
}

const keyOf = ({ protocol, address, port, fwmark, family }: ServiceInfo) =>
  fwmark === undefined ? { protocol, address, port } : { fwmark, family }
