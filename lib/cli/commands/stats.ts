/** `stats` */

import type { Ipvs } from '../../client/ipvs'
import { toJson } from '../../model/json'
import type { ExtendedStatistics, TrafficStatistics } from '../../model/observed'
import type { Command, Invocation } from '../command'
import { EXIT } from '../errors'
import { formatTable } from '../table'

const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const
const TITLES = ['Connections', 'In packets', 'Out packets', 'In bytes', 'Out bytes']

function trafficTable({ total, cpus, rates }: TrafficStatistics, width: number | undefined): string {
  const row = (name: string, counters: { readonly [name in (typeof COUNTERS)[number]]: bigint }) => [
    name,
    ...COUNTERS.map((counter) => String(counters[counter])),
  ]
  const rows = [
    row('total', total),
    ...(rates ? [row('per second', rates)] : []),
    ...cpus.map((one) => row(`CPU ${one.cpu}`, one)),
  ]
  return formatTable([{ title: '' }, ...TITLES.map((title) => ({ title, right: true }))], rows, width)
}

function extendedTable({ counters }: ExtendedStatistics, all: boolean, width: number | undefined): string {
  const shown = all ? counters : counters.filter(({ total }) => String(total) !== '0')
  const hidden = counters.length - shown.length
  const rows = shown.map(({ name, total, meaning = '', advice }) => [
    name,
    String(total),
    advice === undefined ? meaning : `${meaning}. ${advice}`,
  ])
  const columns = [
    { title: 'Extended' },
    { title: 'Count', right: true },
    { title: 'Meaning', shrinks: true },
  ]
  const table = rows.length > 0 ? formatTable(columns, rows, width) : ''
  return `${table}${hidden > 0 ? `${hidden} extended counters are 0 (--all)\n` : ''}`
}

async function read(ipvs: Ipvs, { call }: Invocation) {
  const [traffic, extended] = await Promise.all([
    ipvs.stats(call),
    ipvs.capabilities.extendedStats ? ipvs.extendedStats(call) : undefined,
  ])
  return { traffic, extended }
}

export const command: Command = {
  operands: [],
  about: ['What the kernel has forwarded in all, and what FULLNAT kernels count besides.'],
  options: { all: { help: 'extended counters that are 0, too' } },
  director: true,
  json: true,
  async run(invocation) {
    const { director, out, options, json } = invocation
    const { traffic, extended } = await read(await director(), invocation)
    if (json) {
      const { cpus, counters } = extended ?? {}
      await out.write(`${toJson({ ...traffic, extended: extended && { cpus, counters } }, 2)}\n`)
      return EXIT.done
    }
    await out.write(trafficTable(traffic, out.columns))
    if (extended) await out.write(`\n${extendedTable(extended, options.has('all'), out.columns)}`)
    return EXIT.done
  },
}
