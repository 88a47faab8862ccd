/** What the fake kernel counts for itself: everything that was forwarded, and the extended statistics. */

import type { KnownExtendedCounter } from '../../model/extended-counter-names'
import type { Counters } from './counters'
import { addCounters, COUNTERS, newCounters } from './counters'
import type { Estimator } from './estimator'
import { newEstimator } from './estimator'

export class KernelCounters {
  /** By CPU: ip_vs_ctl.c:ip_vs_stats of FULLNAT kernels, tot_stats of mainline. */
  traffic: Counters[]
  /** What `traffic` was when it was set to zero last: mainline goes on counting per CPU (ip_vs_ctl.c:ip_vs_zero_stats). */
  zero = newCounters()
  estimator: Estimator = newEstimator()
  /** By CPU; what is missing is 0. */
  extended: Map<KnownExtendedCounter, bigint>[]

  constructor(cpus: number) {
    this.traffic = Array.from({ length: cpus }, newCounters)
    this.extended = Array.from({ length: cpus }, () => new Map())
  }

  /** Of all CPUs since they were set to zero. */
  get total(): Counters {
    const sum = newCounters()
    for (const one of this.traffic) addCounters(sum, one)
    for (const name of COUNTERS) sum[name] -= this.zero[name]
    return sum
  }

  count(cpu: number, counts: Partial<Counters>): void {
    addCounters(this.traffic[cpu] as Counters, counts)
  }

  countExtended(cpu: number, name: KnownExtendedCounter): void {
    const counts = this.extended[cpu] as Map<KnownExtendedCounter, bigint>
    counts.set(name, (counts.get(name) ?? BigInt(0)) + BigInt(1))
  }

  /** What ip_vs_zero_all does; `perCpu`: those of each CPU are set to zero themselves (FULLNAT). */
  setToZero(perCpu: boolean): void {
    if (perCpu) this.traffic = this.traffic.map(newCounters)
    else addCounters(this.zero, this.total)
    this.estimator = newEstimator()
  }
}
