/** The way back from a lab, also from one that never came to be: the next file finds the kernel as this one did. */

import { readFileSync } from 'node:fs'
import type { Ipvs, Timeouts } from '../../../lib'
// @ts-expect-error: a script without types
import type { Lab, Settings } from './lab.mjs'
import { until } from './until'

/** Active and inactive ones, of all destinations. */
export async function connectionsOf(ipvs: Ipvs): Promise<number> {
  const { services } = await ipvs.snapshot()
  return services
    .flatMap(({ destinations }) => destinations)
    .reduce((sum, one) => sum + one.activeConnections + one.inactiveConnections, 0)
}

interface Ending {
  readonly ipvs: Ipvs
  /** Undefined: it could not be started. */
  readonly lab: Lab | undefined
  /** How many connections there are still; default those of all destinations. */
  readonly connections?: () => Promise<number>
  readonly settings: Settings
  /** What they were before. */
  readonly timeouts: Timeouts
}

/**
 * A connection keeps the device that it goes through, and 2.6.32 waits for that when the namespaces go; the next test makes
 * devices of the same names. Mainline does not (ip_vs_ctl.c:ip_vs_dst_event), which is as well: its TIME_WAIT is two minutes.
 */
export async function endLab({ ipvs, lab, settings, timeouts, ...more }: Ending): Promise<void> {
  const { connections = () => connectionsOf(ipvs) } = more
  try {
    await lab?.releaseAll()
    if (ipvs.capabilities.fullnat) await until('there are no connections', connections, (sum) => sum === 0)
    await ipvs.flush()
    await lab?.close()
    await until(
      'the devices have gone',
      () => readFileSync('/proc/net/dev', 'utf8'),
      (names) => !names.includes('veth'),
    )
  } finally {
    settings.restore()
    await ipvs.timeouts.set(timeouts)
  }
}
