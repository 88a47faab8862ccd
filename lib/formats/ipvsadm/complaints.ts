/** Problems of one rule, and whether it can be used. */

import type { Problems } from '../text/problems'
import type { Span } from '../text/source-text'

export class Complaints {
  /** There was an error. */
  failed = false

  constructor(private readonly problems: Problems) {}

  error(code: string, description: string, span: Span, hint?: string): undefined {
    this.failed = true
    this.problems.error({ code, description, hint }, span)
    return undefined
  }

  warn(code: string, description: string, span: Span, hint?: string): void {
    this.problems.warn({ code, description, hint }, span)
  }
}
