/** The schedulers by name. */

import { dh, sh } from './hash'
import { lc, nq, sed, wlc } from './least'
import { lblc, lblcr } from './locality'
import { mh } from './maglev'
import { fo, none, ovf, twos } from './mainline-only'
import { rr, wrr } from './round-robin'
import type { Scheduler } from './scheduler'

const SCHEDULERS: { readonly [name: string]: Scheduler } = {
  rr,
  wrr,
  lc,
  wlc,
  sed,
  nq,
  dh,
  sh,
  lblc,
  lblcr,
  fo,
  ovf,
  mh,
  twos,
  none,
}

/** `name` is one of the dialect's list. */
export const schedulerOf = (name: string): Scheduler => SCHEDULERS[name] as Scheduler
