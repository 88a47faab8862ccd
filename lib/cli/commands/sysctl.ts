/** `sysctl` */

import { toJson } from '../../model/json'
import type { SysctlInfo, SysctlValue } from '../../model/sysctls'
import type { Command, Invocation } from '../command'
import { EXIT, UsageError } from '../errors'
import { formatTable } from '../table'

const shown = (value: SysctlValue | 'computed' | undefined): string =>
  value === undefined ? '' : typeof value === 'object' ? value.join(' ') : String(value)

function listTable(list: readonly SysctlInfo[], width: number | undefined): string {
  const columns = [
    { title: 'Name' },
    { title: 'Value' },
    { title: 'Unit' },
    { title: 'Default' },
    { title: 'Meaning', shrinks: true },
  ]
  const rows = list.map((one) => [
    one.name,
    shown(one.value),
    one.unit ?? '',
    shown(one.default),
    one.meaning ?? '',
  ])
  return formatTable(columns, rows, width)
}

function details(one: SysctlInfo): string {
  const { name, value, unit, range, meaning, caution, noEffect } = one
  const lines = [
    `${name} = ${shown(value)}${unit === undefined ? '' : ` ${unit}`}`,
    meaning,
    range && `range ${range.min} to ${range.max}`,
    one.default === undefined ? undefined : `default ${shown(one.default)}`,
    caution,
    noEffect && `no effect here: ${noEffect}`,
  ]
  return `${lines.filter((line) => line !== undefined && line !== '').join('\n  ')}\n`
}

/** What the type of the sysctl has: a number, two of them, or text. */
function readValue(words: readonly string[], { type }: SysctlInfo): SysctlValue {
  const numbers = words.join(' ').split(/[\s,]+/)
  const whole = numbers.every((word) => /^-?\d+$/.test(word))
  if (type === 'pair' && whole && numbers.length === 2)
    return numbers.map(Number) as unknown as [number, number]
  if (type === 'integer' && whole && numbers.length === 1) return Number(numbers[0])
  // What is wrong with it the library says.
  return words.join(' ')
}

async function set({ operands, director, call, out, json }: Invocation): Promise<void> {
  const [, name, ...words] = operands
  if (name === undefined || words.length === 0) throw new UsageError('sysctl set needs NAME and VALUE')
  const ipvs = await director()
  const before: SysctlInfo = await ipvs.sysctl.get(name, call)
  await ipvs.sysctl.set(name, readValue(words, before), call)
  const after: SysctlInfo = await ipvs.sysctl.get(name, call)
  const text = `${name} = ${shown(after.value)} (was ${shown(before.value)})\n`
  await out.write(json ? `${toJson(after, 2)}\n` : text)
}

export const command: Command = {
  operands: ['list|get|set', 'NAME', 'VALUE…'],
  needs: 0,
  about: [
    'sysctl [list]          all of them, with their meaning',
    'sysctl get NAME…       some of them, with range, default and what to know before it is changed',
    'sysctl set NAME VALUE  one; what hurts on this kernel is refused before it is written',
  ],
  options: {},
  director: true,
  json: true,
  async run(invocation) {
    const { operands, director, call, out, json } = invocation
    const [verb = 'list', ...names] = operands
    if (verb === 'set') {
      await set(invocation)
      return EXIT.done
    }
    if (verb === 'list' && names.length === 0) {
      const list = await (await director()).sysctl.list(call)
      await out.write(json ? `${toJson(list, 2)}\n` : listTable(list, out.columns))
      return EXIT.done
    }
    if (verb === 'get' && names.length === 0) throw new UsageError('sysctl get needs NAME')
    if (verb !== 'get')
      throw new UsageError(`sysctl ${operands.join(' ')}: must be list, get NAME or set NAME VALUE`)
    const ipvs = await director()
    const found: SysctlInfo[] = []
    for (const name of names) found.push(await ipvs.sysctl.get(name, call))
    await out.write(json ? `${toJson(found, 2)}\n` : found.map(details).join(''))
    return EXIT.done
  },
}
