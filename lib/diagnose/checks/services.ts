/** Services that answer nobody, or not as they are meant to. */

import { formatDestinationKey } from '../../model/keys'
import type { Facts, Report } from '../facts'
import { SHOWN } from '../facts'
import type { ServiceView } from '../view'

const keysOf = (destinations: ServiceView['destinations']) =>
  destinations.slice(0, SHOWN).map(({ key }) => formatDestinationKey(key))

function checkWeights({ key, destinations }: ServiceView, report: Report): void {
  const subject = { service: key }
  if (destinations.length === 0) {
    report({
      code: 'no-destination',
      subject,
      explanation: 'The service has no destination: new connections are dropped, or refused.',
      remedy:
        'Add one with `ipvs.destinations.add(service, { address, port, forwarding })`, or remove the service with `ipvs.services.remove(service)`.',
    })
  } else if (destinations.every(({ weight }) => weight === 0)) {
    report({
      code: 'no-weight',
      subject,
      explanation:
        'All destinations have weight 0: established connections go on, new ones find no destination.',
      remedy: 'Give one a weight: `ipvs.destinations.update(service, destination, { weight: 1 })`.',
      evidence: { destinations: destinations.length, shown: keysOf(destinations) },
    })
  }
}

function checkFullnat({ capabilities }: Facts, service: ServiceView, report: Report): void {
  const fullnat = service.destinations.filter(({ forwarding }) => forwarding === 'fullnat')
  if (fullnat.length === 0) return
  const subject = { service: service.key }
  const evidence = { destinations: fullnat.length, shown: keysOf(fullnat) }
  if (capabilities.dialect === 'mainline') {
    report({
      code: 'fullnat-unsupported',
      subject,
      explanation:
        'Destinations have forwarding method 5, which is FULLNAT on the kernels of Alibaba and nothing on this one: it takes the number, and gives their packets to its own programs.',
      remedy:
        "Set them to a method of this kernel: `ipvs.destinations.set(service, { ...destination, forwarding: 'masquerade' })`.",
      evidence,
    })
  }
  if (!capabilities.fullnat) return
  if (service.localAddresses.length === 0) {
    report({
      code: 'fullnat-without-local-address',
      subject,
      explanation:
        'The service has FULLNAT destinations and no local address: the first packet of every connection is dropped without an answer, and clients time out (conn_sched_unreach counts).',
      remedy: "Add one, on fullnat-v3 one for each CPU: `ipvs.localAddresses.add(service, '10.1.0.1')`.",
      evidence,
    })
  }
  if (service.protocol === 'udp' && !capabilities.udpFullnat) {
    report({
      code: 'udp-fullnat-unsupported',
      subject,
      explanation:
        'This kernel has no FULLNAT for UDP (ip_vs_proto_udp.c has no fnat handlers): it sends malformed packets to the destinations.',
      remedy:
        "Use masquerading for UDP: `ipvs.destinations.set(service, { ...destination, forwarding: 'masquerade' })`, with the director as the gateway of the destinations.",
      evidence,
    })
  }
}

function checkSynproxy({ capabilities }: Facts, service: ServiceView, report: Report): void {
  if (!capabilities.synproxy || !service.synproxy) return
  const direct = service.destinations.filter(
    ({ forwarding }) => forwarding === 'direct-route' || forwarding === 'tunnel',
  )
  if (direct.length === 0) return
  report({
    code: 'synproxy-without-nat',
    subject: { service: service.key },
    explanation:
      'The SYN proxy changes the sequence numbers of both directions, and these destinations answer the client past the director: no connection comes about.',
    remedy:
      "Use NAT, `ipvs.destinations.set(service, { ...destination, forwarding: 'fullnat' })`, or `ipvs.services.update(service, { synproxy: false })`.",
    evidence: { destinations: direct.length, shown: keysOf(direct) },
  })
}

/** ip_vs_ctl.c:__ip_vs_update_dest of FULLNAT kernels makes every address that is local a local node, IPv6 without a route, too. */
function checkLocalDestinations({ own, capabilities }: Facts, service: ServiceView, report: Report): void {
  for (const { key, forwarding } of service.destinations) {
    if (forwarding !== 'local' || own.has(key.address) !== false) continue
    const why = capabilities.fullnat && key.address.includes(':') ? ' It had no route when it was added.' : ''
    report({
      code: 'destination-is-local',
      subject: { service: service.key, destination: key },
      explanation: `The kernel takes the destination for the director itself and gives its packets to its own programs, but no interface has the address.${why}`,
      remedy:
        'See that `ip route get ADDRESS` finds a way, and set it again: `ipvs.destinations.set(service, destination)`.',
      evidence: { forwarding },
    })
  }
}

export function checkServices(facts: Facts, report: Report): void {
  for (const service of facts.services) {
    checkWeights(service, report)
    checkFullnat(facts, service, report)
    checkSynproxy(facts, service, report)
    checkLocalDestinations(facts, service, report)
  }
}
