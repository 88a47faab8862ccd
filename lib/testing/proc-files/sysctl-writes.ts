/** What the kernel makes of a text that is written to a sysctl: kernel/sysctl.c, ip_vs_ctl.c:proc_do_*. */

import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import type { Beyond, SysctlFacts } from '../../kernel/sysctls/facts'
import { INT_MAX, onDialect } from '../../kernel/sysctls/facts'
import type { SysctlValue } from '../../model/sysctls'
import type { DialectFacts } from '../objects/kernel-numbers'

type Written = { readonly value: SysctlValue } | { readonly errno: Errno }

/** The machine as far as it matters here. */
interface Machine extends Pick<DialectFacts, 'dialect' | 'fullnat' | 'hz'> {
  readonly cpus: number
}

const REFUSED: Written = { errno: ERRNO.EINVAL }

/** Decimal, octal or hexadecimal (lib/kstrtox.c:simple_strtoul), with blanks around. */
function parseInteger(word: string): bigint | undefined {
  const match = /^(-?)(0x[\da-f]+|\d+)$/i.exec(word)
  if (!match) return undefined
  const digits = match[2] as string
  const octal = /^0[0-7]+$/.test(digits)
  if (!octal && /^0\d/.test(digits)) return undefined
  const size = BigInt(octal ? `0o${digits.slice(1)}` : digits)
  return match[1] === '-' ? -size : size
}

/** An int: 2.6.32 takes the low 32 bits of anything. Undefined: EINVAL. */
function toInt(value: bigint, { fullnat }: Machine): number | undefined {
  const int = Number(BigInt.asIntN(32, value))
  return fullnat || BigInt(int) === value ? int : undefined
}

/** Kept as ticks in an int (proc_dointvec_jiffies). */
function keptTicks(seconds: bigint, { hz, fullnat }: Machine): number | undefined {
  const ticks = toInt(seconds * BigInt(hz), { hz, fullnat } as Machine)
  return ticks === undefined ? undefined : Math.trunc(ticks / hz)
}

function beyond(facts: SysctlFacts, value: bigint, { dialect }: Machine): Beyond | undefined {
  if (value < BigInt(facts.min)) return onDialect(facts.below, dialect)
  if (value > BigInt(facts.max)) return onDialect(facts.above, dialect)
  return undefined
}

function writtenInteger(facts: SysctlFacts, word: string, old: SysctlValue, machine: Machine): Written {
  const wide = parseInteger(word)
  if (wide === undefined) return REFUSED
  const kept = (value: number | undefined): Written => (value === undefined ? REFUSED : { value })
  if (facts.powerOfTwo) {
    const value = toInt(wide, machine)
    return value !== undefined && value > 0 && (value & (value - 1)) === 0 ? { value } : REFUSED
  }
  if (facts.unit === 'seconds') return kept(keptTicks(wide, machine))
  // 2.6.32 compares what is left of it in 32 bits (do_proc_dointvec_minmax_conv).
  const value = machine.fullnat ? BigInt.asIntN(32, wide) : wide
  switch (beyond(facts, value, machine)) {
    case 'refused':
    case 'varies':
      return REFUSED
    case 'restored':
      return { value: old }
    // An unsigned long, where it is no int.
    case 'taken':
      return facts.unit === 'messages' ? { value: Number(value) } : kept(toInt(value, machine))
    default:
      // There is memory enough (ip_vs_ctl.c:update_defense_level).
      return { value: facts.automatic && value === BigInt(2) ? 1 : Number(value) }
  }
}

/** ip_vs_ctl.c:proc_do_sync_threshold; one number leaves the second as it is. */
function writtenPair(words: readonly string[], old: readonly [number, number], machine: Machine): Written {
  const pair = [old[0], old[1]] as [number, number]
  for (const [index, word] of words.slice(0, 2).entries()) {
    const wide = parseInteger(word)
    const value = wide === undefined ? undefined : toInt(wide, machine)
    if (value === undefined) return REFUSED
    pair[index] = value
  }
  const [first, second] = pair
  const once = second === 0 && !machine.fullnat
  if (first >= 0 && second >= 0 && (first < second || once)) return { value: pair }
  return machine.fullnat ? { value: old } : REFUSED
}

/** lib/bitmap.c:bitmap_parselist, and how it prints them: `0-2,4`. */
function writtenCpus(text: string, { cpus }: Machine): Written {
  const set = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (!match) return REFUSED
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last < first || last > INT_MAX) return REFUSED
    if (last >= cpus) return { errno: ERRNO.ERANGE }
    for (let cpu = first; cpu <= last; cpu++) set.add(cpu)
  }
  const ranges: [number, number][] = []
  for (const cpu of Array.from(set).sort((one, other) => one - other)) {
    const range = ranges[ranges.length - 1]
    if (range && range[1] === cpu - 1) range[1] = cpu
    else ranges.push([cpu, cpu])
  }
  return { value: ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',') }
}

/** The value that the kernel holds then, or why it refuses. */
export function writtenValue(facts: SysctlFacts, text: string, old: SysctlValue, machine: Machine): Written {
  const words = text.trim().split(/\s+/)
  // Nothing written changes nothing.
  if (words[0] === '') return { value: old }
  switch (facts.type) {
    case 'pair':
      return writtenPair(words, old as readonly [number, number], machine)
    case 'cpu-list':
      return writtenCpus(words[0] as string, machine)
    default:
      return writtenInteger(facts, words[0] as string, old, machine)
  }
}
