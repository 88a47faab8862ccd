/** Real servers → destinations of one service, by the rules that each program has for ports and families. */

import { checkDestinationInput } from '../../input'
import { AF_INET6 } from '../../model/address'
import type { DesiredDestination } from '../../model/desired-state'
import { formatDestinationKey } from '../../model/keys'
import type { NormalizedServiceKey } from '../../model/normalized'
import type { Family } from '../../model/types'
import type { Method } from './forwarding'
import type { RealServer } from './real-server'
import type { Report } from './report'
import type { Member } from './services'
import { validated } from './validate'
import type { VirtualServer } from './virtual-server'
import type { Word } from './words'

/** What all three take where nothing is said; in 1.2.2 it is 0, which is NAT. */
const DEFAULT_METHOD: Method = { forwarding: 'masquerade', tunnel: undefined }

export const methodOf = (real: RealServer, kind: Method | undefined): Method =>
  real.method ?? kind ?? DEFAULT_METHOD

/** The family of a fwmark service that does not say (check_parser.c:rs_end_handler, vs_end_handler). */
export function familyOfRealServers(realServers: readonly RealServer[], kind: Method | undefined): Family {
  const plain = realServers.find((real) => methodOf(real, kind).forwarding !== 'tunnel')
  const first = plain ?? realServers[0]
  const mixed = !plain && realServers.some(({ family }) => family !== first?.family)
  return first?.family === AF_INET6 && !mixed ? 'ipv6' : 'ipv4'
}

/** validate_check_config, ipvs_group_cmd of mainline and dpvs: DR and TUN do not translate ports. Alibaba's does as it is told. */
function portOf(real: RealServer, forwarding: string, member: Member, report: Report): number {
  const { key, port, fromGroup } = member
  const word = real.statement.words[2] ?? (real.statement.words[1] as Word)
  if (report.dialect === 'alibaba') {
    if (real.port === 0 && port !== 0)
      report.warn('real-server-port', 'a real server without a port', word.span)
    return real.port
  }
  if (forwarding === 'masquerade' || forwarding === 'fullnat') {
    if (real.port !== 0 || key.fwmark !== undefined) return real.port
    if (fromGroup && port !== 0) {
      const description = `${report.program} asks the kernel for port 0 here, for the service is one of a group: read as ${port}`
      report.warn('real-server-port', description, word.span)
    }
    return port
  }
  if (real.port !== 0 && real.port !== port) {
    const made = key.fwmark === undefined ? `the port of the service, ${port}` : 'no port, with a fwmark'
    report.warn('real-server-port', `DR and TUN change no ports: ${report.program} takes ${made}`, word.span)
  }
  return port
}

function thresholdsOf({ upperThreshold, lowerThreshold }: RealServer) {
  return {
    ...(upperThreshold && upperThreshold.value > 0 ? { upperThreshold: upperThreshold.value } : {}),
    ...(lowerThreshold && lowerThreshold.value > 0 ? { lowerThreshold: lowerThreshold.value } : {}),
  }
}

/** Those that the library takes; `service` is what they belong to. */
export function destinationsFor(
  server: VirtualServer,
  member: Member,
  service: NormalizedServiceKey,
  report: Report,
): readonly DesiredDestination[] {
  const found = new Set<string>()
  const destinations: DesiredDestination[] = []
  for (const real of server.realServers) {
    const { span } = real.statement.words[1] as Word
    const { forwarding, tunnel } = methodOf(real, server.method)
    if (real.family !== member.family && (forwarding !== 'tunnel' || report.dialect === 'alibaba')) {
      const across =
        report.dialect === 'dpvs' && forwarding === 'fullnat'
          ? ', and IPVS does not translate as dpvs does'
          : ''
      const description = `the real server is of another family than the service${across}: it is left out`
      report.error('family-mismatch', description, span)
      continue
    }
    const destination: DesiredDestination = {
      address: real.address,
      port: portOf(real, forwarding, member, report),
      forwarding,
      weight: real.weight ?? server.weight,
      ...thresholdsOf(real),
      ...(tunnel ? { tunnel } : {}),
    }
    const id = formatDestinationKey(destination)
    if (found.has(id)) {
      report.warn('duplicate-real-server', `${id} stands here twice: the first one counts`, span)
      continue
    }
    if (!validated(() => checkDestinationInput(destination, service), span, report)) continue
    found.add(id)
    destinations.push(destination)
  }
  return destinations
}
