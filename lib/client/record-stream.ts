/** What is read and handed on piece by piece: `iterate()` of services, destinations and local addresses. */

import type { CallLimits } from '../dispatch/call-deadlines'
import type { CallPlan } from '../dispatch/call-plan'
import { nothing } from '../dispatch/call-plan'
import { withCallerStack } from '../dispatch/caller-stack'
import type { Dispatcher } from '../dispatch/dispatcher'
import type { StartReading } from '../dispatch/record-iterator'
import { RecordIterator } from '../dispatch/record-iterator'
import { ownError } from '../errors/ipvs-error'
import type { Context } from './operation'

/** Arguments are checked and taken now; the first `next()` sends. `limitsOf` throws for wrong options. */
export function streamRecords<T>(
  dispatcher: Dispatcher,
  context: Context,
  limitsOf: () => CallLimits,
  build: (context: Context, push: (items: readonly T[]) => void) => CallPlan<void>,
): AsyncIterableIterator<T> {
  let push: (items: readonly T[]) => void = nothing
  try {
    const limits = limitsOf()
    const plan = build(context, (items) => push(items))
    const { operation, subject } = plan
    const read: StartReading<T> = (take) => {
      push = take
      return withCallerStack(
        new Promise((resolve, reject) => dispatcher.submit(plan, limits, { resolve, reject })),
      )
    }
    const aborted = (sent: boolean) =>
      ownError('ABORT_ERR', { operation, subject, sent, cause: limits.signal?.reason })
    return new RecordIterator(read, limits.signal, aborted)
  } catch (error) {
    return new RecordIterator<T>(() => withCallerStack(Promise.reject(error)))
  }
}
