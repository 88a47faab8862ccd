/** Where the requests of calls are packed until they go out as a trip, and the buffers that come back from trips. */

import type { RequestFields } from '../border/request'
import { RequestBuffer } from '../border/request'

export class BufferPool {
  private staged = new RequestBuffer()
  private readonly spare: RequestBuffer[] = []

  constructor(
    /** `Transport` of layout.gen. */
    private readonly transport: number,
    private readonly mostSpares: number,
  ) {}

  /** An empty buffer; it comes back with the trip that it becomes. */
  buffer(): RequestBuffer {
    return this.spare.pop() ?? new RequestBuffer()
  }

  pack(packed: RequestBuffer, fields: RequestFields): void {
    packed.push(fields, this.transport)
  }

  /** Packs the request of a call that comes alone; it is the last one of the buffer that is returned. */
  stage(fields: RequestFields): RequestBuffer {
    if (this.staged.full) this.staged = this.buffer()
    this.pack(this.staged, fields)
    return this.staged
  }

  /** What is staged is in a trip, or was copied into one; with `packed` only where it is this buffer. */
  startAnew(packed?: RequestBuffer): void {
    if (this.staged.count > 0 && (!packed || packed === this.staged)) this.staged = this.buffer()
  }

  /** Nobody needs what is in it any more. To get the memory anew costs more than to clear it. */
  giveBack(packed: RequestBuffer): void {
    if (packed.oversized || this.spare.length >= this.mostSpares) return
    packed.clear()
    this.spare.push(packed)
  }
}
