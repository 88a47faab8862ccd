/** Polls, and shows each. */

import type { EventEmitter } from 'events'
import type { Ipvs } from '../../client/ipvs'
import type { WatchState } from '../../model/watch-types'
import type { CliInput, CliStream } from '../io'
import { Output } from '../output'
import type { CountedStates, SimulatedTime, SortName } from './reading'
import type { Shown } from './terminal'
import { inPipe, onTerminal } from './terminal'
import { sum } from './text'
import { View } from './view'

/** A world in which something happens between two polls. */
export interface SimulatedWorld extends SimulatedTime {
  step(): Promise<void>
}

export interface TopOptions {
  /** Milliseconds. */
  readonly interval: number
  /** Ends after so many polls; undefined: never. */
  readonly count?: number | undefined
  readonly sort: SortName
  /** States are counted where there are so many connections at most. */
  readonly states: number
  /** Plain blocks, not a screen. */
  readonly plain: boolean
  readonly color: boolean
  readonly banner?: string | undefined
  readonly world?: SimulatedWorld | undefined
  readonly input: CliInput
  readonly output: CliStream
  /** Emits SIGINT, SIGTERM, SIGHUP: the process. */
  readonly signals?: EventEmitter | undefined
}

/** `{ problem }` where the kernel has no list, or a long one. */
async function countStates(
  ipvs: Ipvs,
  { snapshot }: WatchState,
  most: number,
  signal: AbortSignal | undefined,
): Promise<CountedStates> {
  if (!ipvs.capabilities.connectionList) return { problem: 'this kernel has no list of connections' }
  const there = sum(snapshot.services, ({ destinations }) =>
    sum(destinations, (one) => one.activeConnections + one.inactiveConnections + one.persistentConnections),
  )
  if (most === 0) return { problem: 'not asked for' }
  if (there > most) return { problem: `not counted: ${there} connections are more than --states ${most}` }
  try {
    return { counts: await ipvs.connections.count({ by: 'state', signal }) }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Until it is ended by a key, a signal, `count` polls or a reader that has gone. */
export async function runTop(ipvs: Ipvs, options: TopOptions): Promise<void> {
  const { interval, count = Number.POSITIVE_INFINITY, sort, states, plain, world, banner } = options
  const { output, signals } = options
  const view = new View(ipvs, { world, sort, banner })
  const watch = ipvs.watch({ interval })
  // Node 10 has none, and there a listing of connections runs to its end.
  const counting = typeof AbortController === 'function' ? new AbortController() : undefined
  const out = new Output(output)
  let over = false
  let shown: Shown | undefined
  const end = () => {
    over = true
    shown?.close()
    counting?.abort()
    watch.return?.()
  }
  output.on?.('error', end)
  for (const name of SIGNALS) signals?.on(name, end)
  try {
    shown = plain ? inPipe(view, out) : onTerminal(view, options, end)
    let polls = 0
    for await (const event of watch) {
      const counted: CountedStates = event.error
        ? {}
        : await countStates(ipvs, event, states, counting?.signal)
      if (over) break
      view.take(event, counted)
      await shown.update()
      if (++polls >= count) break
      await world?.step()
      await shown.resumed()
      if (over) break
    }
  } finally {
    shown?.close()
    for (const name of SIGNALS) signals?.removeListener(name, end)
    output.removeListener?.('error', end)
    out.release()
  }
  // Rejects with what was wrong with the output, unless its reader has gone.
  await out.write('')
}
