/** What rules make of a table, as the kernel and the dialect's program would. */

import { checkServiceInput } from '../../input'
import type { DesiredDestination, DesiredService, DesiredState } from '../../model/desired-state'
import { destinationKeyId, formatDestinationKey, formatServiceKey, serviceKeyId } from '../../model/keys'
import type {
  DaemonInput,
  DestinationConfig,
  Persistence,
  ServiceConfig,
  ServiceKey,
  Timeouts,
} from '../../model/types'
import type {
  DestinationRule,
  IpvsadmCommand,
  LocalAddressRule,
  RemoveDestinationRule,
  ServiceRule,
} from './command-types'
import type { Complaints } from './complaints'
import type { DialectFacts, RulesDialect } from './dialects'
import { DIALECT_FACTS } from './dialects'
import { DEFAULT_SCHEDULER } from './service-config'
import { validated } from './validate'

interface TableService {
  readonly key: ServiceKey
  config: ServiceConfig
  /** -M without -p: the kernel keeps it, and a merging -E finds it again. */
  netmask: string | number | undefined
  readonly destinations: Map<string, DesiredDestination>
  readonly localAddresses: Set<string>
  /** A rule was about its local addresses. */
  namesLocalAddresses: boolean
}

export class RuleTable {
  private readonly services = new Map<string, TableService>()
  private readonly timeouts: { [name in keyof Timeouts]?: number } = {}
  private readonly daemons = new Map<string, DaemonInput>()
  private readonly facts: DialectFacts

  /** `isKnown`: the table was empty; else only a kernel knows whether what no rule has added is there. */
  constructor(
    private readonly dialect: RulesDialect,
    private readonly isKnown: boolean,
  ) {
    this.facts = DIALECT_FACTS[dialect]
  }

  /** What the kernel would refuse is reported and changes nothing. */
  apply(rule: IpvsadmCommand, complaints: Complaints): void {
    switch (rule.command) {
      case 'add-service':
        this.addService(rule, complaints)
        break
      case 'edit-service':
        this.editService(rule, complaints)
        break
      case 'remove-service':
        if (this.find(rule.service, rule, complaints)) this.services.delete(serviceKeyId(rule.service))
        break
      case 'add-destination':
      case 'edit-destination':
      case 'remove-destination':
        this.destination(rule, complaints)
        break
      case 'add-local-address':
      case 'remove-local-address':
        this.localAddress(rule, complaints)
        break
      case 'flush':
        this.services.clear()
        break
      case 'zero':
        if (rule.service) this.find(rule.service, rule, complaints)
        break
      case 'set-timeouts':
        Object.assign(this.timeouts, rule.timeouts)
        break
      case 'start-daemon': {
        const { state } = rule.daemon
        if (this.daemons.has(state)) complaints.error('exists', `a ${state} daemon runs already`, rule.span)
        else this.daemons.set(state, rule.daemon)
        break
      }
      case 'stop-daemon':
        if (!this.daemons.delete(rule.state)) this.missing(`no ${rule.state} daemon runs`, rule, complaints)
        break
      case 'restore':
      case 'help':
      case 'version':
        complaints.error('no-rule', 'ipvsadm -R ends here, and leaves the rest of the rules out', rule.span)
        break
      default:
        complaints.warn('no-rule', 'this prints something, and changes nothing', rule.span)
    }
  }

  private missing(description: string, { span }: IpvsadmCommand, complaints: Complaints): void {
    if (this.isKnown) complaints.error('not-there', description, span)
  }

  private find(key: ServiceKey, rule: IpvsadmCommand, complaints: Complaints): TableService | undefined {
    const found = this.services.get(serviceKeyId(key))
    if (!found) this.missing(`there is no service ${formatServiceKey(key)} by then`, rule, complaints)
    return found
  }

  private addService({ service, config, netmask, span }: ServiceRule, complaints: Complaints): void {
    const id = serviceKeyId(service)
    if (this.services.has(id)) {
      complaints.error('exists', `service ${formatServiceKey(service)} is there already`, span)
      return
    }
    this.services.set(id, {
      key: service,
      config: { ...this.defaults(), ...config },
      netmask,
      destinations: new Map(),
      localAddresses: new Set(),
      namesLocalAddresses:
        this.facts.savesLocalAddresses && service.address !== undefined && !service.address.includes(':'),
    })
  }

