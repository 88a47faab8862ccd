/** AbortSignals of calls: one listener for all calls with the same signal, since a batch can have thousands. */

interface Listening {
  /** Calls with this signal that are not settled. */
  open: number
  forget(): void
}

export class AbortSignals {
  private readonly listening = new Map<AbortSignal, Listening>()

  constructor(private readonly aborted: (signal: AbortSignal) => void) {}

  /** Until `leave` was called as often. */
  join(signal: AbortSignal): void {
    const known = this.listening.get(signal)
    if (known) {
      known.open++
      return
    }
    const abort = () => this.aborted(signal)
    signal.addEventListener('abort', abort)
    this.listening.set(signal, { open: 1, forget: () => signal.removeEventListener('abort', abort) })
  }

  leave(signal: AbortSignal): void {
    const known = this.listening.get(signal) as Listening
    known.open--
    if (known.open > 0) return
    known.forget()
    this.listening.delete(signal)
  }
}
