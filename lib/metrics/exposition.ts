/** Prometheus' text format, version 0.0.4. */

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
export function formatFamilies(families: readonly Family[]): string {
  const lines: string[] = []
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`)
    for (const { suffix, labelsText, value } of samples) {
      lines.push(`${name}${suffix}${labelsText} ${formatValue(value)}`)
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}
