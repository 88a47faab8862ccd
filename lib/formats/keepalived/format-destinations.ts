/** Destinations → `real_server`. */

import { checkDesiredDestination } from '../../input'
import type { DesiredDestination } from '../../model/desired-state'
import { formatDestinationKey } from '../../model/keys'
import type { NormalizedServiceKey } from '../../model/normalized'
import type { Forwarding, Tunnel } from '../../model/types'
import type { KeepalivedDialect } from './dialects'
import { methodWord } from './forwarding'
import type { Losses } from './losses'
import { MOST_WEIGHT } from './virtual-server-keywords'

export interface WrittenDestinations {
  /** The word of `lb_kind`; undefined where there are none. */
  readonly kind: string | undefined
  readonly lines: readonly string[]
  readonly fullnat: boolean
}

function tunnelWords({ type, port, checksum }: Tunnel): string {
  const words = type === 'ipip' ? '' : ` type ${type}`
  const sum = checksum === 'full' ? ' csum' : checksum === 'remote' ? ' remcsum' : ''
  return `${words}${port === undefined ? '' : ` port ${port}`}${sum}`
}

/** The method that most have: the others say their own where they can. */
function kindOf(
  destinations: readonly DesiredDestination[],
  dialect: KeepalivedDialect,
): Forwarding | undefined {
  const counts = new Map<Forwarding, number>()
  for (const { forwarding } of destinations) {
    if (methodWord(forwarding, dialect) !== undefined)
      counts.set(forwarding, (counts.get(forwarding) ?? 0) + 1)
  }
  let best: Forwarding | undefined
  for (const [forwarding, count] of Array.from(counts)) {
    if (best === undefined || count > (counts.get(best) as number)) best = forwarding
  }
  return best
}

/** The port that comes out when the text is read (see destinations.ts:portOf). */
function readAs(
  destination: DesiredDestination,
  service: NormalizedServiceKey,
  dialect: KeepalivedDialect,
): number {
  const { port, forwarding } = destination
  if (dialect === 'alibaba') return port
  const own = service.kind === 'address' ? service.port : 0
  if (forwarding === 'masquerade' || forwarding === 'fullnat') return port === 0 ? own : port
  return own
}

/** Undefined where the dialect has no words for the destination, which is a loss. */
function destinationLines(
  destination: DesiredDestination,
  kind: Forwarding,
  service: NormalizedServiceKey,
  dialect: KeepalivedDialect,
  losses: Losses,
): readonly string[] | undefined {
  const { address, forwarding, tunnel, state, reason, until, upperThreshold, lowerThreshold } = destination
  const word = methodWord(forwarding, dialect)
  const lose = (why: string): undefined => {
    losses.object(why)
    return undefined
  }
  if (word === undefined) return lose(`${dialect} has no word for forwarding '${forwarding}'`)
  if (dialect === 'alibaba' && forwarding !== kind)
    return lose('the real servers of a service have one method')
  if (dialect === 'alibaba' && address.includes(':') !== (service.family === 10)) {
    return lose('the real servers are of the family of the service')
  }
  if (state === 'off') return lose('it is off: a real server that is written is on')
  const port = readAs(destination, service, dialect)
  if (port !== destination.port) {
    losses.property('port', destination.port, `${dialect} makes ${port} of every port here`)
  }
  if (state === 'drain') losses.property('state', state, 'written as weight 0')
  if (reason !== undefined) losses.property('reason', reason, 'there are no words for it')
  if (until !== undefined) losses.property('until', until, 'there are no words for it')
  let weight = state === 'drain' ? 0 : (destination.weight ?? 1)
  if (weight > MOST_WEIGHT && dialect !== 'alibaba') {
    losses.property('weight', weight, `${MOST_WEIGHT} at most, which is written`)
    weight = MOST_WEIGHT
  }
  const lines = [`    real_server ${address} ${port} {`, `        weight ${weight}`]
  if (dialect === 'alibaba') {
    if (tunnel && tunnel.type !== 'ipip') losses.property('tunnel', tunnel, 'every tunnel is IP in IP')
  } else if (forwarding !== kind || tunnel) {
    lines.push(`        lvs_method ${word}${tunnel ? tunnelWords(tunnel) : ''}`)
  }
  if (upperThreshold) lines.push(`        uthreshold ${upperThreshold}`)
  if (lowerThreshold) lines.push(`        lthreshold ${lowerThreshold}`)
  lines.push('    }')
  return lines
}

export function formatDestinations(
  destinations: readonly DesiredDestination[],
  service: NormalizedServiceKey,
  dialect: KeepalivedDialect,
  field: string,
  losses: Losses,
): WrittenDestinations {
  const kind = kindOf(
    destinations.filter(({ state }) => state !== 'off'),
    dialect,
  )
  const lines: string[] = []
  const written = new Set<string>()
  let fullnat = false
  destinations.forEach((destination, i) => {
    const { key } = checkDesiredDestination(destination, service, `${field}[${i}]`).destination
    const one = losses.of({ destination: key })
    const canonical = { ...destination, ...key }
    const block = destinationLines(canonical, kind ?? 'masquerade', service, dialect, one)
    if (!block) return
    const id = formatDestinationKey({ address: key.address, port: readAs(canonical, service, dialect) })
    if (written.has(id)) {
      one.object('with the port that it would get it is there already')
      return
    }
    written.add(id)
    fullnat = fullnat || destination.forwarding === 'fullnat'
    for (const line of block) lines.push(line)
  })
  return { kind: kind && methodWord(kind, dialect), lines, fullnat }
}
