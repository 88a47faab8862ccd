/** Connection synchronisation daemons. */

import { decodeDaemon } from '../border/decode'
import { Operation } from '../border/layout.gen'
import type { CallPlan, Command } from '../dispatch/call-plan'
import { checkDaemonInput, checkDaemonState } from '../input'
import { ruleDaemon, ruleWrites } from '../kernel/rules'
import type { CallOptions } from '../model/call-types'
import type { DaemonInfo, DaemonInput, DaemonState } from '../model/types'
import type { Context, Runner } from './operation'
import { collect } from './operation'

function listDaemons(): CallPlan<DaemonInfo[]> {
  const found: DaemonInfo[] = []
  return {
    operation: 'daemons.list',
    subject: {},
    request: {
      fields: { operation: Operation.daemonList },
      sinks: [collect('daemons', decodeDaemon, found)],
    },
    done: () => found,
  }
}

function startDaemon({ capabilities, force }: Context, input: DaemonInput): Command {
  const operation = 'daemons.start'
  const daemon = checkDaemonInput(input)
  ruleDaemon(capabilities, daemon, force, operation)
  return { fields: { operation: Operation.daemonStart, daemon } }
}

function stopDaemon({ capabilities }: Context, state: DaemonState): Command {
  const operation = 'daemons.stop'
  const daemonState = checkDaemonState(state)
  ruleWrites(capabilities, operation)
  return { fields: { operation: Operation.daemonStop, daemonState } }
}

/** `ipvs.daemons` */
export class Daemons {
  /** @internal */
  constructor(private readonly runner: Runner) {}

  /** The daemons that run, at most one of each state. */
  list(options?: CallOptions): Promise<DaemonInfo[]> {
    return this.runner.run(() => listDaemons(), options)
  }

  /**
   * Rejects with `EEXIST` where one of this state runs, with `ENODEV` for an unknown interface, and with
   * `ERR_IPVS_UNSUPPORTED` on FULLNAT kernels unless the client was opened with `force`: a synced FULLNAT connection
   * carries no local address and crashes the backup (ip_vs_sync.c:ip_vs_process_message).
   */
  start(daemon: DaemonInput, options?: CallOptions): Promise<void> {
    return this.runner.send(startDaemon, options, daemon)
  }

  /** Rejects with `ESRCH` where none of this state runs. Can take a second. */
  stop(state: DaemonState, options?: CallOptions): Promise<void> {
    return this.runner.send(stopDaemon, options, state)
  }
}
