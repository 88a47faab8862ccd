/** The list of one service, read once for all calls of a job that look something up in it. */

import type { DataSection, Reply } from '../border/reply'
import type { RequestFields } from '../border/request'
import type { RecordSink, Recover, Request } from './call-plan'
import { FollowUp } from './call-plan'

/**
 * A list that others change while it is read can lack what was there all the time (ip_vs_ctl.c:ip_vs_genl_dump_dests
 * resumes by position), so something counts as missing only when it was not in this many lists.
 */
const LOOKS = 4
/** A list no longer than this came in one piece, and nothing was skipped: 2.6.32 sends about 17 at a time. */
const ONE_PIECE = 8

/** How the records of one kind are read and told apart. */
export interface Listed<T> {
  readonly section: DataSection
  decode(reply: Reply, index: number): T
  id(item: T): string
}

export class Listing<T> {
  private items = new Map<string, T>()

  constructor(
    /** The same for all that read the same list. */
    readonly name: string,
    private readonly fields: RequestFields,
    private readonly listed: Listed<T>,
  ) {}

  get request(): Request {
    return { fields: this.fields, sinks: [this.sink()], listing: this }
  }

  get size(): number {
    return this.items.size
  }

  get(id: string): T | undefined {
    return this.items.get(id)
  }

  /** It is about to be read. */
  startAnew(): void {
    this.items = new Map()
  }

  /** Has what the other one reads. */
  follow(other: Listing<T>): void {
    this.items = other.items
  }

  private sink(): RecordSink {
    const { decode, id, section } = this.listed
    return {
      section,
      take: (reply, from, to) => {
        for (let i = from; i < to; i++) {
          const item = decode(reply, i)
          this.items.set(id(item), item)
        }
      },
    }
  }
}

/** Looks `id` up in a list of which `make` makes a new one, and goes on with what it found. */
export function lookUp<T, R>(
  make: () => Listing<T>,
  id: string,
  goOn: (item: T | undefined) => R | FollowUp<R>,
  { holds, recover }: { readonly holds: boolean; readonly recover?: Recover<R> },
): FollowUp<R> {
  const look = (looks: number): FollowUp<R> => {
    const listing = make()
    const done = () => {
      const item = listing.get(id)
      return !item && looks > 1 && listing.size > ONE_PIECE ? look(looks - 1) : goOn(item)
    }
    return new FollowUp<R>([listing.request], done, holds, recover)
  }
  return look(LOOKS)
}

/**
 * Looks one thing up for `get`: undefined where it is missing, or its service. Later calls do not wait for it, so a second
 * look can see what they have done.
 */
export function getFrom<T>(make: () => Listing<T>, id: string): FollowUp<T | undefined> {
  return lookUp<T, T | undefined>(make, id, (item) => item, {
    holds: false,
    recover: ({ code }) => (code === 'ESRCH' ? { value: undefined } : undefined),
  })
}
