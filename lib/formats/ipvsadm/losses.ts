/** What a dialect cannot say, by object and property. */

import type { DaemonState, DestinationKey, ServiceKey } from '../../model/types'

/** What a dialect has no word for. */
export interface RulesLoss {
  /** Undefined where it is about a daemon, or a timeout. */
  readonly service?: ServiceKey | undefined
  readonly destination?: DestinationKey | undefined
  readonly localAddress?: string | undefined
  readonly daemon?: DaemonState | undefined
  /** Undefined: the object is not in the text at all, with everything in it. */
  readonly property: string | undefined
  /** Of the property. */
  readonly value: unknown
  /** Why, and what is written instead. */
  readonly reason: string
}

export type LossSubject = Pick<RulesLoss, 'service' | 'destination' | 'localAddress' | 'daemon'>

export class Losses {
  readonly list: RulesLoss[] = []

  constructor(private readonly subject: LossSubject = {}) {}

  /** The same list, for what belongs to another object. */
  of(subject: LossSubject): Losses {
    const losses = new Losses({ ...this.subject, ...subject })
    Object.assign(losses, { list: this.list })
    return losses
  }

  property(property: string, value: unknown, reason: string): void {
    this.list.push({ ...this.subject, property, value, reason })
  }

  object(reason: string): void {
    this.list.push({ ...this.subject, property: undefined, value: undefined, reason })
  }
}
