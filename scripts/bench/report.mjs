// Puts the tables into docs/performance.md, between the markers of each kernel.
import { readFileSync, writeFileSync } from 'node:fs'
import { tableOf } from './table.mjs'

/** `summaries` by kernel; one that was never measured leaves its place as it is. */
export function writeReport(file, summaries) {
  let text = readFileSync(file, 'utf8')
  for (const [name, summary] of Object.entries(summaries)) {
    if (!summary.machine) continue
    const [begin, end] = [`<!-- table: ${name} -->`, `<!-- end: ${name} -->`]
    const [before, rest] = text.split(begin)
    if (rest === undefined) throw new Error(`${file} has no ${begin}`)
    const after = rest.slice(rest.indexOf(end))
    text = `${before}${begin}\n\`\`\`\n${tableOf(name, summary).trim()}\n\`\`\`\n${after}`
  }
  writeFileSync(file, text)
}
