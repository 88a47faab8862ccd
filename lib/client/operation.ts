/** What the methods of a client have in common. */

import type { DataSection, RecordSink, Reply } from '../border/reply'
import type { CallPlan, Write } from '../dispatch/call-plan'
import type { Capabilities } from '../kernel/capabilities'
import type { DialectEvidence } from '../kernel/detect'
import type { CallOptions } from '../model/call-types'

/** What commands and plans are made for. */
export interface Context {
  readonly capabilities: Capabilities
  readonly evidence: DialectEvidence
  /** The client was opened with `force`. */
  readonly force: boolean
}

/** `build` gets one or two arguments; not a closure and no rest, because this is made for each of ten thousand calls. */
export interface Send {
  <A>(build: (context: Context, a: A) => Write, options: CallOptions | undefined, a: A): Promise<void>
  <A, B>(
    build: (context: Context, a: A, b: B) => Write,
    options: CallOptions | undefined,
    a: A,
    b: B,
  ): Promise<void>
}

/** Runs commands and plans: at once for a client, later for a batch. */
export interface Runner {
  /** `build` validates and throws; the promise rejects then. */
  run<T>(build: (context: Context) => CallPlan<T>, options: CallOptions | undefined): Promise<T>
  /** Like `run`, for what is one request without a result, but for traps of some kernels. */
  send: Send
  /** Like `run`, for plans that hand over what they find piece by piece. */
  stream<T>(
    build: (context: Context, push: (items: readonly T[]) => void) => CallPlan<void>,
    options: CallOptions | undefined,
  ): AsyncIterableIterator<T>
}

/** Decodes every record of a section into `items`. */
export function collect<T>(
  section: DataSection,
  decode: (reply: Reply, index: number) => T,
  items: T[],
): RecordSink {
  return {
    section,
    take(reply, from, to) {
      for (let i = from; i < to; i++) items.push(decode(reply, i))
    },
  }
}

/** Decodes every record of a section and hands them on, one reply at a time. */
export function forward<T>(
  section: DataSection,
  decode: (reply: Reply, index: number) => T,
  push: (items: readonly T[]) => void,
): RecordSink {
  return {
    section,
    take(reply, from, to) {
      const items: T[] = []
      for (let i = from; i < to; i++) items.push(decode(reply, i))
      push(items)
    },
  }
}
