/** Time of the fake kernel: it stands still until somebody moves it. */

import type { Counters } from '../objects/counters'
import type { Estimator } from '../objects/estimator'
import { ESTIMATION_PERIOD, estimate } from '../objects/estimator'
import { purgeTrash } from '../table/destinations'
import type { KernelState } from '../table/state'
import { release } from './connections'
import { countExpiry } from './extended-events'
import { dropTemplate } from './persistence'

/** Milliseconds after which a template that still controls connections is looked at again (ip_vs_conn_expire). */
const templateDelay = ({ facts }: KernelState) => (facts.fullnat ? 2000 : 60_000)

interface Due {
  readonly at: number
  expire(): void
}

/** What ends up to `until`, the earliest first. */
function dueUntil(kernel: KernelState, until: number): Due[] {
  const due: Due[] = []
  for (const connection of kernel.connections.values()) {
    if (connection.expires <= until) {
      due.push({
        at: connection.expires,
        expire: () => {
          countExpiry(kernel, connection)
          release(kernel, connection)
        },
      })
    }
  }
  for (const template of kernel.templates.values()) {
    if (template.expires > until) continue
    const expire = () => {
      if (template.controls > 0) template.expires = kernel.now + templateDelay(kernel)
      else dropTemplate(kernel, template)
    }
    due.push({ at: template.expires, expire })
  }
  return due.sort((one, other) => one.at - other.at)
}

/** Every tick of the estimator between two times; averages that have come to rest are left alone. */
function estimateBetween(kernel: KernelState, from: number, until: number): void {
  if (kernel.facts.fullnat) return
  let ticks = Math.floor(until / ESTIMATION_PERIOD) - Math.floor(from / ESTIMATION_PERIOD)
  const { counters } = kernel
  const all: { estimator: Estimator; stats: Counters }[] = [
    { estimator: counters.estimator, stats: counters.total },
  ]
  for (const service of kernel.services.values())
    all.push(service, ...Array.from(service.destinations.values()))
  let moving = all
  for (; ticks > 0 && moving.length > 0; ticks--) {
    moving = moving.filter(({ estimator, stats }) => estimate(estimator, stats))
  }
}

/** Lets `ms` milliseconds go by. */
export function advance(kernel: KernelState, ms: number): void {
  const from = kernel.now
  const until = from + ms
  // A template that is put off can come due again.
  for (let due = dueUntil(kernel, until); due.length > 0; due = dueUntil(kernel, until)) {
    for (const { at, expire } of due) {
      kernel.now = Math.max(kernel.now, at)
      expire()
    }
  }
  kernel.now = until
  estimateBetween(kernel, from, until)
  purgeTrash(kernel)
}
