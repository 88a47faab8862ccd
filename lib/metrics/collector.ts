/** Our families in a registry of prom-client, beside those of the process. */

import { invalidType } from '../errors/argument-errors'
import { IpvsError } from '../errors/ipvs-error'
import { checkObject } from '../input'
import type { InPieces } from '../model/turn'
import { inOneGo, Pieces } from '../model/turn'
import * as definitions from './definitions'
import type { Family, FamilyDefinition, Sample } from './family'
import type { CheckedOptions, MetricsOptions, TimeLimit } from './options'
import { COLLECTOR_OPTIONS, checkOptions } from './options'
import type { Reading } from './reading'
import { codeOf } from './reading'
import { RECONCILER_FAMILIES } from './reconciler-families'
import { formed, scrape } from './scrape'
import type { MetricsSource } from './source'

/** Of prom-client's `Registry`, what is used of it. */
export interface PromRegistry {
  /** Of prom-client's `Registry`. */
  registerMetric(metric: object): void
  /** Of prom-client's `Registry`. */
  removeSingleMetric(name: string): void
}

/** `require('prom-client')`. */
export interface PromClient {
  readonly register: PromRegistry
}

/** Options of `collector`. */
export interface CollectorOptions extends MetricsOptions, TimeLimit {
  readonly client: PromClient
  /** Default: the one that `client` has for everybody. */
  readonly registry?: PromRegistry | undefined
}

/** What is registered, and how it goes again. */
export interface RegisteredCollector {
  /**
   * Resolves when the families are registered whose names only the kernel knows, those of extended statistics: scrapes before
   * lack them. Rejects only with what `options.name` throws.
   */
  readonly ready: Promise<void>
  /** Takes the families out of the registry. Idempotent. */
  remove(): void
}

const NOTHING = { snapshot: undefined, info: undefined, statistics: undefined, extended: undefined }

const failedReading = (error: unknown): Reading => ({
  ...NOTHING,
  failures: [{ part: 'scrape', code: codeOf(error) }],
})

/** A family, and its samples as prom-client takes them. */
interface PromFamily {
  readonly definition: FamilyDefinition
  readonly values: readonly object[]
}

type PromFamilies = ReadonlyMap<string, PromFamily>

/** What prom-client knows of a sample. Its numbers are doubles, as those of Prometheus are. */
const promValue = (family: string, { suffix, labelNames, labelValues, value }: Sample) => {
  const labels: Record<string, string> = {}
  labelNames.forEach((name, i) => {
    labels[name] = labelValues[i] as string
  })
  const named = suffix === '' ? undefined : { metricName: `${family}${suffix}` }
  return { labels, value: Number(value), ...named }
}

function* promFamilies(families: readonly Family[]): InPieces<PromFamilies> {
  const pieces = new Pieces()
  const all = new Map<string, PromFamily>()
  for (const definition of families) {
    const values: object[] = []
    for (const one of definition.samples) {
      values.push(promValue(definition.name, one))
      if (pieces.isDue()) yield
    }
    all.set(definition.name, { definition, values })
  }
  return all
}

/** A metric as registries of prom-client take it (its lib/registry.js: `get` for every scrape). */
class RegisteredFamily {
  /** A registry for OpenMetrics takes `_total` off it. */
  name: string
  readonly help: string
  readonly type: string
  /** Every process of a cluster sees the same kernel. */
  readonly aggregator: 'max' | 'sum'

  constructor(
    private readonly definition: FamilyDefinition,
    private readonly gather: () => Promise<PromFamilies>,
  ) {
    this.name = definition.name
    this.help = definition.help
    this.type = definition.type
    this.aggregator = definition.about === 'kernel' ? 'max' : 'sum'
  }

  async get(): Promise<object> {
    const families = await this.gather()
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: families.get(this.definition.name)?.values ?? [] }
  }

  /** The kernel's numbers are not ours to reset. */
  reset(): void {}
}

