/** The options that `plan` and `apply` have in common. */

import type { PlanOptions } from '../reconcile/plan'
import { UsageError } from './errors'
import type { GivenOptions, OptionSpecs } from './options'

const PERMISSIONS = ['add', 'edit', 'remove'] as const

export const PLAN_OPTIONS: OptionSpecs = {
  addresses: {
    value: 'RANGES',
    help: 'manage services of these VIPs alone: addresses, ranges, networks',
    repeats: true,
  },
  ports: {
    value: 'PORTS',
    help: 'the same by port; with several of these options, what any of them names',
    repeats: true,
  },
  fwmarks: { value: 'MARKS', help: 'the same by firewall mark', repeats: true },
  allow: { value: 'VERBS', help: `of ${PERMISSIONS.join(', ')} (default all three)`, repeats: true },
  'max-removals': { value: 'N|P%', help: 'with more removals than so many, or than such a share, do none' },
  'keep-weights': { help: 'weights of destinations that are there stay' },
  'drain-while': { value: 'WHICH', help: 'active or all: which connections keep a drained destination' },
}

function removals(text: string | undefined): PlanOptions['maxRemovals'] {
  const [, digits, share] = /^(\d+)(%?)$/.exec(text ?? '') ?? []
  if (text === undefined) return undefined
  if (digits === undefined)
    throw new UsageError(`--max-removals ${text}: must be a number, or a share such as 20%`)
  return share === '%' ? { share: Number(digits) / 100 } : Number(digits)
}

export function readPlanOptions(given: GivenOptions): PlanOptions {
  const addresses = given.list('addresses')
  const ports = given.numbers('ports', 0, 65535)
  const fwmarks = given.numbers('fwmarks', 1)
  const scoped = addresses ?? ports ?? fwmarks
  const allow = given.list('allow')
  const unknown = allow?.find((verb) => !PERMISSIONS.includes(verb as (typeof PERMISSIONS)[number]))
  if (unknown !== undefined)
    throw new UsageError(`--allow ${unknown}: must be one of ${PERMISSIONS.join(', ')}`)
  const maxRemovals = removals(given.text('max-removals'))
  const drainWhile = given.oneOf('drain-while', ['active', 'all'])
  return {
    ...(scoped ? { manage: { addresses, ports, fwmarks } } : {}),
    ...(allow ? { allow: allow as PlanOptions['allow'] } : {}),
    ...(maxRemovals === undefined ? {} : { maxRemovals }),
    ...(drainWhile ? { drainWhile } : {}),
    keepWeights: given.has('keep-weights'),
  }
}
