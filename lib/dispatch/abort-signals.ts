/** AbortSignals of calls: one listener for all calls with the same signal, since a batch can have thousands, and Node warns of 11. */

interface Listening<T> {
  readonly calls: Set<T>
  forget(): void
}

export class AbortSignals<T> {
  /** An iteration can be forgotten in the middle: nothing but its signal keeps it then. */
  private readonly listening = new WeakMap<AbortSignal, Listening<T>>()

  constructor(private readonly aborted: (call: T) => void) {}

  /** `call` is told of an abort until it leaves. */
  join(signal: AbortSignal, call: T): void {
    const known = this.listening.get(signal)
    if (known) {
      known.calls.add(call)
      return
    }
    const calls = new Set([call])
    const abort = () => {
      for (const one of Array.from(calls)) this.aborted(one)
    }
    signal.addEventListener('abort', abort)
    this.listening.set(signal, { calls, forget: () => signal.removeEventListener('abort', abort) })
  }

  leave(signal: AbortSignal, call: T): void {
    const known = this.listening.get(signal)
    if (!known?.calls.delete(call) || known.calls.size > 0) return
    this.listening.delete(signal)
    try {
      known.forget()
    } catch {
      // A signal of somebody's own: it is no reason for the call not to end.
    }
  }
}
