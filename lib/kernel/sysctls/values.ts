/** Values of sysctls: from the text of the kernel, to it, and what may be written. */

import { invalidType, invalidValue, outOfRange } from '../../errors/argument-errors'
import type { Dialect } from '../../model/call-types'
import type { LocalPortRange, SysctlValue } from '../../model/sysctls'
import type { SysctlFacts } from './facts'
import { onDialect } from './facts'

const NUMBER = /^-?\d+$/
const CPU_LIST = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/
/** Where 2.6.32 means -2^31: it negates that in 32 bits and prints 64 (kernel/sysctl.c:do_proc_dointvec_conv). */
const LEAST_OF_2_6_32 = '-18446744071562067968'

const parseNumber = (text: string): number => (text === LEAST_OF_2_6_32 ? -2147483648 : Number(text))

/** Undefined where the text is none of the type, or ends within its line: the kernel ends it (kernel/sysctl.c:do_proc_dointvec). */
export function parseSysctl(facts: SysctlFacts | undefined, text: string): SysctlValue | undefined {
  if (facts === undefined) return text.trim()
  if (!text.endsWith('\n')) return undefined
  const line = text.slice(0, -1)
  if (facts.type === 'cpu-list') return line.trim()
  const words = line.split(/[ \t]+/)
  if (words.length !== (facts.type === 'pair' ? 2 : 1) || !words.every((word) => NUMBER.test(word))) {
    return undefined
  }
  const [first, second] = words.map(parseNumber) as [number, number]
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second ?? 0)) return undefined
  return facts.type === 'pair' ? [first, second] : first
}

export const formatSysctl = (value: SysctlValue): string =>
  typeof value === 'object' ? `${value[0]} ${value[1]}` : String(value)

function checkNumber({ min, max, powerOfTwo }: SysctlFacts, value: unknown, field: string): number {
  if (typeof value !== 'number') throw invalidType(field, 'number', value)
  const kind = powerOfTwo ? 'a power of two' : 'an integer'
  const whole = Number.isInteger(value) && !(powerOfTwo && (value & (value - 1)) !== 0)
  if (!whole || value < min || value > max) {
    throw outOfRange(field, `${kind} >= ${min} && <= ${max}`, value)
  }
  return value === 0 ? 0 : value
}

/**
 * ip_vs_ctl.c:proc_do_sync_threshold. FULLNAT kernels divide by the second number, also in the instant before they put back
 * what was there; on mainline 0 means that a connection is sent once.
 */
function checkPair(facts: SysctlFacts, value: unknown, dialect: Dialect): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw invalidValue('value', 'must be an array of two numbers', value)
  }
  const first = checkNumber(facts, value[0], 'value[0]')
  const second = checkNumber(facts, value[1], 'value[1]')
  const once = second === 0 && dialect === 'mainline'
  if (first >= second && !once) {
    const zero = dialect === 'mainline' ? ', or 0' : ''
    throw outOfRange('value[1]', `> value[0] (${first})${zero}`, second)
  }
  return [first, second]
}

/** `'0-2,4'` → 0, 1, 2, 4, at most up to `limit`. */
function cpusOf(list: string): Set<number> {
  const cpus = new Set<number>()
  for (const part of list.split(',').filter((text) => text !== '')) {
    const [first, last] = part.split('-').map(Number) as [number, number | undefined]
    for (let cpu = first; cpu <= (last ?? first); cpu++) cpus.add(cpu)
  }
  return cpus
}

/** NR_CPUS of the largest configurations. */
const CPU_MAX = 8191

function checkCpuList(value: unknown): string {
  if (typeof value !== 'string') throw invalidType('value', 'string', value)
  if (!CPU_LIST.test(value)) throw invalidValue('value', "must be a list of CPUs such as '0-3,8'", value)
  for (const part of value.split(',')) {
    const [first, last] = part.split('-').map(Number) as [number, number | undefined]
    if (first > CPU_MAX || (last ?? first) > CPU_MAX) {
      throw outOfRange('value', `of CPUs >= 0 && <= ${CPU_MAX}`, value)
    }
    if (last !== undefined && last < first) {
      throw invalidValue('value', "must be a list of CPUs such as '0-3,8', each range upwards", value)
    }
  }
  return value
}

/** What may be written. Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`. */
export function checkSysctl(facts: SysctlFacts, value: unknown, dialect: Dialect): SysctlValue {
  switch (facts.type) {
    case 'pair':
      return checkPair(facts, value, dialect)
    case 'cpu-list':
      return checkCpuList(value)
    default:
      return checkNumber(facts, value, 'value')
  }
}

/** Whether the kernel holds what was written; what it may make of it at once counts, too. */
export function keepsSysctl(
  facts: SysctlFacts | undefined,
  written: SysctlValue,
  held: SysctlValue,
): boolean {
  if (facts?.automatic && (written === 1 || written === 2)) return held === 1 || held === 2
  if (facts?.type === 'cpu-list' && CPU_LIST.test(String(held))) {
    const [one, other] = [cpusOf(String(written)), cpusOf(String(held))]
    return one.size === other.size && Array.from(one).every((cpu) => other.has(cpu))
  }
  return formatSysctl(written) === formatSysctl(held)
}

/** Why a value does nothing on this kernel. Its default may be written: that puts back what somebody left. */
export function withoutEffect(facts: SysctlFacts, value: SysctlValue, dialect: Dialect): string | undefined {
  if (dialect === 'unknown' || value === onDialect(facts.default, dialect)) return undefined
  return facts.noEffect?.[dialect]
}

export interface PortStep {
  readonly name: 'fullnat_lport_min' | 'fullnat_lport_max'
  readonly value: number
}

/**
 * The writes that lead from one range of ports to another. ip_vs_conn.c:ip_vs_hbind_laddr divides by the number of ports, so
 * in between there must be one at least: what makes room goes first. Where the present range is none, it is left at once.
 */
export function localPortSteps(from: LocalPortRange, to: LocalPortRange): readonly PortStep[] {
  const lower: PortStep = { name: 'fullnat_lport_min', value: to.min }
  const upper: PortStep = { name: 'fullnat_lport_max', value: to.max }
  const steps = to.max >= from.min ? [upper, lower] : [lower, upper]
  return steps.filter(({ name, value }) => value !== (name === 'fullnat_lport_min' ? from.min : from.max))
}
