/** Prometheus' text format, version 0.0.4. */

import type { InPieces } from '../model/turn'
import { Pieces } from '../model/turn'
import type { Family, Value } from './family'

/** Of the answer to a scrape. */
export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

const escapeHelp = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')

function formatValue(value: Value): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}

/** Families without a sample are left out. */
export function* formatFamilies(families: readonly Family[]): InPieces<string> {
  const pieces = new Pieces()
  let text = ''
  // A text of many thousand lines would be made into one string by whoever sends it, all at once.
  let lines: string[] = []
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue
    lines.push(`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`)
    for (const { suffix, labelsText, value } of samples) {
      lines.push(`${name}${suffix}${labelsText} ${formatValue(value)}\n`)
      if (!pieces.isDue()) continue
      text += lines.join('')
      lines = []
      yield
    }
  }
  return text + lines.join('')
}
