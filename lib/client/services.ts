/** Virtual services. */

import { decodeDestination, decodeService, decodeServiceConfig } from '../border/decode'
import { Operation, Transport } from '../border/layout.gen'
import type { CallPlan, Command, PlannedRequest, Write } from '../dispatch/call-plan'
import { FollowUp, nothing, startWith } from '../dispatch/call-plan'
import { lockOfService } from '../dispatch/object-locks'
import {
  checkDestinationKey,
  checkServiceChange,
  checkServiceInput,
  checkServiceKey,
  mergeService,
} from '../input'
import {
  keepsEstablishedTimeout,
  removesDestinationsFirst,
  removesServiceBySockopt,
  ruleService,
  ruleServiceKey,
  ruleWrites,
  serviceFlagsMask,
} from '../kernel/rules'
import type { CallOptions, EnsureResult } from '../model/call-types'
import type { NormalizedServiceConfig, NormalizedServiceKey } from '../model/normalized'
import { PROTOCOLS } from '../model/numbers'
import type { DestinationInfo, ServiceConfig, ServiceInfo, ServiceInput, ServiceKey } from '../model/types'
import type { EnsureWrite } from './ensure-loop'
import { ensureBy } from './ensure-loop'
import type { Context, Runner } from './operation'
import { collect, forward } from './operation'
import { sameServiceConfig } from './same-config'

const ESRCH = 'ESRCH'

function write(
  { capabilities }: Context,
  operation: number,
  service: NormalizedServiceKey,
  config: NormalizedServiceConfig,
): Command {
  return { fields: { operation, service, config, flagsMask: serviceFlagsMask(capabilities.dialect) } }
}

/** Reads the service; `found` gets what a caller is given. */
function readRequest(service: NormalizedServiceKey, found: ServiceInfo[]): PlannedRequest {
  return {
    fields: { operation: Operation.serviceGet, service },
    sinks: [collect('services', decodeService, found)],
  }
}

/** Reads the configuration of the service as the kernel holds it, whatever that is. */
function readConfig(service: NormalizedServiceKey, found: NormalizedServiceConfig[]): PlannedRequest {
  return {
    fields: { operation: Operation.serviceGet, service },
    sinks: [collect('services', decodeServiceConfig, found)],
  }
}

/** Whether a SET must carry an established timeout that the caller did not name. */
function mustKeepTimeout(
  { capabilities }: Context,
  service: NormalizedServiceKey,
  config: NormalizedServiceConfig,
): boolean {
  if (!keepsEstablishedTimeout(capabilities.dialect) || config.establishedTimeout !== undefined) return false
  return service.kind === 'fwmark' || service.protocol === PROTOCOLS.tcp
}

/** Sets what `change` makes of the configuration that the kernel holds. */
function rewrite(
  context: Context,
  operation: string,
  service: NormalizedServiceKey,
  change: (current: NormalizedServiceConfig) => NormalizedServiceConfig,
): CallPlan<void> {
  const found: NormalizedServiceConfig[] = []
  const subject = { service: service.key }
  return {
    operation,
    subject,
    lock: lockOfService(subject),
    request: readConfig(service, found),
    done: () => {
      const config = change(found[0] as NormalizedServiceConfig)
      return new FollowUp<void>([write(context, Operation.serviceSet, service, config)], nothing)
    },
  }
}

export function addService(context: Context, input: ServiceInput): Command {
  const operation = 'services.add'
  const { service, config, change, listed } = checkServiceInput(input)
  ruleService(context.capabilities, service, change, operation, !listed)
  return write(context, Operation.serviceAdd, service, config)
}

export function setService(context: Context, input: ServiceInput): Write {
  const operation = 'services.set'
  const { service, config, change } = checkServiceInput(input)
  ruleService(context.capabilities, service, change, operation, false)
  if (!mustKeepTimeout(context, service, config)) return write(context, Operation.serviceSet, service, config)
  return rewrite(context, operation, service, ({ establishedTimeout }) => ({ ...config, establishedTimeout }))
}

export function updateService(context: Context, key: ServiceKey, change: ServiceConfig): CallPlan<void> {
  const operation = 'services.update'
  const service = checkServiceKey(key)
  const named = checkServiceChange(change, service)
  ruleService(context.capabilities, service, named, operation, false)
  return rewrite(context, operation, service, (current) => mergeService(current, named))
}

export function ensureService(context: Context, input: ServiceInput): CallPlan<EnsureResult> {
  const operation = 'services.ensure'
  const { service, config, change, listed } = checkServiceInput(input)
  ruleService(context.capabilities, service, change, operation, !listed)
  const look = (follow: EnsureWrite): FollowUp<EnsureResult> => {
    const found: NormalizedServiceConfig[] = []
    const done = () => {
      const current = found[0] as NormalizedServiceConfig
      if (sameServiceConfig(context.capabilities, config, current)) return 'unchanged'
      const establishedTimeout = config.establishedTimeout ?? current.establishedTimeout
      const changed = { ...config, establishedTimeout }
      return follow(write(context, Operation.serviceSet, service, changed), 'changed', ESRCH)
    }
    const add = () => follow(write(context, Operation.serviceAdd, service, config), 'added', 'EEXIST')
    return new FollowUp<EnsureResult>([readConfig(service, found)], done, true, ({ code }) =>
      code === ESRCH ? { value: add() } : undefined,
    )
  }
  const subject = { service: service.key }
  return {
    operation,
    subject,
    lock: lockOfService(subject),
    ...startWith(ensureBy(look)),
  }
}

