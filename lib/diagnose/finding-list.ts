/** Findings as they are made, and their order. */

import { formatDestinationKey, formatServiceKey } from '../model/keys'
import type { FindingCode } from './codes'
import { FINDING_CODES, FINDING_SEVERITIES } from './codes'
import type { Finding, FindingSubject } from './types'

export type Found = Pick<Finding, 'code' | 'explanation' | 'remedy'> &
  Partial<Pick<Finding, 'subject' | 'evidence' | 'severity' | 'cause'>>

/** The same text for the same subject. */
function subjectId({ service, destination, ...others }: FindingSubject): string {
  return JSON.stringify([
    service ? formatServiceKey(service) : '',
    destination ? formatDestinationKey(destination) : '',
    others.address ?? '',
    others.interface ?? '',
    others.cpu ?? -1,
    others.sysctl ?? '',
    others.counter ?? '',
    others.part ?? '',
  ])
}

const idOf = ({ code, subject }: Finding) => `${FINDING_CODES.indexOf(code)} ${subjectId(subject)}`

export function finding({ code, subject = {}, evidence = {}, severity, cause, ...texts }: Found): Finding {
  return {
    code,
    severity: severity ?? FINDING_SEVERITIES[code],
    cause: cause ?? 'present',
    subject,
    ...texts,
    evidence,
  }
}

const rank = (code: FindingCode) => FINDING_CODES.indexOf(code)

/** Each once, in the order of the codes, then of the subjects. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const byId = new Map<string, Finding>()
  for (const one of findings) {
    const id = idOf(one)
    if (!byId.has(id)) byId.set(id, one)
  }
  const sorted = Array.from(byId, ([id, one]) => ({ id, one, rank: rank(one.code) }))
  sorted.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
  return sorted.map(({ one }) => one)
}

/** Those of `then` that `now` does not have. */
export function causedByState(now: readonly Finding[], then: readonly Finding[]): Finding[] {
  const present = new Set(now.map(idOf))
  return then.filter((one) => !present.has(idOf(one))).map((one) => ({ ...one, cause: 'state' as const }))
}
