/** What the library would refuse is refused here, with the place in the text. */

import type { ArgumentError } from '../../errors/argument-errors'
import type { Span } from '../text/source-text'
import type { Report } from './report'

/** What `check` returns; undefined where it threw an argument error, which is then reported. */
export function validated<T>(check: () => T, span: Span, report: Report): T | undefined {
  try {
    return check()
  } catch (error) {
    if ((error as ArgumentError).field === undefined) throw error
    const received = /\. Received [\s\S]*$/
    return report.error('refused', (error as Error).message.replace(received, ''), span)
  }
}
