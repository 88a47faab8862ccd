/** What a dialect cannot say. */

import type { KeepalivedLoss } from './types'

export type LossSubject = Pick<KeepalivedLoss, 'service' | 'destination' | 'pool'>

export class Losses {
  constructor(
    private readonly subject: LossSubject = {},
    readonly list: KeepalivedLoss[] = [],
  ) {}

  /** The same list, for what belongs to another object. */
  of(subject: LossSubject): Losses {
    return new Losses({ ...this.subject, ...subject }, this.list)
  }

  property(property: string, value: unknown, reason: string): void {
    this.list.push({ ...this.subject, property, value, reason })
  }

  object(reason: string): void {
    this.list.push({ ...this.subject, property: undefined, value: undefined, reason })
  }
}
