/** `top` */

import type { Command, Invocation } from '../command'
import { EXIT } from '../errors'
import { COMMON_OPTIONS, KERNELS, refuseOthers } from '../globals'
import type { SortName } from '../top/reading'
import { SORTS } from '../top/reading'
import type { TopOptions } from '../top/run-top'
import { runTop } from '../top/run-top'

/** What the command line and the environment say. */
export function readOptions({
  io,
  options,
  globals,
}: Pick<Invocation, 'io' | 'options' | 'globals'>): TopOptions {
  return {
    interval: options.seconds('interval') ?? 2000,
    count: options.whole('count', 1),
    sort: options.oneOf('sort', Object.keys(SORTS) as SortName[]) ?? 'conns',
    states: options.whole('states', 0) ?? 10_000,
    plain: options.has('plain') || !io.stdout.isTTY || io.env.TERM === 'dumb',
    color: !io.env.NO_COLOR && !globals.has('no-color'),
    input: io.stdin,
    output: io.stdout,
    signals: io.signals,
  }
}

export const command: Command = {
  operands: [],
  about: [
    'Services and their destinations by rate, use of the local addresses, states of connections, what',
    'has changed: a screen on a terminal (the key ? says which keys there are), a block of plain lines',
    'for each poll in a pipe.',
  ],
  options: {
    interval: { value: 'SECONDS', help: 'from one poll to the next (default 2)' },
    count: { value: 'POLLS', help: 'end after so many' },
    sort: { value: 'BY', help: `${Object.keys(SORTS).join(', ')} (default conns)` },
    states: { value: 'MOST', help: 'count states of so many connections at most (default 10000), 0 never' },
    plain: { help: 'plain lines on a terminal, too' },
    demo: { value: 'KERNEL', help: `simulated traffic on a kernel in memory: ${KERNELS.join(', ')}` },
  },
  director: true,
  json: false,
  ownSignals: true,
  async run(invocation) {
    const options = readOptions(invocation)
    const demo = invocation.options.oneOf('demo', KERNELS)
    if (demo === undefined) {
      const path = invocation.globals.text('fake')
      const banner = path === undefined ? undefined : `FakeKernel in ${path}, NOT A REAL KERNEL`
      await runTop(await invocation.director(), { ...options, banner })
      return EXIT.done
    }
    refuseOthers(invocation.globals, COMMON_OPTIONS, '--demo')
    const { openSimulation, SIMULATED_BANNER } = await import('../top/simulation')
    const world = await openSimulation(demo)
    try {
      await runTop(world.ipvs, { ...options, world, banner: SIMULATED_BANNER })
    } finally {
      await world.ipvs.close()
    }
    return EXIT.done
  },
}
