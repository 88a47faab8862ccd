/** AbortSignals of calls: one listener for all calls with the same signal, since a batch can have thousands. */

import type { Entry } from './entry'

interface Listening {
  readonly entries: Set<Entry>
  forget(): void
}

export class Signals {
  private readonly listening = new Map<AbortSignal, Listening>()

  constructor(private readonly aborted: (entry: Entry) => void) {}

  /** Until `entry.detach` is called. */
  listen(entry: Entry, signal: AbortSignal): void {
    const { entries, forget } = this.listening.get(signal) ?? this.start(signal)
    entries.add(entry)
    entry.detach = () => {
      entries.delete(entry)
      if (entries.size > 0) return
      forget()
      this.listening.delete(signal)
    }
  }

  private start(signal: AbortSignal): Listening {
    const entries = new Set<Entry>()
    const abort = () => entries.forEach(this.aborted)
    signal.addEventListener('abort', abort)
    const started = { entries, forget: () => signal.removeEventListener('abort', abort) }
    this.listening.set(signal, started)
    return started
  }
}
