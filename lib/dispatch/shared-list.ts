/** The list of one service, read once for all calls of a trip that look something up in it. */

import type { DataSection, RecordSink, Reply } from '../border/reply'
import type { RequestFields } from '../border/request'

/** How the records of one kind are read and told apart. */
export interface ListKind<T> {
  readonly section: DataSection
  decode(reply: Reply, index: number): T
  id(item: T): string
}

export class SharedList<T> {
  private items = new Map<string, T>()

  constructor(
    /** The same for all that read the same list. */
    readonly name: string,
    readonly fields: RequestFields,
    private readonly kind: ListKind<T>,
  ) {}

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
  follow(other: SharedList<T>): void {
    this.items = other.items
  }

  get sink(): RecordSink {
    const { decode, id, section } = this.kind
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
