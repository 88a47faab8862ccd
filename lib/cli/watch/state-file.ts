/** The desired states of a file, as it changes. */

import { fileSignature } from '../../host/text-files'
import type { DesiredState } from '../../model/desired-state'
import type { InputText } from '../read-input'

export interface StateFileOptions {
  readonly path: string
  /** Milliseconds from one look at the file to the next. */
  readonly poll: number
  /** Rejects where it is no state that could be. */
  readonly parse: (input: InputText) => Promise<DesiredState>
  readonly read: () => Promise<InputText>
  /** Called for each state but the first, with its number. */
  readonly changed: (count: number) => void
  /** What is in the file now is no state: the one with this number stays. */
  readonly broken: (error: unknown, count: number) => void
  /** Called at each look. What it throws is what next() rejects with. */
  readonly looked: () => void
}

/**
 * Looks at the file again and again, and not for events: editors put another file in its place, a mounted configuration is a link
 * that is turned round, and network file systems have no events. A file is read when it has rested from one look to the next: half
 * of a state is one, too.
 */
export class StateFile implements AsyncIterable<DesiredState> {
  private readonly options: StateFileOptions
  private first: DesiredState | undefined
  private count = 1
  /** Of the look before. */
  private before = ''
  /** Of what was read last; the first is read again, as it may have changed within a tick of the clock. */
  private taken = ''
  private bytes: Buffer | undefined
  private stopped = false
  private wake = (): void => {}

  private constructor(options: StateFileOptions, { bytes }: InputText, state: DesiredState) {
    this.options = options
    this.bytes = Buffer.from(bytes)
    this.first = state
  }

  /** Rejects where the file has no state to begin with. */
  static async open(options: StateFileOptions): Promise<StateFile> {
    const input = await options.read()
    return new StateFile(options, input, await options.parse(input))
  }

  [Symbol.asyncIterator](): AsyncIterator<DesiredState> {
    return {
      next: () => this.next(),
      return: async () => {
        this.stopped = true
        this.wake()
        return { done: true, value: undefined }
      },
    }
  }

  private async next(): Promise<IteratorResult<DesiredState>> {
    const { first } = this
    this.first = undefined
    if (first) return { done: false, value: first }
    for (;;) {
      await this.pause()
      if (this.stopped) return { done: true, value: undefined }
      this.options.looked()
      const value = await this.look()
      if (value) return { done: false, value }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.options.poll)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.stopped) this.wake()
    })
  }

  private async look(): Promise<DesiredState | undefined> {
    const { path, read, parse, changed, broken } = this.options
    const signature = fileSignature(path)
    const rests = signature === this.before
    this.before = signature
    if (!rests || signature === this.taken) return undefined
    try {
      const input = await read()
      // It was written while it was read.
      if (fileSignature(path) !== signature) return undefined
      this.taken = signature
      if (this.bytes?.equals(input.bytes)) return undefined
      this.bytes = Buffer.from(input.bytes)
      const state = await parse(input)
      changed(++this.count)
      return state
    } catch (error) {
      if (this.taken !== signature) this.bytes = undefined
      this.taken = signature
      broken(error, this.count)
      return undefined
    }
  }
}
