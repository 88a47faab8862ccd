/** Who listens to what. */

type Arguments = { readonly [event: string]: readonly unknown[] }
type Listener = (...values: readonly unknown[]) => void

/** An event without a listener is nobody's business, `'error'` included. */
export class Listeners<Events extends { readonly [E in keyof Events]: readonly unknown[] } = Arguments> {
  private readonly listeners = new Map<keyof Events, Set<Listener>>()

  /** Adds a listener. What it throws is not the reconciler's failure. */
  on<E extends keyof Events>(event: E, listener: (...values: Events[E]) => void): this {
    let those = this.listeners.get(event)
    if (!those) {
      those = new Set()
      this.listeners.set(event, those)
    }
    those.add(listener as Listener)
    return this
  }

  /** Removes a listener. */
  off<E extends keyof Events>(event: E, listener: (...values: Events[E]) => void): this {
    this.listeners.get(event)?.delete(listener as Listener)
    return this
  }

  /** What a listener throws is its own defect: it is thrown where it hurts nobody else. */
  protected emit<E extends keyof Events>(event: E, ...values: Events[E]): void {
    for (const listener of Array.from(this.listeners.get(event) ?? [])) {
      try {
        listener(...values)
      } catch (error) {
        setImmediate(() => {
          throw error
        })
      }
    }
  }
}
