/** `destroy()`: everything of a scope goes. */

import { invalidType } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from '../input'
import { apply } from './apply'
import type { Applied } from './apply-types'
import type { ReconcileClient } from './client'
import type { OwnershipOptions } from './ownership'
import type { PlanOptions } from './plan'
import { plan } from './plan'

/** Options of `destroy`. */
export type DestroyOptions = Pick<PlanOptions, 'ignore' | 'remembered' | 'maxRemovals' | 'signal' | 'timeout'>

const OPTIONS = new PropertyNames(['ignore', 'remembered', 'maxRemovals', 'signal', 'timeout'])

/**
 * Removes the services of `scope` with all that they have, and nothing else; timeouts and sync daemons stay. `'all'` must be said.
 * Their connections are lost. What another program adds meanwhile can be left.
 */
export async function destroy(
  ipvs: ReconcileClient,
  scope: NonNullable<OwnershipOptions['manage']>,
  options: DestroyOptions = {},
): Promise<Applied> {
  checkProperties(options, 'options', OPTIONS)
  if (scope === undefined) throw invalidType('scope', "'all', function or object", scope)
  const { signal, timeout } = options
  const todo = await plan(ipvs, { services: [] }, { ...options, manage: scope })
  return apply(ipvs, todo, { signal, timeout })
}
