/** The steps of one service: what is there against what is wanted. */

import { asListed, checkDestinationInput } from '../input'
import type { Capabilities } from '../kernel/capabilities'
import { ruleDestination, ruleLocalAddress, ruleService } from '../kernel/rules'
import type {
  DestinationConfig,
  DestinationInfo,
  LocalAddressInfo,
  ServiceKey,
  SnapshotService,
} from '../model/types'
import type { Difference } from './difference'
import {
  destinationConfigOf,
  destinationDifferences,
  sameDestination,
  serviceConfigOf,
  serviceDifferences,
} from './difference'
import type { Drains } from './drains'
import { destinationFingerprint, removalFingerprint, serviceFingerprint } from './fingerprint'
import { lastWorking } from './last-working'
import type { Draining, PlanStep, StepReason } from './plan-types'
import { WantedIndex } from './wanted-index'
import type { WantedDestination, WantedService } from './wanted-types'

/** What a plan is filled with. */
export interface StepList {
  readonly capabilities: Capabilities
  readonly keepWeights: boolean
  readonly keepLastWorking: boolean
  readonly drainRules: Drains
  add(step: PlanStep): void
  draining(what: Draining): void
  unchanged(): void
  /** A service goes with so many destinations. */
  removesWhole(destinations: number): void
}

const inWords = (differences: readonly Difference[]): string =>
  differences.map(({ name, from, to }) => `${name} ${from} -> ${to}`).join(', ')

const heldOf = ({ held }: { readonly held: boolean }) => (held ? true : undefined)

/** What a kernel cannot do is told, and stops nothing else. */
export function allowed(rule: () => void, refuse: (message: string) => void): boolean {
  try {
    rule()
    return true
  } catch (error) {
    refuse((error as Error).message)
    return false
  }
}

/** False where this kernel cannot have it, which is told. Literals without spread here and below: those are ten times as fast. */
function isPossible(list: StepList, service: WantedService, wanted: WantedDestination): boolean {
  const key = service.checked.service
  const { address, port, forwarding, weight, upperThreshold, lowerThreshold, tunnel } = wanted
  const input = { address, port, forwarding, weight, upperThreshold, lowerThreshold, tunnel }
  const { destination, config } = checkDestinationInput(wanted.held ? asListed(input) : input, key)
  return allowed(
    () => ruleDestination(list.capabilities, key, destination, config),
    (message) => list.add(destinationReport(service, wanted, 'unsupported', message)),
  )
}

const destinationReport = (
  service: WantedService,
  { address, port }: WantedDestination,
  reason: StepReason,
  message: string,
): PlanStep => ({
  verb: 'report',
  kind: 'destination',
  service: service.key,
  destination: { address, port },
  reason,
  message,
})

function addDestination(list: StepList, service: WantedService, wanted: WantedDestination): void {
  if (wanted.state === 'off') return
  if (!isPossible(list, service, wanted)) return
  // One that drains and is not there has nothing left to drain.
  if (wanted.state === 'drain') {
    list.unchanged()
    return
  }
  const { address, port, forwarding, weight } = wanted
  list.add({
    verb: 'add',
    kind: 'destination',
    service: service.key,
    destination: { address, port },
    reason: 'missing',
    after: destinationConfigOf(wanted),
    message: `${forwarding}, weight ${weight}`,
    held: heldOf(wanted),
  })
}

function removeDestination(
  list: StepList,
  service: ServiceKey,
  current: DestinationInfo,
  reason: StepReason,
): void {
  const { address, port } = current
  list.add({
    verb: 'remove',
    kind: 'destination',
    service,
    destination: { address, port },
    before: destinationConfigOf(current),
    reason,
    message: `${current.activeConnections} active, ${current.inactiveConnections} inactive connections`,
    expect: destinationFingerprint(current),
  })
}

function drainingDestination(
  service: ServiceKey,
  { address, port, until }: WantedDestination,
  { activeConnections, inactiveConnections }: DestinationInfo,
): Draining {
  const destination = { address, port }
  const time = until === undefined ? undefined : new Date(until).toISOString()
  return { kind: 'destination', service, destination, until: time, activeConnections, inactiveConnections }
}

function changeDestination(
  list: StepList,
  service: WantedService,
  wanted: WantedDestination,
  current: DestinationInfo,
): void {
  const { capabilities, keepWeights } = list
  const draining = wanted.state === 'drain'
  if (draining && list.drainRules.drained(service.key, wanted, current)) {
    removeDestination(list, service.key, current, 'drained')
    return
  }
  if (draining) list.draining(drainingDestination(service.key, wanted, current))
  const weight = draining ? 0 : keepWeights ? current.weight : wanted.weight
  if (sameDestination(capabilities, wanted, weight, current, wanted.held)) {
    list.unchanged()
    return
  }
  if (!isPossible(list, service, wanted)) return
  const { address, port, forwarding, upperThreshold, lowerThreshold, tunnel } = wanted
  const differences = destinationDifferences(capabilities, wanted, weight, current, wanted.held)
  list.add({
    verb: draining && current.weight !== 0 ? 'drain' : 'change',
    kind: 'destination',
    service: service.key,
    destination: { address, port },
    reason: draining ? 'drain' : 'differs',
    before: destinationConfigOf(current),
    after: { forwarding, weight, upperThreshold, lowerThreshold, tunnel } as DestinationConfig,
    message: inWords(differences),
    expect: destinationFingerprint(current),
    held: heldOf(wanted),
  })
}

