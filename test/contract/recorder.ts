// Transports that stand between the library and the kernel: one that notes what passes, one that holds it up.

import type { Ipvs, Transport } from '../../lib'
import { Operation, ReplyHeaderLayout } from '../../lib/border/layout.gen'
import { Reply } from '../../lib/border/reply'
import { unpackRequests } from '../../lib/border/unpack-request'
import type { Harness } from './harness'

export interface SentRequest {
  /** `'serviceAdd'`: a name of `Operation` in lib/border/layout.gen.ts. */
  readonly operation: string
  readonly flags: number
  readonly flagsMask: number
  readonly fwmark: number | undefined
  readonly establishedTimeout: number | undefined
  readonly scheduler: string
}

const names = new Map(Object.entries(Operation).map(([name, number]) => [number as number, name]))

function readRequests(buffer: ArrayBuffer): SentRequest[] {
  return unpackRequests(buffer).requests.map(({ operation, flagsMask, service, config }) => ({
    operation: names.get(operation) ?? String(operation),
    flagsMask,
    fwmark: service?.fwmark,
    flags: config.flags,
    establishedTimeout: config.establishedTimeout,
    scheduler: config.scheduler,
  }))
}

const READS = new Set(['serviceGet', 'serviceList', 'destinationList', 'localAddressList', 'snapshot'])

/** Notes every job that is sent. */
export class Recorder {
  jobs: SentRequest[][] = []

  readonly wrap = (inner: Transport): Transport => ({
    ...inner,
    run: (request, onReply) => {
      this.jobs.push(readRequests(request))
      return inner.run(request, onReply)
    },
    close: () => inner.close(),
  })

  get requests(): SentRequest[] {
    return this.jobs.flat()
  }

  get operations(): string[] {
    return this.requests.map(({ operation }) => operation)
  }

  /** Operations that change something. */
  get writes(): string[] {
    return this.operations.filter((name) => !READS.has(name))
  }

  clear(): void {
    this.jobs = []
  }
}

/** A client over the interface under test, and what it sends from now on. */
export async function recorded(harness: Harness): Promise<{ recorder: Recorder; ipvs: Ipvs }> {
  const recorder = new Recorder()
  const ipvs = await harness.open({ wrap: recorder.wrap })
  recorder.clear()
  return { recorder, ipvs }
}

/** Lets jobs through only while it is open. */
export class Gate {
  private waiting: (() => void)[] = []
  private shut = false
  /** Jobs that have come as far as the gate. */
  arrived = 0

  readonly wrap = (inner: Transport): Transport => ({
    ...inner,
    run: async (request, onReply) => {
      this.arrived++
      if (this.shut) await new Promise<void>((resolve) => this.waiting.push(resolve))
      return inner.run(request, onReply)
    },
    close: () => inner.close(),
  })

  close(): void {
    this.shut = true
  }

  open(): void {
    this.shut = false
    const waiting = this.waiting
    this.waiting = []
    for (const go of waiting) go()
  }
}

/** Loses the first destination of each of the next `count` lists, as a dump does that was disturbed. */
export class Skipper {
  count = 0

  readonly wrap = (inner: Transport): Transport => ({
    ...inner,
    run: (request, onReply) =>
      inner.run(request, (buffer) => {
        const { destinations, bytes } = new Reply(buffer)
        if (this.count === 0 || destinations.count === 0) {
          onReply(buffer)
          return
        }
        this.count--
        const rest = new Uint8Array(buffer.byteLength - destinations.stride)
        rest.set(bytes.subarray(0, destinations.start))
        rest.set(bytes.subarray(destinations.start + destinations.stride), destinations.start)
        new DataView(rest.buffer).setUint32(ReplyHeaderLayout.destinations, destinations.count - 1, true)
        onReply(rest.buffer)
      }),
    close: () => inner.close(),
  })
}

/** Another program that is faster: it does something right before a job with `operation` goes out, `times` times. */
export class Rival {
  private operation = ''
  private act: () => Promise<unknown> = async () => {}
  times = 0

  readonly wrap = (inner: Transport): Transport => ({
    ...inner,
    run: async (request, onReply) => {
      const meets = readRequests(request).some(({ operation }) => operation === this.operation)
      if (meets && this.times > 0) {
        this.times--
        await this.act()
      }
      return inner.run(request, onReply)
    },
    close: () => inner.close(),
  })

  before(operation: string, act: () => Promise<unknown>, times = 1): void {
    this.operation = operation
    this.act = act
    this.times = times
  }
}
