/** Destinations (real servers) of a service. */

import type { Context, Runner } from './context'
import { collect, forward } from './context'
import { ruleDestination, ruleServiceKey, ruleWrites, sameForwarding } from './dialect'
import { kernelError } from './kernel-errors'
import { destinationKeyId, serviceKeyId } from './keys'
import type { Command, Program, Request } from './program'
import { FollowUp, nothing } from './program'
import { decodeDestination } from './records/decode'
import { Operation } from './records/layout.gen'
import type {
  CallOptions,
  DestinationConfig,
  DestinationInfo,
  DestinationInput,
  DestinationKey,
  EnsureResult,
  ServiceKey,
} from './types'
import type { NormalizedDestinationConfig, NormalizedDestinationKey, NormalizedServiceKey } from './validate'
import {
  checkDestinationChange,
  checkDestinationInput,
  checkDestinationKey,
  checkServiceKey,
  mergeDestination,
} from './validate'

const ENOENT = 2

/**
 * A list that others change while it is read can lack what was there all the time (ip_vs_ctl.c:ip_vs_genl_dump_dests
 * resumes by position), so a destination counts as missing only when it was not in this many lists.
 */
const LOOKS = 4
/** A list no longer than this came in one piece, and nothing was skipped: 2.6.32 sends about 17 at a time. */
const ONE_PIECE = 8

const laneOf = (service: NormalizedServiceKey, destination: NormalizedDestinationKey) => ({
  service: serviceKeyId(service.key),
  object: `destination ${destinationKeyId(destination.key)}`,
})

function write(
  operation: number,
  service: NormalizedServiceKey,
  target: NormalizedDestinationKey,
  destination: NormalizedDestinationConfig,
): Command {
  return { fields: { operation, service, target, destination } }
}

/** There is no command to read one destination: the list of the service is read. */
function listRequest(service: NormalizedServiceKey, found: DestinationInfo[]): Request {
  return {
    fields: { operation: Operation.destinationList, service },
    sinks: [collect('destinations', decodeDestination, found)],
  }
}

function find(
  found: readonly DestinationInfo[],
  { key }: NormalizedDestinationKey,
): DestinationInfo | undefined {
  return found.find(({ address, port }) => address === key.address && port === key.port)
}

function sameTunnel(
  wanted: NormalizedDestinationConfig['tunnel'],
  current: NormalizedDestinationConfig['tunnel'],
): boolean {
  // Nothing named is IP-in-IP, which mainline reports as type 0.
  const plain = { type: 0, port: 0, flags: 0 }
  const [one, other] = [wanted ?? plain, current ?? plain]
  return one.type === other.type && one.port === other.port && one.flags === other.flags
}

function writeCommand(
  { capabilities }: Context,
  operation: string,
  what: number,
  key: ServiceKey,
  input: DestinationInput,
): Command {
  const service = checkServiceKey(key)
  const { destination, config } = checkDestinationInput(input, service)
  ruleDestination(capabilities, service, destination, config, operation)
  return write(what, service, destination, config)
}

export const addDestination = (context: Context, service: ServiceKey, input: DestinationInput) =>
  writeCommand(context, 'destinations.add', Operation.destinationAdd, service, input)

export const setDestination = (context: Context, service: ServiceKey, input: DestinationInput) =>
  writeCommand(context, 'destinations.set', Operation.destinationSet, service, input)

export function updateDestination(
  context: Context,
  key: ServiceKey,
  target: DestinationKey,
  change: Partial<DestinationConfig>,
): Program<void> {
  const operation = 'destinations.update'
  const service = checkServiceKey(key)
  const destination = checkDestinationKey(target)
  const named = checkDestinationChange(change)
  const subject = { service: service.key, destination: destination.key }
  ruleWrites(context.capabilities, operation, service, destination)
  ruleServiceKey(context.capabilities, service, operation, destination)
  const look = (found: DestinationInfo[], looks: number): (() => FollowUp<void>) => {
    return () => {
      const info = find(found, destination)
      if (!info && looks > 1 && found.length > ONE_PIECE) {
        const again: DestinationInfo[] = []
        return new FollowUp<void>([listRequest(service, again)], look(again, looks - 1), true)
      }
      if (!info) {
        const { dialect } = context.capabilities
        throw kernelError({ errno: ENOENT, operation, subject, dialect, sent: false })
      }
      const current = checkDestinationInput(info, service).config
      const config = mergeDestination(current, named, destination, service)
      ruleDestination(context.capabilities, service, destination, config, operation)
      return new FollowUp<void>([write(Operation.destinationSet, service, destination, config)], nothing)
    }
  }
  const found: DestinationInfo[] = []
  return {
    operation,
    subject,
    lane: laneOf(service, destination),
    request: listRequest(service, found),
    done: look(found, LOOKS),
  }
}