  /**
   * Without a word about it: what the program that -A calls sends. What its own save does not keep is no opinion, so that
   * nothing is switched off because a save was silent.
   */
  private defaults(): ServiceConfig {
    return {
      scheduler: DEFAULT_SCHEDULER,
      persistence: null,
      onePacket: false,
      ...(this.facts.mainlineOptions ? { schedulerFlags: [] } : {}),
      ...(this.facts.savesSynproxy ? { synproxy: false } : {}),
    }
  }

  private editService(rule: ServiceRule, complaints: Complaints): void {
    const { service, config, netmask, span } = rule
    const found = this.find(service, rule, complaints)
    if (!found) return
    if (!this.facts.editMerges) {
      found.config = { ...this.defaults(), ...config }
      found.netmask = netmask
      return
    }
    const merged = this.merged(found, rule)
    const valid = validated(() => checkServiceInput({ ...service, ...merged }), {}, span, complaints)
    if (!valid) return
    found.config = merged
    if (netmask !== undefined) found.netmask = netmask
  }

  /** libipvs.c:ipvs_update_service_by_options */
  private merged(
    { config: before, netmask: kept }: TableService,
    { config, netmask }: ServiceRule,
  ): ServiceConfig {
    const merged = { ...before, ...config }
    const mask = config.persistence?.netmask ?? netmask ?? before.persistence?.netmask ?? kept
    const persistence = config.persistence ?? before.persistence
    if (persistence) {
      const { netmask: _, ...rest } = persistence
      const whole: Persistence = mask === undefined ? rest : { ...rest, netmask: mask }
      Object.assign(merged, { persistence: whole })
    }
    // dpvs overwrites it always, named or not.
    if (this.dialect === 'dpvs' && config.establishedTimeout === undefined) {
      const { establishedTimeout: _, ...rest } = merged
      return rest
    }
    return merged
  }

  private destination(rule: DestinationRule | RemoveDestinationRule, complaints: Complaints): void {
    const { service, destination, span } = rule
    const found = this.find(service, rule, complaints)
    if (!found) return
    const { destinations } = found
    const id = destinationKeyId(destination)
    const name = `destination ${formatDestinationKey(destination)} of ${formatServiceKey(service)}`
    if (rule.command === 'add-destination') {
      if (destinations.has(id)) complaints.error('exists', `${name} is there already`, span)
      else destinations.set(id, { ...destination, ...this.withDefaults(rule.config) })
    } else if (!destinations.has(id)) {
      this.missing(`there is no ${name} by then`, rule, complaints)
    } else if (rule.command === 'edit-destination') {
      // Everything is replaced, in every dialect.
      const thresholds = { upperThreshold: 0, lowerThreshold: 0 }
      destinations.set(id, { ...destination, ...thresholds, ...this.withDefaults(rule.config) })
    } else {
      destinations.delete(id)
    }
  }

  private withDefaults(config: DestinationConfig): DestinationConfig {
    const { tunnel, ...rest } = config
    const named = { weight: 1, ...rest }
    if (config.forwarding !== 'tunnel' || !this.facts.mainlineOptions) return named
    // IP-in-IP is no tunnel of a type of its own.
    return { ...named, tunnel: tunnel && tunnel.type !== 'ipip' ? tunnel : null }
  }

  private localAddress(rule: LocalAddressRule, complaints: Complaints): void {
    const { service, localAddress, span } = rule
    const found = this.find(service, rule, complaints)
    if (!found) return
    const { localAddresses } = found
    const there = localAddresses.has(localAddress)
    const name = `local address ${localAddress} of ${formatServiceKey(service)}`
    if (rule.command === 'add-local-address') {
      if (there) complaints.error('exists', `${name} is there already`, span)
      localAddresses.add(localAddress)
    } else if (there) {
      localAddresses.delete(localAddress)
    } else {
      this.missing(`there is no ${name} by then`, rule, complaints)
    }
    found.namesLocalAddresses = true
  }

  state(): DesiredState {
    const services = Array.from(this.services.values(), ({ key, config, ...one }): DesiredService => {
      const localAddresses = one.namesLocalAddresses ? { localAddresses: Array.from(one.localAddresses) } : {}
      return { ...key, ...config, destinations: Array.from(one.destinations.values()), ...localAddresses }
    })
    return {
      services,
      ...(Object.keys(this.timeouts).length > 0 ? { timeouts: { ...this.timeouts } } : {}),
      ...(this.daemons.size > 0 ? { daemons: Array.from(this.daemons.values()) } : {}),
    }
  }
}
