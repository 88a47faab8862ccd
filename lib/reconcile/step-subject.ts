/** What a step is about, for people. */

import { formatDestinationKey, formatServiceKey } from '../model/keys'
import type { PlanStep } from './plan-types'

/** `'tcp 192.0.2.1:80 -> 10.0.0.1:8080'` */
export function subjectOf(step: PlanStep): string {
  switch (step.kind) {
    case 'service':
      return formatServiceKey(step.service)
    case 'destination':
      return `${formatServiceKey(step.service)} -> ${formatDestinationKey(step.destination)}`
    case 'localAddress':
      return `${formatServiceKey(step.service)} via ${step.localAddress || 'local addresses'}`
    case 'sysctl':
      return step.name
    case 'daemon':
      return `${(step.after ?? step.before)?.state ?? ''} daemon`
    default:
      return step.kind
  }
}
