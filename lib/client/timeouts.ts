/** Connection timeouts for all services. */

import { decodeTimeouts } from '../border/decode'
import { Operation } from '../border/layout.gen'
import type { CallPlan, Command } from '../dispatch/call-plan'
import { checkTimeouts } from '../input'
import { ruleWrites } from '../kernel/rules'
import type { CallOptions } from '../model/call-types'
import type { Timeouts } from '../model/types'
import type { Context, Runner } from './operation'
import { collect } from './operation'

function getTimeouts(): CallPlan<Timeouts> {
  const found: Timeouts[] = []
  return {
    operation: 'timeouts.get',
    subject: {},
    request: {
      fields: { operation: Operation.timeoutsGet },
      sinks: [collect('timeouts', decodeTimeouts, found)],
    },
    done: () => found[0] as Timeouts,
  }
}

/** Those that are named; `undefined` is not. */
export type TimeoutChanges = { readonly [name in keyof Timeouts]?: Timeouts[name] | undefined }

function setTimeouts({ capabilities }: Context, values: TimeoutChanges): Command {
  const operation = 'timeouts.set'
  const timeouts = checkTimeouts(values)
  ruleWrites(capabilities, operation)
  return { fields: { operation: Operation.timeoutsSet, timeouts } }
}

/** `ipvs.timeouts` */
export class TimeoutMethods {
  /** @internal */
  constructor(private readonly runner: Runner) {}

  /** Seconds. */
  get(options?: CallOptions): Promise<Timeouts> {
    return this.runner.run(() => getTimeouts(), options)
  }

  /**
   * Sets the named ones, 1–2147483 seconds; FULLNAT kernels check nothing and overflow beyond that
   * (ip_vs_ctl.c:ip_vs_set_timeout). On fullnat-v3 `tcp` is only the default of services added later: existing ones
   * have their `establishedTimeout`.
   */
  set(timeouts: TimeoutChanges, options?: CallOptions): Promise<void> {
    return this.runner.send(setTimeouts, options, timeouts)
  }
}
