/** /proc/net/ip_vs_ext_stats of FULLNAT kernels (v2, v3 ip_vs_ctl.c:ip_vs_estats_show). */

import type { TextSource } from './lines'
import { Lines } from './lines'

/** A row and its name, which the kernel pads to 25 characters and never cuts. */
const NAME = '([a-z][a-z0-9_]*) *:'
const ROW_NAME = new RegExp(`^${NAME}`)

/** Names of the rows, whatever else is in the text: what the dialect is told by. */
export function parseExtStatsRows(text: string): string[] {
  const rows: string[] = []
  for (const line of text.split('\n')) {
    const match = ROW_NAME.exec(line)
    if (match) rows.push(match[1] as string)
  }
  return rows
}

export interface ExtendedRow {
  readonly name: string
  /** In the order of `cpus`. */
  readonly perCpu: readonly bigint[]
}

export interface ExtendedRows {
  /** Numbers of the CPUs that are online. */
  readonly cpus: readonly number[]
  readonly rows: readonly ExtendedRow[]
}

const CAPTION = /^ {34}((?:CPU(?:0|[1-9]\d{0,3}) {7})+)$/
/** `%10lu ` for each CPU. */
const ROW = new RegExp(`^${NAME}((?: *(?:0|[1-9]\\d{0,19}) )+)$`)
const UINT64 = BigInt(1) << BigInt(64)

/** Throws `ERR_IPVS_MALFORMED_FILE` where a row has more or fewer numbers than the caption has CPUs. */
export function parseExtendedStatistics(text: string, source: TextSource): ExtendedRows {
  const lines = new Lines(text, source)
  const [, caption] = lines.match(CAPTION)
  const cpus = (caption as string)
    .trim()
    .split(/ +/)
    .map((word) => Number(word.slice('CPU'.length)))
  if (cpus.some((cpu, i) => i > 0 && cpu <= (cpus[i - 1] as number))) lines.refuse()
  const rows: ExtendedRow[] = []
  const seen = new Set<string>()
  do {
    const [, name, numbers] = lines.match(ROW)
    const perCpu = (numbers as string).trim().split(/ +/).map(BigInt)
    const wrong = perCpu.length !== cpus.length || perCpu.some((count) => count >= UINT64)
    if (wrong || seen.has(name as string)) lines.refuse()
    seen.add(name as string)
    rows.push({ name: name as string, perCpu })
  } while (!lines.ended)
  lines.end()
  return { cpus, rows }
}
