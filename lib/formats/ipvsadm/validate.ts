/** What the library would refuse is refused here, with the place in the text. */

import type { ArgumentError } from '../../errors/argument-errors'
import type { Span } from '../text/source-text'
import type { Complaints } from './complaints'

/** Where the options stand that set a property: by the last names of its path, `'timeout'` of `'service.persistence.timeout'`. */
export type PropertySpans = Readonly<Record<string, Span | undefined>>

function spanOf(field: string, spans: PropertySpans, whole: Span): Span {
  const names = field.split(/[.[]/).reverse()
  for (const name of names) {
    const span = spans[name]
    if (span) return span
  }
  return whole
}

/** The error without what was received: the frame shows it. */
export const reasonOf = (error: Error): string => error.message.replace(/\. Received [\s\S]*$/, '')

/** What `check` returns; undefined where it threw an argument error, which is then reported. */
export function validated<T>(
  check: () => T,
  spans: PropertySpans,
  whole: Span,
  complaints: Complaints,
): T | undefined {
  try {
    return check()
  } catch (error) {
    const { field } = error as ArgumentError
    if (field === undefined) throw error
    return complaints.error('refused', reasonOf(error as Error), spanOf(field, spans, whole))
  }
}
