/** What virtual servers and their real servers have beside the state. */

import type { ServiceKey } from '../../model/types'
import type { RealServer } from './real-server'
import { placeOf } from './report'
import type { Checker, RealServerDetails, ServiceDetails, SorryServer } from './types'
import type { VirtualServer } from './virtual-server'

const keyOf = ({ address, port }: RealServer): Checker['destination'] => ({
  address,
  port: port === 0 ? undefined : port,
})

function sorryOf({ sorry, method }: VirtualServer): SorryServer | undefined {
  if (!sorry) return undefined
  const { method: own, word: _, ...rest } = sorry
  const { forwarding, tunnel } = own ?? method ?? { forwarding: 'masquerade' as const, tunnel: undefined }
  return { ...rest, forwarding, tunnel }
}

function realServerOf(real: RealServer, server: VirtualServer): RealServerDetails {
  return {
    destination: keyOf(real),
    inhibitOnFailure: real.inhibit ?? server.inhibit,
    alpha: real.alpha ?? server.alpha,
    notifyUp: real.notifyUp,
    notifyDown: real.notifyDown,
    parameters: real.parameters,
    ...placeOf(real.statement.span),
  }
}

export function detailsOf(server: VirtualServer, services: readonly ServiceKey[]): ServiceDetails {
  const { target, quorum, hysteresis, alpha, omega, quorumUp, quorumDown, parameters, statement } = server
  return {
    services,
    group: target.kind === 'group' ? target.name : undefined,
    quorum,
    hysteresis,
    alpha,
    omega,
    quorumUp,
    quorumDown,
    sorryServer: sorryOf(server),
    realServers: server.realServers.map((real) => realServerOf(real, server)),
    parameters,
    ...placeOf(statement.span),
  }
}

export function checkersOf({ realServers }: VirtualServer, services: readonly ServiceKey[]): Checker[] {
  const checkers: Checker[] = []
  for (const real of realServers) {
    for (const checker of real.checkers) checkers.push({ ...checker, services, destination: keyOf(real) })
  }
  return checkers
}
