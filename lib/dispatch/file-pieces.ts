/** A text file of the kernel, piece by piece: the next one is read while the last is looked at. */

import type { KernelFile } from '../border/transport'
import { ownError } from '../errors/ipvs-error'
import { now } from '../model/clock'
import { AbortSignals } from './abort-signals'
import { DeadlineTimer } from './deadline-timer'
import type { ClientLimits } from './within-limits'

/**
 * The kernel writes one page at a time (fs/seq_file.c:seq_read), and a transport may put many into one piece. Pages have up
 * to 64 KiB (arm64).
 */
const LARGEST = 65536
/** That of the first piece; each is twice the last, since nobody knows how much of the file is wanted. */
const SMALLEST = 4096

const NOTHING = new Uint8Array(0)

const signals = new AbortSignals<FilePieces>((pieces) => pieces.abort())

interface Waiter {
  resolve(count: number): void
  reject(error: unknown): void
}

export interface FilePiecesOptions {
  /** `timeout` is how long one read may take. */
  readonly limits: ClientLimits
  readonly operation: string
  /** What the caller gets of an error of the file. */
  readonly explain: (cause: unknown) => unknown
  /** The file was aborted, out of turn. */
  readonly aborted?: () => void
}

/** Owns the file. Two buffers, one read at a time: nothing is read further ahead than that. */
export class FilePieces {
  private readonly buffers: Uint8Array[] = []
  private readonly timer = new DeadlineTimer(() =>
    this.fail(ownError('ERR_IPVS_TIMEOUT', { operation: this.options.operation })),
  )
  /** Of the read that runs, or has ended and was not asked for yet. */
  private reading = false
  private turn = 0
  private size = SMALLEST
  private count: number | undefined
  private waiter: Waiter | undefined
  private failure: { readonly error: unknown } | undefined
  private closed = false
  private readonly clientClosed = () =>
    this.fail(ownError('ERR_IPVS_CLOSED', { operation: this.options.operation }))

  constructor(
    private readonly file: KernelFile,
    private readonly options: FilePiecesOptions,
  ) {
    const { signal } = options.limits
    if (signal?.aborted) this.abort()
    else if (signal) signals.join(signal, this)
  }

  /** Empty at the end of the file, and once it is closed. Valid until the call after the next. Not to be called while a call waits. */
  async next(most = LARGEST): Promise<Uint8Array> {
    this.readAhead(most)
    const count = await new Promise<number>((resolve, reject) => {
      this.waiter = { resolve, reject }
      this.serve()
    })
    const buffer = this.buffers[this.turn]
    this.reading = false
    this.turn = 1 - this.turn
    return buffer ? buffer.subarray(0, count) : NOTHING
  }

  /** Starts to read the next piece, of no more than so many bytes where that is more than a page. */
  readAhead(most = LARGEST): void {
    const { timeout, closing } = this.options.limits
    if (closing.closed) this.clientClosed()
    if (this.reading || this.closed) return
    this.reading = true
    this.count = undefined
    const { turn, size } = this
    const buffer = this.buffers[turn] ?? new Uint8Array(LARGEST)
    this.buffers[turn] = buffer
    const into = buffer.subarray(0, Math.max(SMALLEST, Math.min(size, most)))
    this.size = Math.min(LARGEST, size * 2)
    // No longer than the read: an iteration can be forgotten in the middle.
    closing.join(this.clientClosed)
    if (timeout > 0) this.timer.watch(now() + timeout)
    // A transport of somebody's own may throw as well as reject.
    new Promise<number>((started) => started(this.file.read(into))).then(
      (count) => {
        this.timer.clear()
        closing.leave(this.clientClosed)
        this.count = count
        this.serve()
      },
      (cause) => this.fail(this.options.explain(cause)),
    )
  }

  /** Idempotent. A read that runs ends by itself. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.timer.clear()
    const { signal, closing } = this.options.limits
    closing.leave(this.clientClosed)
    if (signal) signals.leave(signal, this)
    this.file.close()
    this.serve()
  }

  /** @internal */
  abort(): void {
    const { operation, limits, aborted } = this.options
    this.fail(ownError('ABORT_ERR', { operation, cause: limits.signal?.reason }))
    aborted?.()
  }

  private fail(error: unknown): void {
    if (this.failure || this.closed) return
    this.failure = { error }
    this.close()
  }

  private serve(): void {
    const { waiter, failure, count, closed } = this
    if (!waiter || (count === undefined && !closed)) return
    this.waiter = undefined
    if (failure) waiter.reject(failure.error)
    else waiter.resolve(closed ? 0 : (count as number))
  }
}
