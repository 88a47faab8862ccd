/**
 * What people write as comments and keepalived does not know: its lines go by because their first word is no keyword, or
 * because words after a value are not looked at.
 */

import type { Report } from './report'
import type { Token } from './words'
import { isBrace } from './words'

/** The tokens without such comments, which are reported. */
export function withoutSlashComments(tokens: readonly Token[], report: Report): readonly Token[] {
  let words = 0
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token
    if (isBrace(token)) {
      words = 0
      continue
    }
    const slash = token.quoted ? undefined : /^\/[/*]/.exec(token.text)?.[0]
    // A word behind a keyword is its value, `path //index` for instance.
    if (slash === undefined || words === 1) {
      words++
      continue
    }
    const comment = tokens.slice(i)
    const description = `${slash} begins no comment for ${report.program}`
    if (slash === '/*' && !comment.some((other) => !isBrace(other) && other.text.endsWith('*/'))) {
      report.error('block-comment', `${description}, and the lines that follow are read`, token.span)
    } else if (report.policy.braces === 'anywhere' && comment.some(isBrace)) {
      report.error('slash-comment', `${description}, and the braces in it count`, token.span)
    } else {
      report.warn(
        'slash-comment',
        `${description}; it is left out, as was meant`,
        token.span,
        'Write # instead.',
      )
    }
    return tokens.slice(0, i)
  }
  return tokens
}
