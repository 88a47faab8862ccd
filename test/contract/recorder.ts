// Transports that stand between the library and the kernel: one that notes what passes, one that holds it up.

import type { Transport } from '../../lib'
import {
  Operation,
  ReplyHeaderLayout,
  RequestHeaderLayout,
  RequestLayout,
  ServiceConfigLayout,
  ServiceKeyLayout,
} from '../../lib/border/layout.gen'
import { Reply } from '../../lib/border/reply'

export interface SentRequest {
  /** `'serviceAdd'`: a name of `Operation` in lib/border/layout.gen.ts. */
  readonly operation: string
  readonly presence: number
  readonly flags: number
  readonly flagsMask: number
  readonly fwmark: number
  readonly establishedTimeout: number
  readonly scheduler: string
}

const names = new Map(Object.entries(Operation).map(([name, number]) => [number as number, name]))

/** Offsets within a request. */
const CONFIG = RequestLayout.config
const FLAGS = CONFIG + ServiceConfigLayout.flags
const ESTABLISHED_TIMEOUT = CONFIG + ServiceConfigLayout.establishedTimeout
const SCHEDULER = CONFIG + ServiceConfigLayout.scheduler
const FWMARK = RequestLayout.service + ServiceKeyLayout.fwmark

function readScheduler(view: DataView, at: number): string {
  let text = ''
  for (let i = at + SCHEDULER; view.getUint8(i) !== 0; i++) text += String.fromCharCode(view.getUint8(i))
  return text
}

function readRequests(buffer: ArrayBuffer): SentRequest[] {
  const view = new DataView(buffer)
  const count = view.getUint32(RequestHeaderLayout.count, true)
  return Array.from({ length: count }, (_, index) => {
    const at = RequestHeaderLayout.size + index * RequestLayout.size
    const number = view.getUint16(at + RequestLayout.operation, true)
    return {
      operation: names.get(number) ?? String(number),
      presence: view.getUint32(at + RequestLayout.presence, true),
      flags: view.getUint32(at + FLAGS, true),
      flagsMask: view.getUint32(at + RequestLayout.flagsMask, true),
      fwmark: view.getUint32(at + FWMARK, true),
      establishedTimeout: view.getUint32(at + ESTABLISHED_TIMEOUT, true),
      scheduler: readScheduler(view, at),
    }
  })
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