export function ensureDestination(
  context: Context,
  key: ServiceKey,
  input: DestinationInput,
): Program<EnsureResult> {
  const operation = 'destinations.ensure'
  const service = checkServiceKey(key)
  const { destination, config } = checkDestinationInput(input, service)
  ruleDestination(context.capabilities, service, destination, config, operation)
  const found: DestinationInfo[] = []
  const follow = (what: number, result: EnsureResult) =>
    new FollowUp([write(what, service, destination, config)], () => result)
  return {
    operation,
    subject: { service: service.key, destination: destination.key },
    lane: laneOf(service, destination),
    request: listRequest(service, found),
    done: () => {
      const info = find(found, destination)
      if (!info) return follow(Operation.destinationAdd, 'added')
      const same =
        sameForwarding(context.capabilities.dialect, config.forwarding, info.forwarding) &&
        info.weight === config.weight &&
        info.upperThreshold === config.upperThreshold &&
        info.lowerThreshold === config.lowerThreshold &&
        (info.forwarding !== 'tunnel' ||
          sameTunnel(config.tunnel, checkDestinationInput(info, service).config.tunnel))
      return same ? 'unchanged' : follow(Operation.destinationSet, 'changed')
    },
  }
}

export function getDestination(
  context: Context,
  key: ServiceKey,
  target: DestinationKey,
): Program<DestinationInfo | undefined> {
  const operation = 'destinations.get'
  const service = checkServiceKey(key)
  const destination = checkDestinationKey(target)
  const subject = { service: service.key, destination: destination.key }
  ruleServiceKey(context.capabilities, service, operation, destination)
  const found: DestinationInfo[] = []
  return {
    operation,
    subject,
    request: listRequest(service, found),
    done: () => find(found, destination),
    recover: (error) => (error.code === 'ESRCH' ? { value: undefined } : undefined),
  }
}

function listDestinations(context: Context, key: ServiceKey): Program<DestinationInfo[]> {
  const operation = 'destinations.list'
  const service = checkServiceKey(key)
  ruleServiceKey(context.capabilities, service, operation)
  const found: DestinationInfo[] = []
  return {
    operation,
    subject: { service: service.key },
    request: listRequest(service, found),
    done: () => found,
  }
}

function streamDestinations(
  context: Context,
  key: ServiceKey,
  push: (items: readonly DestinationInfo[]) => void,
): Program<void> {
  const operation = 'destinations.iterate'
  const service = checkServiceKey(key)
  ruleServiceKey(context.capabilities, service, operation)
  return {
    operation,
    subject: { service: service.key },
    request: {
      fields: { operation: Operation.destinationList, service },
      sinks: [forward('destinations', decodeDestination, push)],
    },
    done: nothing,
  }
}

export function removeDestination(context: Context, key: ServiceKey, target: DestinationKey): Command {
  const operation = 'destinations.remove'
  const service = checkServiceKey(key)
  const destination = checkDestinationKey(target)
  ruleWrites(context.capabilities, operation, service, destination)
  ruleServiceKey(context.capabilities, service, operation, destination)
  return { fields: { operation: Operation.destinationRemove, service, target: destination } }
}

/** `ipvs.destinations` */
export class Destinations {
  constructor(private readonly runner: Runner) {}

  /** All destinations of a service. Rejects with `ESRCH` where there is no such service. */
  list(service: ServiceKey, options?: CallOptions): Promise<DestinationInfo[]> {
    return this.runner.run((context) => listDestinations(context, service), options)
  }

  /** All destinations of a service, as they come. Rejects with `ESRCH` where there is no such service. */
  iterate(service: ServiceKey, options?: CallOptions): AsyncIterableIterator<DestinationInfo> {
    return this.runner.stream<DestinationInfo>(
      (context, push) => streamDestinations(context, service, push),
      options,
    )
  }

  /** `undefined` where there is no such destination, or no such service. Reads the list of the service. */
  get(
    service: ServiceKey,
    destination: DestinationKey,
    options?: CallOptions,
  ): Promise<DestinationInfo | undefined> {
    return this.runner.run((context) => getDestination(context, service, destination), options)
  }

  /**
   * Rejects with `EEXIST` where there is one already, with `ESRCH` where there is no such service, with `EINVAL` for an
   * address that is neither local nor unicast. On FULLNAT kernels a destination with an address of the director itself
   * becomes `'local'`, whatever was asked for.
   */
  add(service: ServiceKey, destination: DestinationInput, options?: CallOptions): Promise<void> {
    return this.runner.send(addDestination, options, service, destination)
  }

  /** Replaces the configuration. Rejects with `ENOENT` where there is no such destination. */
  set(service: ServiceKey, destination: DestinationInput, options?: CallOptions): Promise<void> {
    return this.runner.send(setDestination, options, service, destination)
  }

  /** Changes the named properties and leaves the others. Rejects with `ENOENT` where there is no such destination. */
  update(
    service: ServiceKey,
    destination: DestinationKey,
    change: Partial<DestinationConfig>,
    options?: CallOptions,
  ): Promise<void> {
    return this.runner.run((context) => updateDestination(context, service, destination, change), options)
  }

  /**
   * Adds the destination, or sets what differs; sends nothing where nothing differs. A FULLNAT kernel's `'local'` for an
   * address of its own counts as what was asked for.
   */
  ensure(service: ServiceKey, destination: DestinationInput, options?: CallOptions): Promise<EnsureResult> {
    return this.runner.run((context) => ensureDestination(context, service, destination), options)
  }

  /**
   * Removes the destination. Packets of its connections are dropped from then on: to drain it, set its weight to 0
   * first. Added again before they have expired, it takes their counts over (ip_vs_ctl.c:ip_vs_trash_get_dest). Rejects with `ENOENT` where there is no such destination.
   */
  remove(service: ServiceKey, destination: DestinationKey, options?: CallOptions): Promise<void> {
    return this.runner.send(removeDestination, options, service, destination)
  }
}
