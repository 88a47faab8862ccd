/** Options of a scrape. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from '../input'
import { checkSignal } from '../input/call-options'
import { checkInteger, checkName, INT_MAX } from '../input/values'
import type {
  BackendLabel,
  DestinationLabel,
  ExtendedLabel,
  LocalAddressLabel,
  NameService,
  ServiceLabel,
} from './labels'
import {
  BACKEND_LABELS,
  DESTINATION_LABELS,
  EXTENDED_LABELS,
  LOCAL_ADDRESS_LABELS,
  SERVICE_LABELS,
} from './labels'
import type { ReconcilerSource } from './reconciler-families'

/** Families by what they are about; docs/metrics.md has the table. */
export const FAMILY_GROUPS = {
  scrape: 'scrape',
  kernel: 'kernel',
  totals: 'totals',
  services: 'services',
  destinations: 'destinations',
  localAddresses: 'localAddresses',
  extended: 'extended',
  client: 'client',
  reconciler: 'reconciler',
} as const

/** A group of families that can be left out. */
export type FamilyGroup = keyof typeof FAMILY_GROUPS

/** Labels to keep, each left out: all of them. What then has the same labels is summed, weights included. */
export interface MetricsLabels {
  readonly services?: readonly ServiceLabel[] | undefined
  readonly destinations?: readonly DestinationLabel[] | undefined
  readonly localAddresses?: readonly LocalAddressLabel[] | undefined
  /** `[]` sums the rows of extended statistics over the CPUs. */
  readonly extended?: readonly ExtendedLabel[] | undefined
  /** Of `node_ipvs_backend_*`, as `--collector.ipvs.backend-labels` of node_exporter. */
  readonly backends?: readonly BackendLabel[] | undefined
}

/** What is shown, and how. */
export interface MetricsOptions {
  /** `'node_exporter'`: the eight `node_ipvs_*` families of its collector besides. Default none. */
  readonly compat?: 'node_exporter' | undefined
  /** Which of our own families. Default all; `[]` with `compat` gives what node_exporter gives, and nothing else. */
  readonly families?: readonly FamilyGroup[] | undefined
  readonly labels?: MetricsLabels | undefined
  /**
   * The label `name` of a service, its destinations and its local addresses. Called once for each service, synchronously;
   * what it throws, the scrape rejects with.
   */
  readonly name?: NameService | undefined
  /** Whose counts are shown besides, a `Reconciler` of `ipvs-fullnat/reconcile`. */
  readonly reconciler?: ReconcilerSource | undefined
}

/** How long a scrape may take. */
export interface TimeLimit {
  /**
   * Milliseconds that a scrape may take altogether, 0 for no limit. Default 8000, below the 10 seconds after which Prometheus
   * gives up.
   */
  readonly timeout?: number | undefined
}

/** Options of `collect`. */
export interface CollectOptions extends MetricsOptions, TimeLimit {
  /** Ends the scrape, not what others read along. */
  readonly signal?: AbortSignal | undefined
}

export interface CheckedOptions {
  readonly nodeExporter: boolean
  readonly groups: ReadonlySet<FamilyGroup>
  readonly labels: { readonly [kind in keyof MetricsLabels]-?: readonly string[] }
  readonly name: NameService | undefined
  readonly reconciler: ReconcilerSource | undefined
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

const DEFAULT_TIMEOUT = 8000

const COMMON = ['compat', 'families', 'labels', 'name', 'reconciler', 'timeout']
export const COLLECT_OPTIONS = new PropertyNames([...COMMON, 'signal'])
export const COLLECTOR_OPTIONS = new PropertyNames([...COMMON, 'client', 'registry'])

const COMPATS = { node_exporter: true } as const

const LABELS: { readonly [kind in keyof MetricsLabels]-?: readonly string[] } = {
  services: SERVICE_LABELS,
  destinations: DESTINATION_LABELS,
  localAddresses: LOCAL_ADDRESS_LABELS,
  extended: EXTENDED_LABELS,
  backends: BACKEND_LABELS,
}
const KINDS = Object.keys(LABELS) as (keyof MetricsLabels)[]
const LABEL_KINDS = new PropertyNames(KINDS)

function checkList(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidType(field, 'array', value)
  return value
}

function checkLabels(value: unknown, field: string, known: readonly string[]): readonly string[] {
  if (value === undefined) return known
  const chosen = checkList(value, field)
  chosen.forEach((name, i) => {
    if (!known.includes(name as string)) {
      throw invalidValue(`${field}[${i}]`, `is not known (there are: ${known.join(', ')})`, name)
    }
  })
  return known.filter((name) => chosen.includes(name))
}

function checkGroups(value: unknown): ReadonlySet<FamilyGroup> {
  const field = 'options.families'
  if (value === undefined) return new Set(Object.keys(FAMILY_GROUPS) as FamilyGroup[])
  return new Set(checkList(value, field).map((name, i) => checkName(name, `${field}[${i}]`, FAMILY_GROUPS)))
}

/** Throws for what is wrong with them. */
export function checkOptions(value: unknown, names: PropertyNames): CheckedOptions {
  const properties = value === undefined ? {} : checkProperties(value, 'options', names)
  const { compat, families, name, reconciler, timeout, signal } = properties
  if (name !== undefined && typeof name !== 'function') throw invalidType('options.name', 'function', name)
  if (reconciler !== undefined && typeof Object(reconciler).activity !== 'function') {
    throw invalidType('options.reconciler', 'Reconciler', reconciler)
  }
  const chosen = checkProperties(properties.labels ?? {}, 'options.labels', LABEL_KINDS)
  const labels: Record<string, readonly string[]> = {}
  for (const kind of KINDS) {
    const known = LABELS[kind].filter((label) => label !== 'name' || name !== undefined)
    labels[kind] = checkLabels(chosen[kind], `options.labels.${kind}`, known)
  }
  return {
    nodeExporter: compat !== undefined && checkName(compat, 'options.compat', COMPATS),
    groups: checkGroups(families),
    labels: labels as CheckedOptions['labels'],
    name: name as NameService | undefined,
    reconciler: reconciler as ReconcilerSource | undefined,
    timeout: timeout === undefined ? DEFAULT_TIMEOUT : checkInteger(timeout, 'options.timeout', 0, INT_MAX),
    signal: checkSignal(signal, 'options.signal'),
  }
}
