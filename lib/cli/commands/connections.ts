/** `connections` */

import type { ConnectionCountBy, ConnectionOptions, EndpointFilter } from '../../model/connection-filter'
import { formatDestinationKey, parseDestinationKey, parseServiceKey } from '../../model/keys'
import type { ConnectionInfo } from '../../model/observed'
import type { Command, Invocation } from '../command'
import { writeConnections } from '../connection-rows'
import { EXIT, UsageError } from '../errors'
import type { GivenOptions } from '../options'
import { formatTable } from '../table'

const service = (text: string | undefined) => {
  const key = text === undefined ? undefined : parseServiceKey(text)
  if (text === undefined || key) return key
  throw new UsageError(`--service ${text}: must be like 'tcp 192.0.2.1:80' or 'fwmark 7'`)
}

/** An address, or an address with a port. */
const endpoint = (text: string | undefined): EndpointFilter | undefined =>
  text === undefined ? undefined : (parseDestinationKey(text) ?? text)

function readFilter(options: GivenOptions): ConnectionOptions {
  if (options.has('templates') && options.has('no-templates')) {
    throw new UsageError('--templates beside --no-templates')
  }
  const templates = options.has('templates') ? true : options.has('no-templates') ? false : undefined
  return {
    service: service(options.text('service')),
    client: endpoint(options.text('client')),
    destination: endpoint(options.text('destination')),
    localAddress: options.text('local-address'),
    states: options.list('state'),
    limit: options.whole('limit', 1),
    templates,
    origin: options.has('origin') || undefined,
  }
}

const WIDTHS = { protocol: 5, state: 11, expires: 7, endpoint: 22 } as const
const END = /\s+$/

/** On a terminal that is too narrow the columns close up, and what is still too long is cut. */
function narrowed(cells: readonly string[], padded: string, width: number | undefined): string {
  if (width === undefined || padded.length <= width) return padded
  const close = cells.filter(Boolean).join(' ')
  return close.length <= width ? close : `${close.slice(0, Math.max(0, width - 1))}~`
}

function line(cells: readonly string[], fullnat: boolean, width: number | undefined): string {
  const [protocol, state, expires, client, virtual, local, destination, note] = cells as string[]
  const endpoints = [client, virtual, ...(fullnat ? [local] : []), destination] as string[]
  const padded = [
    (protocol as string).padEnd(WIDTHS.protocol),
    (state as string).padEnd(WIDTHS.state),
    (expires as string).padStart(WIDTHS.expires),
    ...endpoints.map((text) => text.padEnd(WIDTHS.endpoint)),
    note,
  ]
  const shown = [protocol, state, expires, ...endpoints, note] as string[]
  return `${narrowed(shown, padded.join(' ').replace(END, ''), width)}\n`
}

const TITLES = ['Prot', 'State', 'Expires', 'Client', 'Virtual', 'Local address', 'Destination', '']

function cellsOf(one: ConnectionInfo): string[] {
  const { protocol, state, expires, client, virtual, fwmark, localAddress, destination, origin, engine } = one
  const notes = [
    one.template ? 'template' : '',
    origin === 'sync' ? 'sync' : '',
    engine ? `${engine.name} ${engine.data}` : '',
  ]
  return [
    String(protocol),
    state,
    `${expires}s`,
    formatDestinationKey(client),
    virtual ? formatDestinationKey(virtual) : `fwmark ${fwmark}`,
    localAddress ? formatDestinationKey(localAddress) : '-',
    formatDestinationKey(destination),
    // What another director has sent can hold anything.
    notes
      .filter(Boolean)
      .join(' ')
      .replace(/[^ -~]/g, '?'),
  ]
}

const BY: { readonly [name: string]: ConnectionCountBy } = {
  state: 'state',
  destination: 'destination',
  'local-address': 'localAddress',
}

async function count(invocation: Invocation, filter: ConnectionOptions): Promise<void> {
  const { options, director, out, call, json } = invocation
  const by = options.oneOf('by', Object.keys(BY))
  const ipvs = await director()
  if (by === undefined) {
    const sum = await ipvs.connections.count({ ...filter, ...call })
    await out.write(json ? `${JSON.stringify({ count: sum })}\n` : `${sum}\n`)
    return
  }
  const counts = await ipvs.connections.count({ ...filter, ...call, by: BY[by] as ConnectionCountBy })
  const rows = Array.from(counts)
  if (json) {
    const counted = rows.map(([name, connections]) => ({ [by]: name, connections }))
    await out.write(`${JSON.stringify(counted, null, 2)}\n`)
    return
  }
  const columns = [
    { title: by, shrinks: true },
    { title: 'connections', right: true },
  ]
  await out.write(
    formatTable(
      columns,
      rows.map(([name, sum]) => [name, String(sum)]),
      out.columns,
    ),
  )
}

export const command: Command = {
  operands: [],
  about: [
    'Connections and persistence templates, those that have all that is asked for, one a line as they',
    'come. The work of most kernels grows with the square of their number: docs/connections.md.',
  ],
  options: {
    service: { value: 'SERVICE', help: "what clients send to: 'tcp 192.0.2.1:80', 'fwmark 7'" },
    client: { value: 'ADDRESS', help: 'an address, or address:port' },
    destination: { value: 'ADDRESS', help: 'the same' },
    'local-address': { value: 'ADDRESS', help: 'FULLNAT kernels' },
    state: { value: 'STATES', help: 'one of these: established,syn-recv', repeats: true },
    templates: { help: 'persistence templates alone' },
    'no-templates': { help: 'no persistence templates' },
    limit: { value: 'N', help: 'so many at most' },
    origin: { help: 'tell those that came from a sync daemon' },
    count: { help: 'how many there are' },
    by: { value: 'WHAT', help: `how many there are by ${Object.keys(BY).join(', ')}` },
  },
  director: true,
  json: true,
  async run(invocation) {
    const { options, director, call, out } = invocation
    const filter = readFilter(options)
    if (options.has('count') || options.has('by')) {
      await count(invocation, filter)
      return EXIT.done
    }
    const ipvs = await director()
    const fullnat = ipvs.capabilities.localAddresses
    await writeConnections(ipvs.connections.iterate({ ...filter, ...call }), invocation, {
      titles: line(TITLES, fullnat, out.columns),
      row: (one) => line(cellsOf(one), fullnat, out.columns),
    })
    return EXIT.done
  },
}
