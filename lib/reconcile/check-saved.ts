/** What is given as a saved state, checked as a whole before anything is read or sent. */

import { invalidType, invalidValue, outOfRange } from '../errors/argument-errors'
import { asListed, checkBoolean, checkObject, checkProperties, checkTime, PropertyNames } from '../input'
import { sysctlFacts } from '../kernel/sysctls'
import type { DesiredService, DesiredState } from '../model/desired-state'
import { inOneGo } from '../model/turn'
import type { Timeouts } from '../model/types'
import { SavedStateError } from './saved-errors'
import type {
  SavedAddressService,
  SavedDaemon,
  SavedDestination,
  SavedFwmarkService,
  SavedService,
  SavedState,
} from './saved-types'
import { SAVED_FORMAT, SAVED_VERSION } from './saved-types'
import { StateProblems } from './state-error'
import { collectDesiredState } from './wanted'
import { checkArray } from './wanted-services'

type Properties = Readonly<Record<string, unknown>>

/** Every name, and whether it can be left out. */
type Names<T> = { readonly [name in keyof Required<T>]: 'needed' | 'optional' }

/** What properties an object has. */
interface Shape {
  readonly known: readonly string[]
  readonly needed: ReadonlySet<string>
  readonly allowed: PropertyNames
}

/** Made once: there are ten thousands of destinations. */
function shapeOf<T>(names: Names<T>): Shape {
  const known = Object.keys(names)
  const needed = known.filter((name) => names[name as keyof T] === 'needed')
  return { known, needed: new Set(needed), allowed: new PropertyNames(known) }
}

const DOCUMENT = shapeOf<SavedState>({
  format: 'needed',
  version: 'needed',
  dialect: 'needed',
  savedAt: 'needed',
  consistent: 'needed',
  services: 'needed',
  timeouts: 'optional',
  daemons: 'optional',
  sysctls: 'optional',
})
const CONFIG = {
  scheduler: 'needed',
  schedulerFlags: 'needed',
  persistence: 'needed',
  onePacket: 'needed',
  synproxy: 'needed',
  establishedTimeout: 'optional',
  destinations: 'needed',
  localAddresses: 'needed',
} as const
const ADDRESS_SERVICE = shapeOf<SavedAddressService>({
  protocol: 'needed',
  address: 'needed',
  port: 'needed',
  ...CONFIG,
})
const FWMARK_SERVICE = shapeOf<SavedFwmarkService>({ fwmark: 'needed', family: 'needed', ...CONFIG })
const DESTINATION = shapeOf<SavedDestination>({
  address: 'needed',
  port: 'needed',
  forwarding: 'needed',
  weight: 'needed',
  upperThreshold: 'needed',
  lowerThreshold: 'needed',
  tunnel: 'optional',
})
const DAEMON = shapeOf<SavedDaemon>({
  state: 'needed',
  interface: 'needed',
  syncId: 'needed',
  syncMaxLength: 'optional',
  multicastGroup: 'optional',
  multicastPort: 'optional',
  multicastTtl: 'optional',
})
const TIMEOUTS = shapeOf<Timeouts>({ tcp: 'needed', tcpFin: 'needed', udp: 'needed' })

const DIALECTS: readonly string[] = ['mainline', 'fullnat-v2', 'fullnat-v3']

const isObject = (value: unknown): value is Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** With its known properties alone; others, and those that are missing, are problems. */
function shaped(
  value: unknown,
  path: string,
  { known, needed, allowed }: Shape,
  problems: StateProblems,
): unknown {
  // Whoever checks the values says what it should be.
  if (!isObject(value)) return value
  const kept: Record<string, unknown> = {}
  for (const name of known) {
    if (value[name] !== undefined) kept[name] = value[name]
    else if (needed.has(name)) {
      problems.try(() => {
        throw invalidValue(path === '' ? name : `${path}.${name}`, 'is missing', undefined)
      })
    }
  }
  for (const name of Object.keys(value)) {
    if (allowed.allow(name)) continue
    problems.try(() => checkProperties({ [name]: value[name] }, path || 'document', allowed))
  }
  return kept
}

/** As the check of states takes it: as if it had been listed. */
function heldService(value: unknown, path: string, problems: StateProblems): unknown {
  const names = isObject(value) && value.fwmark !== undefined ? FWMARK_SERVICE : ADDRESS_SERVICE
  const service = shaped(value, path, names, problems)
  if (!isObject(service)) return service
  const { destinations, localAddresses } = service
  const found = localAddresses === undefined ? [] : localAddresses
  const array = problems.try(() => checkArray(found, `${path}.localAddresses`))
  const held = Array.isArray(destinations)
    ? destinations.map((destination: unknown, i) => {
        const one = shaped(destination, `${path}.destinations[${i}]`, DESTINATION, problems)
        return isObject(one) ? asListed(one) : one
      })
    : destinations
  return asListed({ ...service, destinations: held, localAddresses: array })
}

