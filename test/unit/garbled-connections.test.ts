// Lists of connections that no kernel writes, through the public methods: the rows before what is none, never a wrong one in
// silence; and every filter beside a naive one. The parser alone has tests of its own.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConnectionInfo, ConnectionOptions, IpvsError } from '../../lib'
import { anyLine, LAYOUTS, type Layout, print, read } from './support/connection-lines'
import { BytesFile, clientOf, garbled } from './support/garbled'
import { goldenFile, goldenNames } from './support/golden-proc'

/** What a caller must get, made by nothing of the library: the rows before what is no line, and where that is. */
function wanted(text: string): { rows: ConnectionInfo[]; line: number | undefined } {
  const lines = text.split('\n')
  const rest = lines.pop()
  const [header, ...others] = lines
  const layout = LAYOUTS.find((one) => one.header.replace(/ +/g, ' ') === header?.replace(/ +/g, ' '))
  if (!layout) return { rows: [], line: 1 }
  const rows: ConnectionInfo[] = []
  const seen = new Set<string>()
  for (const [index, line] of others.entries()) {
    const row = read(line, layout)
    if (!row) return { rows, line: index + 2 }
    const { state: _state, expires: _expires, origin: _origin, template: _template, ...rest } = row
    // The columns of a template or of another method are part of what it is, too.
    const identity = JSON.stringify([rest, line.split(/ +/).slice(1, layout.local ? 9 : 7)])
    if (!seen.has(identity)) rows.push(row)
    seen.add(identity)
  }
  return { rows, line: rest === '' ? undefined : others.length + 2 }
}

const CONNECTION_FILES = goldenNames('ip_vs_conn').concat(goldenNames('ip_vs_conn_sync'))

async function checkConnections(text: string, piece: number, client: Awaited<ReturnType<typeof clientOf>>) {
  const file = new BytesFile(Buffer.from(text, 'latin1'), piece)
  client.set(() => ({ open: async () => file }))
  const rows: ConnectionInfo[] = []
  let error: IpvsError | undefined
  try {
    for await (const row of client.ipvs.connections.iterate()) rows.push(row)
  } catch (reason) {
    error = reason as IpvsError
  }
  const { rows: expected, line } = wanted(text)
  expect(rows).toEqual(expected)
  expect(error?.line).toBe(line)
  expect(file.closed).toBe(1)
  if (line === undefined) return
  expect(error).toMatchObject({
    code: 'ERR_IPVS_MALFORMED_FILE',
    operation: 'connections.iterate',
    file: '/proc/net/ip_vs_conn',
    text: (text.split('\n')[line - 1] as string).slice(0, 200),
  })
}

describe('connections', () => {
  it.each(CONNECTION_FILES)('%s: rows before what is none, in pieces of any size', async (name) => {
    const client = await clientOf({ dialect: name.includes('mainline') ? 'mainline' : 'fullnat-v2' })
    const text = Buffer.from(goldenFile(name)).toString('latin1')
    for (const piece of [1, 79, 4096]) await checkConnections(text, piece, client)
    for (const one of garbled(text)) await checkConnections(one, 65536, client)
    for (const one of garbled(text.slice(0, 400))) await checkConnections(one, 13, client)
    await client.ipvs.close()
  })

  it('random bytes behind a header', async () => {
    const client = await clientOf({ dialect: 'fullnat-v2' })
    const header = fc.constantFrom('', ...LAYOUTS.map((one) => `${one.header}\n`))
    const noise = fc.uint8Array({ maxLength: 400 })
    await fc.assert(
      fc.asyncProperty(header, noise, fc.integer({ min: 1, max: 100 }), async (start, bytes, piece) => {
        await checkConnections(start + Buffer.from(bytes).toString('latin1'), piece, client)
      }),
    )
    await client.ipvs.close()
  })
})

// ---- filters

describe.each(LAYOUTS)('filters of $name', (layout: Layout) => {
  const isLocal = layout.local

  it('give what a naive one gives, in its order', async () => {
    const client = await clientOf({ dialect: isLocal ? 'fullnat-v2' : 'mainline' })
    const part = fc.constantFrom('whole', 'address', 'none')
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyLine, { minLength: 1, maxLength: 12 }),
        fc.record({
          of: fc.nat(11),
          service: fc.constantFrom('own', 'every port', 'none'),
          client: part,
          destination: part,
          local: fc.boolean(),
          state: fc.boolean(),
          templates: fc.option(fc.boolean(), { nil: undefined }),
          limit: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
        }),
        async (lines, asked) => {
          const texts = lines.map((line) => print(line, layout)).filter((line) => read(line, layout))
          if (texts.length === 0) return
          const text = `${[layout.header, ...texts].join('\n')}\n`
          const { rows } = wanted(text)
          const one = rows[asked.of % rows.length] as ConnectionInfo
          const endpoint = (how: string, { address, port }: { address: string; port: number }) =>
            how === 'whole' ? { address, port } : how === 'address' ? address : undefined
          const { protocol, virtual, fwmark } = one
          const family = one.client.address.includes(':') ? ('ipv6' as const) : ('ipv4' as const)
          // A destination of the other family is mainline's alone, and nothing to ask a FULLNAT kernel for.
          const mixed = isLocal && one.destination.address.includes(':') !== (family === 'ipv6')
          const byDestination = mixed ? 'none' : asked.destination
          const hasService = asked.service !== 'none' && ['tcp', 'udp', 'sctp'].includes(String(protocol))
          const port = asked.service === 'own' ? virtual?.port : 0
          const service = virtual
            ? hasService && { protocol: protocol as 'tcp', address: virtual.address, port: port as number }
            : asked.service !== 'none' && (fwmark as number) > 0 && { fwmark: fwmark as number, family }
          const filter: ConnectionOptions = {
            service: service || undefined,
            client: endpoint(asked.client, one.client),
            destination: endpoint(byDestination, one.destination),
            localAddress: asked.local ? one.localAddress?.address : undefined,
            states: asked.state ? [one.state] : undefined,
            templates: asked.templates,
            limit: asked.limit,
          }
          const same = (how: string, row: ConnectionInfo['client'], mine: ConnectionInfo['client']) =>
            how === 'none' || (row.address === mine.address && (how === 'address' || row.port === mine.port))
          const naive = rows.filter((row) => {
            if (
              service &&
              !virtual &&
              (row.fwmark !== fwmark || row.client.address.includes(':') !== (family === 'ipv6'))
            )
              return false
            if (service && virtual && (row.protocol !== protocol || row.virtual?.address !== virtual.address))
              return false
            if (service && virtual && port !== 0 && row.virtual?.port !== port) return false
            if (!same(asked.client, row.client, one.client)) return false
            if (!same(byDestination, row.destination, one.destination)) return false
            if (filter.localAddress && row.localAddress?.address !== filter.localAddress) return false
            if (asked.state && row.state !== one.state) return false
            return asked.templates === undefined || row.template === asked.templates
          })
          client.set(() => ({ open: async () => new BytesFile(Buffer.from(text, 'latin1'), 4096) }))
          const found: ConnectionInfo[] = []
          const options = { ...filter, origin: layout.origin }
          for await (const row of client.ipvs.connections.iterate(options)) found.push(row)
          expect(found).toEqual(naive.slice(0, asked.limit))
          expect(await client.ipvs.connections.count(options)).toBe(found.length)
        },
      ),
      { numRuns: 150 },
    )
    await client.ipvs.close()
  })
})
