/** Destinations (real servers) of a service. */

import { decodeDestination, decodeDestinationConfig } from '../border/decode'
import { Operation } from '../border/layout.gen'
import type { CallPlan, Command } from '../dispatch/call-plan'
import { FollowUp, nothing, startWith } from '../dispatch/call-plan'
import type { ListKind } from '../dispatch/shared-list'
import { SharedList } from '../dispatch/shared-list'
import {
  checkDestinationChange,
  checkDestinationInput,
  checkDestinationKey,
  checkServiceKey,
  mergeDestination,
} from '../input'
import { ERRNO } from '../kernel/errno'
import { kernelError } from '../kernel/errno-meanings'
import { ruleDestination, ruleServiceKey, ruleWrites } from '../kernel/rules'
import type { CallOptions, EnsureResult } from '../model/call-types'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type {
  NormalizedDestinationConfig,
  NormalizedDestinationKey,
  NormalizedServiceKey,
} from '../model/normalized'
import { copyOf } from '../model/normalized'
import type {
  DestinationChange,
  DestinationInfo,
  DestinationInput,
  DestinationKey,
  ServiceKey,
} from '../model/types'
import type { EnsureWrite } from './ensure-loop'
import { ensureBy } from './ensure-loop'
import { getFrom, lookUp, readList } from './look-up'
import type { Context, Runner } from './operation'
import { collect, forward } from './operation'
import { sameDestinationConfig } from './same-config'

const idOf = ({ address, port }: DestinationKey): string => `${address} ${port}`

/** What callers are given, and what the kernel holds: a number without a name in the API stays what it is. */
interface HeldDestination {
  readonly info: DestinationInfo
  readonly config: NormalizedDestinationConfig
}

const LISTED: ListKind<HeldDestination> = {
  section: 'destinations',
  decode: (reply, index) => ({
    info: decodeDestination(reply, index),
    config: decodeDestinationConfig(reply, index),
  }),
  id: ({ info }) => idOf(info),
}

const lockOf = (service: NormalizedServiceKey, destination: NormalizedDestinationKey) => ({
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
function sharedListOf(service: NormalizedServiceKey): SharedList<HeldDestination> {
  const name = `destinations of ${serviceKeyId(service.key)}`
  return new SharedList(name, { operation: Operation.destinationList, service }, LISTED)
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
  change: DestinationChange,
): CallPlan<void> {
  const operation = 'destinations.update'
  const service = checkServiceKey(key)
  const destination = checkDestinationKey(target)
  const named = checkDestinationChange(change)
  const subject = { service: service.key, destination: destination.key }
  ruleDestination(context.capabilities, service, destination, named, operation)
  const goOn = (found: HeldDestination | undefined): FollowUp<void> => {
    if (!found) {
      const { dialect } = context.capabilities
      throw kernelError({ errno: ERRNO.ENOENT, operation, subject, dialect, sent: false })
    }
    const config = mergeDestination(found.config, named, destination, service)
    return new FollowUp<void>([write(Operation.destinationSet, service, destination, config)], nothing)
  }
  return {
    operation,
    subject,
    lock: lockOf(service, destination),
    ...startWith(lookUp(() => sharedListOf(service), idOf(destination.key), goOn, { holds: true })),
  }
}

export function ensureDestination(
  context: Context,
  key: ServiceKey,
  input: DestinationInput,
): CallPlan<EnsureResult> {
  const operation = 'destinations.ensure'
  const service = checkServiceKey(key)
  const { destination, config } = checkDestinationInput(input, service)
  ruleDestination(context.capabilities, service, destination, config, operation)
  const look = (follow: EnsureWrite): FollowUp<EnsureResult> => {
    const sharedList = sharedListOf(service)
    const request = (what: number) => write(what, service, destination, config)
    const done = () => {
      const found = sharedList.get(idOf(destination.key))
      // No second look before the add: the kernel's answer says whether the list had skipped it.
      if (!found) return follow(request(Operation.destinationAdd), 'added', 'EEXIST')
      return sameDestinationConfig(context.capabilities, config, found.config)
        ? 'unchanged'
        : follow(request(Operation.destinationSet), 'changed', 'ENOENT')
    }
    return new FollowUp<EnsureResult>([readList(sharedList)], done, true)
  }
  return {
    operation,
    subject: { service: service.key, destination: destination.key },
    lock: lockOf(service, destination),
    ...startWith(ensureBy(look)),
  }
}

function getDestination(
  context: Context,
  key: ServiceKey,
  target: DestinationKey,
): CallPlan<DestinationInfo | undefined> {
  const operation = 'destinations.get'
  const service = checkServiceKey(key)
  const destination = checkDestinationKey(target)
  const subject = { service: service.key, destination: destination.key }
  ruleServiceKey(context.capabilities, service, operation, destination)
  return {
    operation,
    subject,
    ...startWith(
      getFrom(
        () => sharedListOf(service),
        idOf(destination.key),
        // The list is that of all calls of the tick.
        ({ info }) => copyOf(info),
      ),
    ),
  }
}

function listDestinations(context: Context, key: ServiceKey): CallPlan<DestinationInfo[]> {
  const operation = 'destinations.list'
  const service = checkServiceKey(key)
  ruleServiceKey(context.capabilities, service, operation)
  const found: DestinationInfo[] = []
  return {
    operation,
    subject: { service: service.key },
    request: {
      fields: { operation: Operation.destinationList, service },
      sinks: [collect('destinations', decodeDestination, found)],
    },
    done: () => found,
  }
}

function streamDestinations(
  context: Context,
  key: ServiceKey,
  push: (items: readonly DestinationInfo[]) => void,
): CallPlan<void> {
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
  /** @internal */
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

  /**
   * `undefined` where there is no such destination, or no such service. Reads the list of the service, once for all calls
   * of a tick that look into it; a long one that lacks the destination is read up to four times, since a list can miss
   * what others move while it is read (ip_vs_ctl.c:ip_vs_genl_dump_dests).
   */
  get(
    service: ServiceKey,
    destination: DestinationKey,
    options?: CallOptions,
  ): Promise<DestinationInfo | undefined> {
    return this.runner.run((context) => getDestination(context, service, destination), options)
  }

  /**
   * Takes what was listed, here or elsewhere, as it is. Rejects with `EEXIST` where there is one already, with `ESRCH` where there is no such service, with `EINVAL` for an
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

  /**
   * Changes the named properties and leaves the others, whatever they are; `undefined` is not named. `weight: 0` drains any
   * destination that a kernel can hold. `tunnel: null` goes back to plain IP-in-IP. Rejects with `ENOENT` where there is no such
   * destination.
   */
  update(
    service: ServiceKey,
    destination: DestinationKey,
    change: DestinationChange,
    options?: CallOptions,
  ): Promise<void> {
    return this.runner.run((context) => updateDestination(context, service, destination, change), options)
  }

  /**
   * Adds the destination, or sets what differs; sends nothing where nothing differs. A FULLNAT kernel's `'local'` for an
   * address of its own counts as what was asked for. Looks again where another program was faster, and rejects with
   * `EEXIST` or `ENOENT` when that happened four times. Reads the list of the service, once for all calls of a tick.
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