/** The families that have a fixed name and are wanted. */
function fixedFamilies({ groups, nodeExporter, reconciler }: CheckedOptions): FamilyDefinition[] {
  const d = definitions
  const client = [
    ...[d.CLIENT_CALLS, d.CLIENT_TRIPS, d.CLIENT_REQUESTS, d.CLIENT_ERRORS, d.CLIENT_OUTCOME_UNKNOWN],
    ...[d.CLIENT_QUEUED, d.CLIENT_PENDING, d.CLIENT_KERNEL_TIME],
  ]
  return [
    ...(nodeExporter ? [...d.NODE_TOTALS, ...d.NODE_BACKENDS] : []),
    ...(groups.has('totals') ? d.TOTALS : []),
    ...(groups.has('services') ? d.SERVICES : []),
    ...(groups.has('destinations') ? d.DESTINATIONS : []),
    ...(groups.has('localAddresses') ? d.LOCAL_ADDRESSES : []),
    ...(groups.has('kernel') ? [d.INFO, d.CONNECTION_TABLE_SIZE] : []),
    ...(groups.has('client') ? client : []),
    ...(groups.has('reconciler') && reconciler ? RECONCILER_FAMILIES : []),
    ...(groups.has('scrape') ? [d.UP, d.SCRAPE_ERROR] : []),
  ]
}

class Collector implements RegisteredCollector {
  readonly ready: Promise<void>
  private readonly registered: string[] = []
  private removed = false
  /** The scrape under way: a registry asks every family by itself. */
  private running: Promise<PromFamilies> | undefined

  constructor(
    private readonly source: MetricsSource,
    private readonly options: CheckedOptions,
    private readonly registry: PromRegistry,
  ) {
    try {
      for (const definition of fixedFamilies(options)) this.register(definition)
    } catch (error) {
      // Somebody else has one of the names.
      this.remove()
      throw error
    }
    this.ready = options.groups.has('extended') ? this.gather().then(() => {}) : Promise.resolve()
    // Who does not wait for it hears of the error from every scrape.
    this.ready.catch(() => {})
  }

  /** A property, because it is taken out of the object as `ready` is. */
  readonly remove = (): void => {
    this.removed = true
    for (const name of this.registered.splice(0)) this.registry.removeSingleMetric(name)
  }

  private register(definition: FamilyDefinition): void {
    this.registry.registerMetric(new RegisteredFamily(definition, () => this.gather()))
    this.registered.push(definition.name)
  }

  private gather(): Promise<PromFamilies> {
    if (!this.running) {
      const running = this.scrape()
      this.running = running
      const over = () => {
        this.running = undefined
      }
      running.then(over, over)
    }
    return this.running
  }

  private async scrape(): Promise<PromFamilies> {
    const families = await this.families()
    for (const { definition } of families.values()) {
      if (!this.removed && this.registered.indexOf(definition.name) < 0) this.register(definition)
    }
    return families
  }

  /** The metrics of everybody else in the registry must not suffer from a kernel that is silent. */
  private async families(): Promise<PromFamilies> {
    const { source, options } = this
    try {
      return await scrape(source, options, promFamilies)
    } catch (error) {
      if (!(error instanceof IpvsError)) throw error
      return inOneGo(formed(source, failedReading(error), options, promFamilies))
    }
  }
}

/**
 * Registers what `collect` gives in a registry of prom-client (versions 14 and 15), which reads it once for each of its own
 * scrapes. Never fails such a scrape: where the kernel does not answer within `timeout` milliseconds `ipvs_up` is 0. Throws for
 * a wrong option, and where one of the names is registered already: one collector for each registry.
 *
 * ```ts
 * import { collector } from 'ipvs-fullnat/metrics'
 * import client from 'prom-client'
 *
 * const { ready } = collector(ipvs, { client, compat: 'node_exporter' })
 * ```
 */
export function collector(ipvs: MetricsSource, options: CollectorOptions): RegisteredCollector {
  checkObject(ipvs, 'ipvs')
  checkObject(options, 'options')
  const checked = checkOptions(options, COLLECTOR_OPTIONS)
  const { client, registry = client?.register } = options
  if (typeof registry?.registerMetric !== 'function') {
    throw options.registry === undefined
      ? invalidType('options.client', 'prom-client', client)
      : invalidType('options.registry', 'Registry', registry)
  }
  return new Collector(ipvs, checked, registry)
}
