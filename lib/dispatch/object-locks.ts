/** What calls are about, so that those that touch each other keep their order. */

import type { ErrorSubject } from '../errors/ipvs-error'
import { serviceKeyId } from '../model/keys'

/**
 * Two calls touch each other when they are about the same object; an empty `object` is the service itself with all in it,
 * an empty `service` is everything.
 */
export interface ObjectLock {
  readonly service: string
  readonly object: string
}

const EVERYTHING: ObjectLock = Object.freeze({ service: '', object: '' })

/**
 * What a call is about that does not read before it writes: its whole service, because the order in which its parts come
 * and go shows in the kernel's lists, and some schedulers go by it.
 */
export function lockOfService({ service }: ErrorSubject): ObjectLock {
  return service ? { service: serviceKeyId(service), object: '' } : EVERYTHING
}

export class ObjectLocks {
  /** Objects by service. */
  private readonly held = new Map<string, Set<string>>()

  add({ service, object }: ObjectLock): void {
    const objects = this.held.get(service)
    if (objects) objects.add(object)
    else this.held.set(service, new Set([object]))
  }

  conflict({ service, object }: ObjectLock): boolean {
    if (this.held.size === 0) return false
    if (service === '' || this.held.has('')) return true
    const objects = this.held.get(service)
    return objects !== undefined && (object === '' || objects.has('') || objects.has(object))
  }
}
