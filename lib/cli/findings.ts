/** What the doctor found, for people: the worst first, and what is said of many objects said once. */

import type { FindingSeverity } from '../diagnose/codes'
import type { Diagnosis, Finding, FindingSubject } from '../diagnose/types'
import { formatDestinationKey, formatServiceKey } from '../model/keys'
import { remedyInLines } from './remedies'

const SEVERITIES: readonly FindingSeverity[] = ['error', 'warning', 'info']
const COLORS: Readonly<Record<FindingSeverity, number>> = { error: 31, warning: 33, info: 36 }
/** Subjects of one finding that are named; `--json` has all. */
const NAMED = 20

function subjectText({ service, destination, ...others }: FindingSubject): string {
  const parts = [
    service && formatServiceKey(service),
    destination && `-> ${formatDestinationKey(destination)}`,
    others.address,
    others.interface && `interface ${others.interface}`,
    others.cpu === undefined ? undefined : `CPU ${others.cpu}`,
    others.sysctl,
    others.counter,
    others.part,
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

/** `min 5000, max 4000`; a hint says what the remedy says. */
const evidenceText = ({ evidence }: Finding): string =>
  Object.keys(evidence)
    .filter((name) => name !== 'hint')
    .map((name) => {
      const value = evidence[name]
      return `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`
    })
    .join(', ')

interface Told {
  readonly finding: Finding
  readonly remedy: string
  readonly subjects: string[]
}

/** Those that say the same, together. */
function together(findings: readonly Finding[]): Told[] {
  const byText = new Map<string, Told>()
  for (const finding of findings) {
    const { code, severity, cause, explanation, subject } = finding
    const remedy = remedyInLines(finding.remedy, subject)
    const id = JSON.stringify([code, severity, cause, explanation, finding.remedy])
    const told = byText.get(id) ?? { finding, remedy, subjects: [] }
    byText.set(id, told)
    const text = subjectText(subject)
    if (text !== '') told.subjects.push(text)
  }
  return Array.from(byText.values())
}

function lines({ finding, remedy, subjects }: Told, color: boolean): string[] {
  const { severity, code, cause, explanation } = finding
  const head = `${severity}: ${code}${cause === 'state' ? ' (the desired state would bring it about)' : ''}`
  const more = subjects.length - NAMED
  const evidence = evidenceText(finding)
  return [
    color ? `\u001b[${COLORS[severity]}m${head}\u001b[0m` : head,
    ...subjects.slice(0, NAMED).map((subject) => `    ${subject}`),
    ...(more > 0 ? [`    and ${more} more: --json has them`] : []),
    `  ${explanation}`,
    `  ${remedy}`,
    // Each of many has its own.
    ...(subjects.length <= 1 && evidence !== '' ? [`  Evidence: ${evidence}`] : []),
    '',
  ]
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`

/** `2 errors, 1 warning` */
function sum(findings: readonly Finding[]): string {
  const counts = SEVERITIES.map(
    (severity) => [findings.filter((one) => one.severity === severity).length, severity] as const,
  ).filter(([count]) => count > 0)
  if (counts.length === 0) return 'nothing was found, and everything was looked at'
  return counts.map(([count, word]) => (word === 'info' ? `${count} info` : plural(count, word))).join(', ')
}

export function formatDiagnosis(
  { dialect, transport, evidence, findings }: Diagnosis,
  color: boolean,
): string {
  const kernel = evidence ? [`${dialect} over ${transport}: ${evidence.reason}`, ''] : []
  const told = SEVERITIES.reduce<string[]>((all, severity) => {
    const those = together(findings.filter((one) => one.severity === severity))
    for (const one of those) all.push(...lines(one, color))
    return all
  }, [])
  return `${[...kernel, ...told, sum(findings)].join('\n')}\n`
}