export const heldServices = (services: readonly SavedService[]): DesiredService[] =>
  services.map(
    (service) =>
      asListed({ ...service, destinations: service.destinations.map(asListed) }) as unknown as DesiredService,
  )

type Range = readonly [min: number, max: number]
const SIGNED: Range = [-2147483648, 2147483647]
const UNSIGNED: Range = [0, 4294967295]

const integer = (value: unknown, field: string, [min, max]: Range): void => {
  if (typeof value !== 'number') throw invalidType(field, 'number', value)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(field, `an integer >= ${min} && <= ${max}`, value)
  }
}

function checkSysctlShape(name: string, value: unknown): void {
  const path = `sysctls.${name}`
  const facts = sysctlFacts(name)
  if (!facts) throw invalidValue(path, 'is no sysctl that this library knows', value)
  if (facts.type === 'cpu-list') {
    if (typeof value !== 'string') throw invalidType(path, 'string', value)
  } else if (facts.type === 'pair') {
    const numbers = checkArray(value, path)
    if (numbers.length !== 2) throw invalidValue(path, 'must be an array of two numbers', value)
    for (const [i, number] of numbers.entries()) integer(number, `${path}[${i}]`, SIGNED)
  } else integer(value, path, SIGNED)
}

function checkHead(document: Properties): void {
  const { format, version } = document
  if (format !== SAVED_FORMAT) throw invalidValue('format', `must be '${SAVED_FORMAT}'`, format)
  if (version === SAVED_VERSION) return
  const newer = typeof version === 'number' && version > SAVED_VERSION
  const why = newer ? 'was written by a newer ipvs-fullnat; this one reads' : 'must be'
  throw invalidValue('version', `${why} ${SAVED_VERSION}`, version)
}

function fromText(document: unknown): unknown {
  if (typeof document !== 'string') return document
  try {
    return JSON.parse(document) as unknown
  } catch (error) {
    throw invalidValue('document', `is no JSON (${(error as Error).message})`, document)
  }
}

function checkSettings(document: Properties, problems: StateProblems): void {
  const { timeouts, sysctls } = document
  if (timeouts !== undefined) {
    const named = problems.try(() => checkObject(timeouts, 'timeouts')) ?? {}
    const known = shaped(named, 'timeouts', TIMEOUTS, problems) as Properties
    for (const name of Object.keys(known)) {
      problems.try(() => integer(known[name], `timeouts.${name}`, UNSIGNED))
    }
  }
  if (sysctls === undefined) return
  const named = problems.try(() => checkObject(sysctls, 'sysctls')) ?? {}
  for (const name of Object.keys(named)) problems.try(() => checkSysctlShape(name, named[name]))
}

/**
 * A document, or its JSON text, as a `SavedState`. Throws a `SavedStateError` with everything that is wrong; what a kernel held is
 * not, however odd.
 */
export function parseSavedState(given: unknown): SavedState {
  const problems = new StateProblems((found) => new SavedStateError(found))
  const document = problems.try(() => {
    const object = checkObject(fromText(given), 'document')
    checkHead(object)
    return object
  })
  // What another version means by its properties nobody knows.
  if (!document) problems.end()
  const known = shaped(document, '', DOCUMENT, problems) as Properties
  const { dialect, savedAt, consistent, services, daemons } = known
  if (dialect !== undefined) {
    problems.try(() => {
      if (!DIALECTS.includes(dialect as string)) {
        throw invalidValue('dialect', `must be one of: ${DIALECTS.join(', ')}`, dialect)
      }
    })
  }
  if (savedAt !== undefined) problems.try(() => checkTime(savedAt, 'savedAt'))
  if (consistent !== undefined) problems.try(() => checkBoolean(consistent, 'consistent'))
  checkSettings(known, problems)
  const held = Array.isArray(services)
    ? services.map((service: unknown, i) => heldService(service, `services[${i}]`, problems))
    : services
  const started = Array.isArray(daemons)
    ? daemons.map((daemon: unknown, i) => shaped(daemon, `daemons[${i}]`, DAEMON, problems))
    : daemons
  inOneGo(collectDesiredState({ services: held, daemons: started } as DesiredState, problems))
  problems.end()
  return document as unknown as SavedState
}
