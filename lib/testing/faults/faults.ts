/** What can go wrong on purpose. A fault waits until a request comes that it is for, and is used up. */

import { invalidValue } from '../../errors/argument-errors'
import type { Errno, ErrnoName } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import { destinationKeyId, serviceKeyId } from '../../model/keys'
import type { DestinationKey, ServiceKey } from '../../model/types'
import type { FakeOperation, FakeRequest } from './request-log'

/**
 * Which requests: the name of one operation, `'services.*'` for a group, `'*'` for all, an object whose properties must
 * agree, or a function that decides.
 */
export type FaultTarget =
  | FakeOperation
  | '*'
  | 'services.*'
  | 'destinations.*'
  | 'localAddresses.*'
  | 'daemons.*'
  | 'timeouts.*'
  | {
      readonly operation?: Exclude<FaultTarget, object> | undefined
      readonly service?: ServiceKey | undefined
      readonly destination?: DestinationKey | undefined
      readonly localAddress?: string | undefined
    }
  | ((request: FakeRequest) => boolean)

/** How often a fault happens. */
export interface FaultOptions {
  /** How many requests it hits before it is used up; `Infinity` for all until it is removed. Default 1. */
  readonly times?: number | undefined
}

/** A fault that waits for its requests. */
export interface Fault {
  /** How many requests it has hit. */
  readonly hits: number
  /** How many it will still hit. */
  readonly remaining: number
  /** Takes it away; requests that it holds up go on. */
  remove(): void
}

/** The list that a fault is for. */
export type DumpKind = 'services' | 'destinations' | 'localAddresses'

/** Where a dump stands when another writer comes in between two chunks. */
export interface ChunkGap {
  readonly dump: DumpKind
  /** Of destinations and local addresses. */
  readonly service: ServiceKey | undefined
  /** Entries that were handed over so far. */
  readonly read: number
}

export type FaultEffect =
  | { readonly kind: 'fail'; readonly errno: Errno }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'neverAnswer' }
  | { readonly kind: 'loseAnswer' }
  | { readonly kind: 'enobufs' }
  | { readonly kind: 'repeatEntries'; readonly dump: DumpKind | undefined; readonly count: number }
  | { readonly kind: 'skipEntries'; readonly dump: DumpKind | undefined; readonly count: number }
  | { readonly kind: 'betweenChunks'; readonly run: (gap: ChunkGap) => void | Promise<void> }

type Kind = FaultEffect['kind']
type EffectOf<K extends Kind> = Extract<FaultEffect, { kind: K }>

/** Opening a client is hit by its name alone. */
const agrees = (pattern: string, operation: string): boolean =>
  pattern === operation ||
  (pattern === '*' && operation !== 'probe') ||
  (pattern.endsWith('.*') && operation.startsWith(pattern.slice(0, -1)))

export function matches(target: FaultTarget, request: FakeRequest): boolean {
  if (typeof target === 'function') return target(request)
  if (typeof target === 'string') return agrees(target, request.operation)
  const { operation, service, destination, localAddress } = target
  if (operation !== undefined && !agrees(operation, request.operation)) return false
  if (service && (!request.service || serviceKeyId(service) !== serviceKeyId(request.service))) return false
  if (destination) {
    if (!request.destination) return false
    if (destinationKeyId(destination) !== destinationKeyId(request.destination)) return false
  }
  return localAddress === undefined || localAddress === request.localAddress
}

/** `'ENOMEM'`, or a positive number. */
export function errnoOf(errno: ErrnoName | number): Errno {
  if (typeof errno === 'number' && Number.isInteger(errno) && errno > 0) return errno
  if (typeof errno === 'string' && Object.prototype.hasOwnProperty.call(ERRNO, errno)) return ERRNO[errno]
  throw invalidValue('errno', `must be a positive number or one of: ${Object.keys(ERRNO).join(', ')}`, errno)
}

class FaultEntry implements Fault {
  hits = 0
  /** Resolved when it is removed. */
  readonly removed: Promise<void>
  private settle: () => void = () => {}

  constructor(
    readonly effect: FaultEffect,
    readonly target: FaultTarget,
    public remaining: number,
    private readonly forget: (fault: FaultEntry) => void,
  ) {
    this.removed = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  remove(): void {
    this.remaining = 0
    this.forget(this)
    this.settle()
  }
}

export class Faults {
  private entries: FaultEntry[] = []

  add(effect: FaultEffect, target: FaultTarget, { times = 1 }: FaultOptions = {}): Fault {
    if (times !== Number.POSITIVE_INFINITY && (!Number.isInteger(times) || times < 1)) {
      throw invalidValue('options.times', 'must be a positive integer or Infinity', times)
    }
    const entry = new FaultEntry(effect, target, times, (fault) => {
      this.entries = this.entries.filter((other) => other !== fault)
    })
    this.entries.push(entry)
    return entry
  }

  /** The oldest fault of the kind that is for the request; it counts as a hit. */
  take<K extends Kind>(
    kind: K,
    request: FakeRequest,
    accepts: (effect: EffectOf<K>) => boolean = () => true,
  ): { readonly effect: EffectOf<K>; readonly removed: Promise<void> } | undefined {
    const found = this.entries.find(
      ({ effect, target, remaining }) =>
        effect.kind === kind && remaining > 0 && accepts(effect as EffectOf<K>) && matches(target, request),
    )
    if (!found) return undefined
    found.hits++
    found.remaining--
    return { effect: found.effect as EffectOf<K>, removed: found.removed }
  }

  clear(): void {
    for (const entry of this.entries.slice()) entry.remove()
  }
}
