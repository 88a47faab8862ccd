/** Whether the object of a step is as the step wants it, whoever made it so. */

import type { Capabilities } from '../kernel/capabilities'
import type { DestinationConfig, ServiceConfig } from '../model/types'
import { sameDestination, serviceDifferences } from './difference'
import type { PlanStep } from './plan-types'
import type { TableView } from './table-view'

export function isAsWanted(capabilities: Capabilities, step: PlanStep, view: TableView): boolean {
  const gone = step.verb === 'remove'
  switch (step.kind) {
    case 'service': {
      const service = view.service(step)
      if (gone || !service) return gone && !service
      return serviceDifferences(capabilities, (step.after ?? {}) as ServiceConfig, service).length === 0
    }
    case 'destination': {
      const destination = view.destination(step)
      if (gone || !destination) return gone && !destination
      const { weight = 1, ...config } = step.after as DestinationConfig
      return sameDestination(capabilities, config, weight, destination, step.held)
    }
    case 'localAddress':
      return view.hasLocalAddress(step) !== gone
    default:
      return false
  }
}
