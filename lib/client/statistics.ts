/** Statistics of the whole kernel: what it forwarded, and what else it counted. */

import { extendedCounterFacts } from '../kernel/extended-counters'
import type { FileError } from '../kernel/file-error'
import { ruleExtendedStats, ruleStatus } from '../kernel/file-rules'
import type {
  ApplicationHelper,
  ExtendedCounter,
  ExtendedStatistics,
  KernelStatus,
  TrafficStatistics,
} from '../model/observed'
import { parseApplicationHelpers } from '../procfs/application-helpers'
import type { ExtendedRow, ExtendedRows } from '../procfs/extended-statistics'
import { parseExtendedStatistics } from '../procfs/extended-statistics'
import { parseKernelStatus } from '../procfs/kernel-status'
import { parseCpuStatistics, parseTrafficStatistics } from '../procfs/traffic-statistics'
import type { FileCall } from './file-call'
import { readKernelFile } from './file-call'

/** The code is ours by then, the errno the kernel's. */
const isAbsent = (error: unknown): boolean =>
  ((error as { cause?: unknown }).cause as Partial<FileError> | undefined)?.code === 'ENOENT'

export async function readTrafficStatistics(call: FileCall): Promise<TrafficStatistics> {
  const statistics = await readKernelFile(call, 'ip_vs_stats', parseTrafficStatistics)
  if (statistics.cpus.length > 0) return statistics
  try {
    const { cpus } = await readKernelFile(call, 'ip_vs_stats_percpu', parseCpuStatistics)
    return { ...statistics, cpus }
  } catch (error) {
    // Linux before 2.6.39 has no such file.
    if (isAbsent(error)) return statistics
    throw error
  }
}

function counterOf({ name, perCpu }: ExtendedRow): ExtendedCounter {
  const facts = extendedCounterFacts(name)
  const total = BigInt.asUintN(
    64,
    perCpu.reduce((sum, count) => sum + count, BigInt(0)),
  )
  return { name, total, perCpu, group: facts?.group, meaning: facts?.meaning, advice: facts?.advice }
}

class ExtendedCounters implements ExtendedStatistics {
  readonly cpus: readonly number[]
  readonly counters: readonly ExtendedCounter[]

  constructor({ cpus, rows }: ExtendedRows) {
    this.cpus = cpus
    this.counters = rows.map(counterOf)
  }

  get(name: string): ExtendedCounter | undefined {
    return this.counters.find((counter) => counter.name === name)
  }
}

export async function readExtendedStatistics(call: FileCall): Promise<ExtendedStatistics> {
  ruleExtendedStats(call.capabilities, call.operation)
  return readKernelFile(
    call,
    'ip_vs_ext_stats',
    (text, source) => new ExtendedCounters(parseExtendedStatistics(text, source)),
  )
}

export const readApplicationHelpers = (call: FileCall): Promise<ApplicationHelper[]> =>
  readKernelFile(call, 'ip_vs_app', parseApplicationHelpers)

export async function readKernelStatus(call: FileCall): Promise<KernelStatus> {
  ruleStatus(call.capabilities, call.operation)
  return readKernelFile(call, 'ip_vs_status', parseKernelStatus)
}