const NONE: ReadonlySet<WantedDestination> = new Set()

function destinationSteps(list: StepList, service: WantedService, found: SnapshotService | undefined): void {
  const { destinations } = service
  if (!destinations) return
  const current = found?.destinations ?? []
  const index = new WantedIndex(destinations)
  const kept = list.keepLastWorking ? lastWorking(destinations, current) : NONE
  for (const info of current) {
    const wanted = index.find(info)
    if (wanted && kept.has(wanted)) {
      const message = 'stays: health says that every destination is down'
      list.add(destinationReport(service, wanted, 'all-down', message))
    } else if (!wanted) removeDestination(list, service.key, info, 'not-wanted')
    else if (wanted.state === 'off') removeDestination(list, service.key, info, 'off')
    else changeDestination(list, service, wanted, info)
  }
  index.forEachMissing((wanted) => addDestination(list, service, wanted))
}

/** Of one that is not wanted. */
function unwantedLocalAddress(
  list: StepList,
  service: WantedService,
  { address, connections }: LocalAddressInfo,
): void {
  const { now } = list.drainRules
  const until = list.drainRules.localAddressUntil(service, address)
  if (connections > 0 && now < until) {
    const time = Number.isFinite(until) ? new Date(until).toISOString() : undefined
    list.draining({
      kind: 'localAddress',
      service: service.key,
      localAddress: address,
      connections,
      until: time,
    })
    list.unchanged()
    return
  }
  list.add({
    verb: 'remove',
    kind: 'localAddress',
    service: service.key,
    localAddress: address,
    reason: service.drainLocalAddresses.has(address) ? 'drained' : 'not-wanted',
    message: `${connections} connections`,
  })
}

function localAddressSteps(list: StepList, service: WantedService, found: SnapshotService | undefined): void {
  const { localAddresses, drainLocalAddresses, key } = service
  if (!localAddresses && drainLocalAddresses.size === 0) return
  const base = { kind: 'localAddress', service: key } as const
  const { capabilities } = list
  const rule = () => ruleLocalAddress(capabilities, service.checked.service, 'localAddresses.add')
  const refuse = (message: string) =>
    list.add({ ...base, localAddress: '', verb: 'report', reason: 'unsupported', message })
  if (localAddresses && localAddresses.size > 0 && !allowed(rule, refuse)) return
  const current = new Set<string>()
  for (const info of found?.localAddresses ?? []) {
    current.add(info.address)
    const stays = localAddresses ? localAddresses.has(info.address) : !drainLocalAddresses.has(info.address)
    if (stays) list.unchanged()
    else unwantedLocalAddress(list, service, info)
  }
  for (const address of localAddresses ?? []) {
    if (!current.has(address)) {
      list.add({
        verb: 'add',
        kind: 'localAddress',
        service: key,
        localAddress: address,
        reason: 'missing',
        message: '',
        held: heldOf(service),
      })
    }
  }
}

/** False where the service is not there and cannot be. One that only cannot become what it should be goes on as it is. */
function serviceStep(list: StepList, wanted: WantedService, found: SnapshotService | undefined): boolean {
  const { capabilities } = list
  const { key, config, checked } = wanted
  const base = { kind: 'service', service: key } as const
  const rule = () =>
    ruleService(capabilities, checked.service, checked.change, 'services.add', !found && !wanted.held)
  const refuse = (message: string) => list.add({ ...base, verb: 'report', reason: 'unsupported', message })
  if (!found) {
    if (!allowed(rule, refuse)) return false
    const message = `scheduler ${config.scheduler ?? 'wlc'}`
    list.add({ ...base, verb: 'add', reason: 'missing', after: config, message, held: heldOf(wanted) })
    return true
  }
  const differences = serviceDifferences(capabilities, config, found.service)
  if (differences.length === 0) {
    list.unchanged()
    return true
  }
  if (!allowed(rule, refuse)) return true
  list.add({
    ...base,
    verb: 'change',
    reason: 'differs',
    before: serviceConfigOf(found.service),
    after: config,
    message: inWords(differences),
    expect: serviceFingerprint(found.service),
    held: heldOf(wanted),
  })
  return true
}

/** Everything about one service that is wanted. */
export function wantedSteps(list: StepList, wanted: WantedService, found: SnapshotService | undefined): void {
  if (!serviceStep(list, wanted, found)) return
  localAddressSteps(list, wanted, found)
  destinationSteps(list, wanted, found)
}

/** A service that is there and not wanted: it goes with all it has. */
export function removalStep(list: StepList, key: ServiceKey, found: SnapshotService): void {
  const { service, destinations } = found
  const active = destinations.reduce((sum, { activeConnections }) => sum + activeConnections, 0)
  list.removesWhole(destinations.length)
  list.add({
    verb: 'remove',
    kind: 'service',
    service: key,
    before: serviceConfigOf(service),
    reason: 'not-wanted',
    message: `${destinations.length} destinations, ${active} active connections`,
    expect: removalFingerprint(found),
  })
}
