/** What the client itself counts. */

import type { ClientActivity, KernelTime } from '../model/activity'
import {
  CLIENT_CALLS,
  CLIENT_ERRORS,
  CLIENT_KERNEL_TIME,
  CLIENT_OUTCOME_UNKNOWN,
  CLIENT_PENDING,
  CLIENT_QUEUED,
  CLIENT_REQUESTS,
  CLIENT_TRIPS,
} from './definitions'
import type { Family, FamilyDefinition, Sample } from './family'
import { sample } from './family'

const boundText = (atMost: number): string => (atMost === Number.POSITIVE_INFINITY ? '+Inf' : String(atMost))

const histogram = ({ buckets, sum, count }: KernelTime): Sample[] => [
  ...buckets.map((bucket) => sample({ le: boundText(bucket.atMost) }, bucket.count, '_bucket')),
  sample({}, sum, '_sum'),
  sample({}, count, '_count'),
]

export function clientFamilies(activity: ClientActivity): Family[] {
  const one = (definition: FamilyDefinition, value: number): Family => ({
    ...definition,
    samples: [sample({}, value)],
  })
  const { calls, trips, requests, errors, outcomeUnknown, queued, pending, kernelTime } = activity
  return [
    one(CLIENT_CALLS, calls),
    one(CLIENT_TRIPS, trips),
    one(CLIENT_REQUESTS, requests),
    {
      ...CLIENT_ERRORS,
      samples: Object.keys(errors).map((code) => sample({ code }, errors[code] as number)),
    },
    one(CLIENT_OUTCOME_UNKNOWN, outcomeUnknown),
    one(CLIENT_QUEUED, queued),
    one(CLIENT_PENDING, pending),
    { ...CLIENT_KERNEL_TIME, samples: histogram(kernelTime) },
  ]
}
