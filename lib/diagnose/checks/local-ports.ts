/** Ports of local addresses: whether there are any, how many are left, how often they were taken. */

import { formatDestinationKey, formatServiceKey } from '../../model/keys'
import type { Facts, Report } from '../facts'
import { flatMap, groupBy, numberOf, SHOWN } from '../facts'
import type { DestinationView, ServiceView } from '../view'

/** Shares of the ports that are in use. */
const SCARCE = 0.8
const EXHAUSTED = 0.95

interface Use {
  readonly service: ServiceView
  readonly destination: DestinationView
}

const idOf = ({ service }: Use): string => formatServiceKey(service.key)

const percent = (share: number): number => Math.round(share * 100)

/**
 * A port of a local address can be used once for each address and port of a destination (ip_vs_conn.c:ip_vs_hbind_laddr): services
 * that share destinations and local addresses share the ports, too.
 */
function checkPorts(facts: Facts, ports: number, report: Report): void {
  const uses = flatMap(facts.services, (service) =>
    service.destinations
      .filter(({ forwarding }) => forwarding === 'fullnat')
      .map((destination): Use => ({ service, destination })),
  )
  const groups = groupBy(
    uses,
    ({ service, destination }) => `${service.protocol ?? 'any'} ${formatDestinationKey(destination.key)}`,
  )
  for (const unordered of groups.values()) {
    const group = unordered.sort((one, other) => (idOf(one) < idOf(other) ? -1 : 1))
    const { service, destination } = group[0] as Use
    const addresses = new Set(
      flatMap(group, (use) => use.service.localAddresses.map(({ address }) => address)),
    )
    const connections = group.reduce((sum, use) => sum + use.destination.connections, 0)
    const room = ports * addresses.size
    if (room === 0 || connections / room < SCARCE) continue
    report({
      code: 'local-ports-scarce',
      severity: connections / room >= EXHAUSTED ? 'error' : 'warning',
      subject: { service: service.key, destination: destination.key },
      explanation: `${percent(connections / room)} % of the ports towards this destination are in use: the kernel tries more and more taken ones (portConflicts grows), and refuses connections when it has tried fullnat_lport_tries.`,
      remedy:
        'Add local addresses, each is that many ports more: `ipvs.localAddresses.add(service, address)`; or widen the range with `ipvs.sysctl.setLocalPorts({ min, max })`, or let ended connections go sooner: `ipvs.timeouts.set({ tcpFin })`.',
      evidence: {
        connections,
        room,
        ports,
        localAddresses: addresses.size,
        services: group.slice(0, SHOWN).map(idOf),
      },
    })
  }
}

function checkConflicts({ growth }: Facts, report: Report): void {
  for (const { service, before, after } of growth?.localAddresses ?? []) {
    const grown = after.portConflicts - before.portConflicts
    if (grown <= BigInt(0)) continue
    report({
      code: 'port-conflicts-growing',
      subject: { service, address: after.address },
      explanation:
        'The kernel finds ports of this local address taken while it looks for a free one: every conflict is a search in the connection table for a new connection.',
      remedy:
        'Add local addresses: `ipvs.localAddresses.add(service, address)`; or widen the range of ports: `ipvs.sysctl.setLocalPorts({ min, max })`.',
      evidence: {
        conflicts: String(grown),
        within: growth?.milliseconds ?? 0,
        total: String(after.portConflicts),
        connections: after.connections,
      },
    })
  }
}

export function checkLocalPorts(facts: Facts, report: Report): void {
  checkConflicts(facts, report)
  const min = numberOf(facts, 'fullnat_lport_min')
  const max = numberOf(facts, 'fullnat_lport_max')
  if (!facts.capabilities.fullnat || min === undefined || max === undefined) return
  if (max < min) {
    report({
      code: 'local-ports-crossed',
      subject: { sysctl: 'fullnat_lport_min' },
      explanation:
        'fullnat_lport_min is above fullnat_lport_max. With max = min - 1 the kernel divides by zero at the next FULLNAT connection, in the softirq: it panics (ip_vs_conn.c:ip_vs_hbind_laddr).',
      remedy: 'At once: `await ipvs.sysctl.setLocalPorts({ min: 5000, max: 65535 })`.',
      evidence: { min, max },
    })
    return
  }
  checkPorts(facts, max - min + 1, report)
}
