/** What an object was when a plan was made, as a short text: a step whose object has changed since is not done. */

import { hashText } from '../model/hash'
import type { DestinationInfo, ServiceInfo, SnapshotService } from '../model/types'
import { serviceConfigOf } from './difference'

/** JSON with the names in order: what is equal has the same text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const object = value as Record<string, unknown>
  const names = Object.keys(object).filter((name) => object[name] !== undefined)
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(object[name])}`)
    .join(',')}}`
}

/** What collides is a change that is made all the same. */
const hash = (text: string): string => hashText(text).toString(16).padStart(8, '0')

export const serviceFingerprint = (info: ServiceInfo): string => hash(canonical(serviceConfigOf(info)))

/** Of a service that goes with all it has: somebody may have given it destinations meanwhile. */
export const removalFingerprint = ({
  service,
  destinations,
}: Pick<SnapshotService, 'service' | 'destinations'>): string =>
  hash(`${canonical(serviceConfigOf(service))} ${destinations.length}`)

const destinationText = ({
  forwarding,
  weight,
  upperThreshold,
  lowerThreshold,
  tunnel,
}: DestinationInfo): string =>
  hash(`${forwarding} ${weight} ${upperThreshold} ${lowerThreshold} ${tunnel ? canonical(tunnel) : ''}`)

/** The last one that was asked for: most destinations of a pool differ in their address alone. */
let last: { readonly of: DestinationInfo; readonly text: string } | undefined

/** A plan can be about hundreds of thousands. */
export function destinationFingerprint(info: DestinationInfo): string {
  const of = last?.of
  const known =
    of !== undefined &&
    of.weight === info.weight &&
    of.forwarding === info.forwarding &&
    of.upperThreshold === info.upperThreshold &&
    of.lowerThreshold === info.lowerThreshold &&
    of.tunnel === undefined &&
    info.tunnel === undefined
  if (!known) last = { of: info, text: destinationText(info) }
  return (last as { readonly text: string }).text
}
