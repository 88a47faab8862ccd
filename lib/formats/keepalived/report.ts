/** Where everything that is found goes: problems, and what is read and means nothing for IPVS. */

import type { Problems } from '../text/problems'
import type { Span } from '../text/source-text'
import type { KeepalivedDialect, ReadingPolicy } from './dialects'
import { PROGRAM_NAMES, READING_POLICIES } from './dialects'
import { MOST_IGNORED } from './limits'
import type { IgnoredSetting, TextPlace } from './types'

export function placeOf(span: Span): TextPlace {
  const { file } = span.source
  return { file, ...span.source.position(span.offset) }
}

export class Report {
  readonly ignored: IgnoredSetting[] = []
  readonly policy: ReadingPolicy
  /** How messages name the program. */
  readonly program: string

  constructor(
    private readonly problems: Problems,
    readonly dialect: KeepalivedDialect,
    private readonly strict: boolean,
  ) {
    this.policy = READING_POLICIES[dialect]
    this.program = PROGRAM_NAMES[dialect]
  }

  error(code: string, description: string, span: Span, hint?: string): undefined {
    this.problems.error({ code, description, hint }, span)
    return undefined
  }

  warn(code: string, description: string, span: Span, hint?: string): void {
    this.problems.warn({ code, description, hint }, span)
  }

  /** A keyword or a block that this program does not know: an error where the caller is strict. */
  unknown(code: string, description: string, span: Span, hint?: string): void {
    if (this.strict) this.error(code, description, span, hint)
    else this.warn(code, description, span, hint)
  }

  ignore(keyword: string, within: string, reason: IgnoredSetting['reason'], span: Span): void {
    if (this.ignored.length >= MOST_IGNORED) {
      this.problems.omitted++
      return
    }
    this.ignored.push({ keyword, within, reason, ...placeOf(span) })
  }
}
