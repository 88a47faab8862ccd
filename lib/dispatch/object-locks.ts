/** What a read-modify-write holds on to, so that two of them do not get between each other's read and write. */

/**
 * Two of them may go together unless they are about the same object; an empty `object` is the service itself with all in
 * it, an empty `service` is everything.
 */
export interface ObjectLock {
  readonly service: string
  readonly object: string
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
