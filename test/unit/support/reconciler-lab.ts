// A Reconciler on a fake kernel, with a clock that a test moves and states that a test sends.

import { Ipvs } from '../../../lib/client/ipvs'
import type { DesiredState } from '../../../lib/model/desired-state'
import type { ReconcilerClient, ReconcilerClock, ReconcilerOptions } from '../../../lib/reconcile'
import { Reconciler } from '../../../lib/reconcile'
import { FakeKernel, type FakeKernelOptions } from '../../../lib/testing'

export const START = Date.parse('2030-01-01T00:00:00Z')

const turn = setImmediate
export const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => turn(() => resolve()))
}

/** Until it waits for time or for a state. */
export async function quiet(...reconcilers: readonly Reconciler[]): Promise<void> {
  for (let idle = 0; idle < 6; ) {
    await turns(1)
    idle = reconcilers.some((one) => one.status().phase === 'working') ? 0 : idle + 1
  }
}

export class ManualClock implements ReconcilerClock {
  private at = 0
  private readonly timers = new Set<{ readonly due: number; readonly run: () => void }>()

  time = (): number => START + this.at
  now = (): number => this.at

  after = (milliseconds: number, run: () => void): (() => void) => {
    const timer = { due: this.at + milliseconds, run }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  /** Timers whose time comes are run in their order, and what they begin comes to its end. */
  async advance(milliseconds: number, ...reconcilers: readonly Reconciler[]): Promise<void> {
    const end = this.at + milliseconds
    for (;;) {
      const [next] = [...this.timers].sort((one, other) => one.due - other.due)
      if (!next || next.due > end) break
      this.timers.delete(next)
      this.at = Math.max(this.at, next.due)
      next.run()
      await quiet(...reconcilers)
    }
    this.at = end
  }

  get pending(): number {
    return this.timers.size
  }
}

export class States implements AsyncIterable<DesiredState> {
  ended = false
  private readonly waiting: {
    resolve(result: IteratorResult<DesiredState>): void
    reject(error: unknown): void
  }[] = []
  private readonly queue: DesiredState[] = []

  push(state: DesiredState): void {
    const first = this.waiting.shift()
    if (first) first.resolve({ done: false, value: state })
    else this.queue.push(state)
  }

  fail(error: unknown): void {
    this.waiting.shift()?.reject(error)
  }

  end(): void {
    for (const { resolve } of this.waiting.splice(0)) resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): AsyncIterator<DesiredState> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          const value = this.queue.shift()
          if (value) resolve({ done: false, value })
          else this.waiting.push({ resolve, reject })
        }),
      return: async () => {
        this.ended = true
        this.end()
        return { done: true, value: undefined }
      },
    }
  }
}

export interface Lab {
  readonly kernel: FakeKernel
  readonly clock: ManualClock
  readonly states: States
  readonly reconciler: Reconciler
  /** Another client of the same kernel. */
  readonly other: Ipvs
  /** Everything that was told, as `'reached 1'`. */
  readonly heard: string[]
  readonly opened: () => number
  /** Sends a state, and waits for what becomes of it. */
  apply(state: DesiredState): Promise<void>
  advance(milliseconds: number): Promise<void>
}

export async function startReconciler(
  options: Partial<ReconcilerOptions> = {},
  machine: FakeKernelOptions = { dialect: 'fullnat-v2' },
  kernel = new FakeKernel(machine),
): Promise<Lab> {
  const clock = new ManualClock()
  const states = new States()
  let opened = 0
  const open = (): Promise<ReconcilerClient> => {
    opened++
    return Ipvs.open({ transport: kernel.transport(), timeout: 1000 })
  }
  const reconciler = new Reconciler({ open, desired: states, clock, jitter: 0, ...options })
  const heard: string[] = []
  reconciler
    .on('reached', (generation) => heard.push(`reached ${generation}`))
    .on('drift', ({ steps }) =>
      heard.push(...steps.map(({ verb, kind, message }) => `drift ${verb} ${kind} ${message}`)),
    )
    .on('error', (error, phase) => heard.push(`error ${phase} ${(error as { code?: string }).code}`))
    .start()
  return {
    kernel,
    clock,
    states,
    reconciler,
    other: await Ipvs.open({ transport: kernel.transport() }),
    heard,
    opened: () => opened,
    async apply(state) {
      states.push(state)
      await quiet(reconciler)
      await clock.advance(100, reconciler)
    },
    advance: (milliseconds) => clock.advance(milliseconds, reconciler),
  }
}
