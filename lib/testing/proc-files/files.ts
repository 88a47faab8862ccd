/** The text files in /proc/net, as the kernel of a dialect writes them. */

import type { KernelFile, KernelFileName } from '../../border/transport'
import { ERRNO } from '../../kernel/errno'
import { fileError, PROC_NET } from '../../kernel/file-error'
import type { KernelState } from '../table/state'
import { appText } from './app'
import { extStatsText } from './ext-stats'
import { rulesText } from './rules'
import { statusText } from './status'
import { cpuStatsText, trafficStatsText } from './traffic-stats'

type Writer = (kernel: KernelState) => string

/** The files that this kernel has. */
function writersOf({ facts, options }: KernelState): Partial<Record<KernelFileName, Writer>> {
  const common = { ip_vs_stats: trafficStatsText, ip_vs_app: appText }
  if (facts.perCpu) return { ...common, ip_vs_ext_stats: extStatsText }
  if (facts.fullnat) return { ...common, ip_vs: rulesText, ip_vs_ext_stats: extStatsText }
  const status = options.resizableTables ? { ip_vs_status: statusText } : {}
  return { ...common, ...status, ip_vs: rulesText, ip_vs_stats_percpu: cpuStatsText }
}

/** What one read gives (fs/seq_file.c:seq_read). */
const PAGE = 4096

class TextFile implements KernelFile {
  private at = 0

  constructor(private readonly bytes: Uint8Array) {}

  async read(into: Uint8Array): Promise<number> {
    const piece = this.bytes.subarray(this.at, this.at + Math.min(into.length, PAGE))
    into.set(piece)
    this.at += piece.length
    return piece.length
  }

  close(): void {}
}

/** Throws as Node's `fs` does where this kernel has no such file. */
export function openFile(kernel: KernelState, name: KernelFileName): KernelFile {
  const writer = kernel.loaded ? writersOf(kernel)[name] : undefined
  if (!writer) throw fileError(ERRNO.ENOENT, 'open', `${PROC_NET}/${name}`)
  return new TextFile(Buffer.from(writer(kernel)))
}