function getService(context: Context, key: ServiceKey): CallPlan<ServiceInfo | undefined> {
  const operation = 'services.get'
  const service = checkServiceKey(key)
  ruleServiceKey(context.capabilities, service, operation)
  const found: ServiceInfo[] = []
  return {
    operation,
    subject: { service: service.key },
    request: readRequest(service, found),
    done: () => found[0],
    recover: (error) => (error.code === ESRCH ? { value: undefined } : undefined),
  }
}

function listServices(): CallPlan<ServiceInfo[]> {
  const found: ServiceInfo[] = []
  return {
    operation: 'services.list',
    subject: {},
    request: {
      fields: { operation: Operation.serviceList },
      sinks: [collect('services', decodeService, found)],
    },
    done: () => found,
  }
}

function streamServices(push: (items: readonly ServiceInfo[]) => void): CallPlan<void> {
  return {
    operation: 'services.iterate',
    subject: {},
    request: {
      fields: { operation: Operation.serviceList },
      sinks: [forward('services', decodeService, push)],
    },
    done: nothing,
  }
}

export function removeService(context: Context, key: ServiceKey): Write {
  const operation = 'services.remove'
  const service = checkServiceKey(key)
  const { capabilities } = context
  const subject = { service: service.key }
  ruleWrites(capabilities, operation, service)
  ruleServiceKey(capabilities, service, operation)
  const remove: Command = {
    fields: {
      operation: Operation.serviceRemove,
      service,
      transport: removesServiceBySockopt(capabilities.dialect, service) ? Transport.sockopt : undefined,
    },
  }
  if (!removesDestinationsFirst(capabilities.dialect)) return remove
  const found: DestinationInfo[] = []
  return {
    operation,
    subject,
    lock: lockOfService(subject),
    request: {
      fields: { operation: Operation.destinationList, service },
      sinks: [collect('destinations', decodeDestination, found)],
    },
    done: () => new FollowUp<void>([...removalsOf(service, found), remove], nothing),
  }
}

/**
 * Removes destinations that were read, those that are still there. The kernel lists the newest first; the oldest goes
 * first, because fullnat-v2 frees the counters of a destination by a walk that starts there (mm/percpu.c:pcpu_free_area):
 * less than half the time.
 */
export function removalsOf(
  service: NormalizedServiceKey,
  found: readonly DestinationInfo[],
): PlannedRequest[] {
  const remove = (info: DestinationInfo): PlannedRequest => ({
    fields: { operation: Operation.destinationRemove, service, target: checkDestinationKey(info) },
    tolerate: 'ENOENT',
  })
  return found.map(remove).reverse()
}

/** `ipvs.services` */
export class Services {
  /** @internal */
  constructor(private readonly runner: Runner) {}

  /** All services. An empty table is an empty array. */
  list(options?: CallOptions): Promise<ServiceInfo[]> {
    return this.runner.run(() => listServices(), options)
  }

  /** All services, as they come. The kernel can skip one that moves while it is read; none comes twice. */
  iterate(options?: CallOptions): AsyncIterableIterator<ServiceInfo> {
    return this.runner.stream<ServiceInfo>((_, push) => streamServices(push), options)
  }

  /** `undefined` where there is no such service. */
  get(service: ServiceKey, options?: CallOptions): Promise<ServiceInfo | undefined> {
    return this.runner.run((context) => getService(context, service), options)
  }

  /**
   * Takes what was listed, here or elsewhere, as it is. Rejects with `EEXIST` where there is one already, with `ENOENT` for a
   * scheduler the kernel does not have.
   */
  add(service: ServiceInput, options?: CallOptions): Promise<void> {
    return this.runner.send(addService, options, service)
  }

  /**
   * Replaces the configuration: what is left out takes its default, but for `establishedTimeout`, which stays.
   * Destinations, local addresses and counters stay. Rejects with `ESRCH` where there is no such service.
   */
  set(service: ServiceInput, options?: CallOptions): Promise<void> {
    return this.runner.send(setService, options, service)
  }

  /**
   * Changes the named properties and leaves the others, whatever they are; `undefined` is not named. `persistence` is replaced
   * as a whole, `null` ends it. Rejects with `ESRCH` where there is no such service.
   */
  update(service: ServiceKey, change: ServiceConfig, options?: CallOptions): Promise<void> {
    return this.runner.run((context) => updateService(context, service, change), options)
  }

  /**
   * Adds the service, or sets what differs. Sends nothing where nothing differs. Looks again where another program was
   * faster, and rejects with `EEXIST` or `ESRCH` when that happened four times.
   */
  ensure(service: ServiceInput, options?: CallOptions): Promise<EnsureResult> {
    return this.runner.run((context) => ensureService(context, service), options)
  }

  /**
   * Removes the service with its destinations and local addresses. Its connections stay until they expire, and their
   * packets are dropped: to drain it, set the weights of its destinations to 0 first. Rejects with `ESRCH` where there
   * is no such service.
   */
  remove(service: ServiceKey, options?: CallOptions): Promise<void> {
    return this.runner.send(removeService, options, service)
  }
}
