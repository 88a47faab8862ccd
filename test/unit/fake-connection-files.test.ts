// The fake kernel's lists of connections: what its FakeConnections say, in the kernel's words.

import { describe, expect, it } from 'vitest'
import type { ConnectionInfo, KernelFileName } from '../../lib'
import { Ipvs } from '../../lib'
import type { FakeConnection, FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { LAYOUTS, read } from './support/connection-lines'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const SIP = { protocol: 'udp', address: '192.0.2.1', port: 5060 } as const
const MARKED = { fwmark: 7, family: 'ipv6' } as const

async function world(dialect: FakeDialect) {
  const kernel = new FakeKernel({ dialect })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const fullnat = dialect !== 'mainline'
  await ipvs.services.add({ ...WEB, scheduler: 'rr' })
  if (fullnat) await ipvs.localAddresses.add(WEB, '10.1.0.9')
  const forwarding = fullnat ? 'fullnat' : 'masquerade'
  await ipvs.destinations.add(WEB, { address: '10.9.0.5', port: 8080, forwarding })
  return { kernel, ipvs }
}

async function textOf(kernel: FakeKernel, name: KernelFileName): Promise<string> {
  const file = await kernel.transport().files.open(name)
  const pieces: Buffer[] = []
  for (;;) {
    const piece = Buffer.alloc(4096)
    const count = await file.read(piece)
    if (count === 0) return Buffer.concat(pieces).toString('latin1')
    pieces.push(piece.subarray(0, count))
  }
}

/** What a FakeConnection says of itself, in the shape of the list. */
const shown = (one: FakeConnection): Partial<ConnectionInfo> => ({
  protocol: one.protocol,
  client: one.client,
  virtual: one.virtual,
  localAddress:
    one.localAddress === undefined ? undefined : { address: one.localAddress, port: one.localPort as number },
  destination: one.destination,
  state: one.state,
  expires: Math.floor(one.expiresIn),
  template: false,
})

describe.each(['mainline', 'fullnat-v2'] as const)('%s', (dialect) => {
  it('lists what its FakeConnections say, state by state', async () => {
    const { kernel, ipvs } = await world(dialect)
    const [half, whole, closed, reset] = [1, 2, 3, 4].map((i) =>
      kernel.connect({ client: `198.51.100.7:400${i}`, service: WEB, established: i !== 1 }),
    ) as [FakeConnection, FakeConnection, FakeConnection, FakeConnection]
    closed.close()
    reset.reset()
    kernel.advance(1.5)
    const list = await ipvs.connections.list()
    expect(list).toMatchObject(kernel.connections().map(shown))
    expect(list.map(({ state }) => state)).toEqual(['syn-recv', 'established', 'time-wait', 'close'])
    expect(half.state).toBe('syn-recv')
    expect(list[1]?.expires).toBe(Math.floor(whole.expiresIn))
    expect(await ipvs.connections.list({ origin: true })).toEqual(
      list.map((one) => ({ ...one, origin: 'local' })),
    )
  })

  it('in the words and columns of its kernel', async () => {
    const { kernel } = await world(dialect)
    kernel.connect({ client: '198.51.100.7:4000', service: WEB })
    const local = dialect === 'mainline' ? '' : '0A010009 1389 '
    const columns = dialect === 'mainline' ? '' : 'LocalIP  LPrt '
    const expires = dialect === 'mainline' ? 900 : 90
    expect(await textOf(kernel, 'ip_vs_conn')).toBe(
      [
        `Pro FromIP   FPrt ToIP     TPrt ${columns}DestIP   DPrt State       Expires${dialect === 'mainline' ? ' PEName PEData' : ''}`,
        `TCP C6336407 0FA0 C0000201 0050 ${local}0A090005 1F90 ESTABLISHED ${String(expires).padStart(7)}`,
        '',
      ].join('\n'),
    )
    expect(await textOf(kernel, 'ip_vs_conn_sync')).toBe(
      [
        `Pro FromIP   FPrt ToIP     TPrt ${columns}DestIP   DPrt State       Origin Expires`,
        `TCP C6336407 0FA0 C0000201 0050 ${local}0A090005 1F90 ESTABLISHED LOCAL  ${String(expires).padStart(7)}`,
        '',
      ].join('\n'),
    )
  })

  it('templates: of a service, and of a mark', async () => {
    const { kernel, ipvs } = await world(dialect)
    await ipvs.services.update(WEB, { persistence: { timeout: 300, netmask: '255.255.255.0' } })
    await ipvs.services.add({ ...MARKED, scheduler: 'rr', persistence: { timeout: 200, netmask: 64 } })
    await ipvs.destinations.add(MARKED, { address: 'fd00:1:2:3::5', port: 0, forwarding: 'direct-route' })
    kernel.connect({ client: '198.51.100.7:4000', service: WEB, established: false })
    const to = { protocol: 'udp', address: 'fd00::1', port: 53 } as const
    kernel.connect({ client: '[2001:db8::7]:4000', service: MARKED, to })
    const mainline = dialect === 'mainline'
    const templates = await ipvs.connections.list({ templates: true })
    expect(templates).toEqual([
      {
        protocol: 'tcp',
        client: { address: '198.51.100.0', port: 0 },
        virtual: { address: '192.0.2.1', port: 80 },
        fwmark: undefined,
        localAddress: undefined,
        destination: { address: '10.9.0.5', port: 8080 },
        state: 'none',
        expires: 300,
        origin: undefined,
        engine: undefined,
        template: true,
      },
      {
        protocol: 'ip',
        client: { address: '2001:db8::', port: 0 },
        virtual: undefined,
        fwmark: 7,
        localAddress: undefined,
        // v2 keeps four bytes of it.
        destination: { address: mainline ? 'fd00:1:2:3::5' : 'fd00:1::', port: 0 },
        state: 'none',
        expires: 200,
        origin: undefined,
        engine: undefined,
        template: true,
      },
    ])
    kernel.connections()[0]?.establish()
    const [first] = await ipvs.connections.list({ service: WEB, templates: true })
    expect(first?.state).toBe(mainline ? 'assured' : 'none')
    expect(await ipvs.connections.count({ service: MARKED })).toBe(1)
  })

  it('another reader reads the same', async () => {
    const { kernel, ipvs } = await world(dialect)
    await ipvs.services
      .add({ protocol: 'sctp', address: '192.0.2.1', port: 9, scheduler: 'rr' })
      .catch(() => {})
    for (let i = 0; i < 200; i++) kernel.connect({ client: `198.51.100.${i}:4000`, service: WEB })
    const layout = LAYOUTS[dialect === 'mainline' ? 2 : 0] as (typeof LAYOUTS)[number]
    const [header, ...lines] = (await textOf(kernel, 'ip_vs_conn')).trimEnd().split('\n')
    expect(header).toBe(layout.header)
    expect(lines.map((line) => read(line, layout))).toEqual(await ipvs.connections.list())
    expect(lines).toHaveLength(200)
  })

  it('goes on after a dump was loaded', async () => {
    const { kernel, ipvs } = await world(dialect)
    await ipvs.services.update(WEB, { persistence: { timeout: 300 } })
    kernel.connect({ client: '198.51.100.7:4000', service: WEB })
    const before = await ipvs.connections.list()
    const other = new FakeKernel({ dialect })
    other.load(kernel.dump())
    const copy = await Ipvs.open({ transport: other.transport() })
    expect(await copy.connections.list()).toEqual(before)
    expect(before).toHaveLength(2)
  })
})

describe('engines', () => {
  it('a template for each Call-ID, and what the engine found in the list', async () => {
    const { kernel, ipvs } = await world('mainline')
    await ipvs.services.add({ ...SIP, scheduler: 'rr', persistence: { timeout: 300, engine: 'sip' } })
    for (const address of ['10.9.0.5', '10.9.0.6']) {
      await ipvs.destinations.add(SIP, { address, port: 5060, forwarding: 'masquerade' })
    }
    const call = (client: string, engineData?: string) => kernel.connect({ client, service: SIP, engineData })
    const first = call('198.51.100.7:5060', 'a84b4c76e66710@pc33')
    const second = call('198.51.100.7:5061', 'another call')
    const again = call('198.51.100.7:5062', 'a84b4c76e66710@pc33')
    expect(second.destination).not.toEqual(first.destination)
    expect(again.destination).toEqual(first.destination)
    call('198.51.100.8:5060')
    const templates = await ipvs.connections.list({ service: SIP, templates: true })
    expect(templates.map(({ engine }) => engine)).toEqual([
      { name: 'sip', data: 'a84b4c76e66710@pc33' },
      { name: 'sip', data: 'another call' },
      undefined,
    ])
    expect(
      (await ipvs.connections.list({ service: SIP, templates: false })).every(({ engine }) => !engine),
    ).toBe(true)
    expect((await ipvs.connections.list({ origin: true })).every(({ engine }) => !engine)).toBe(true)
    first.traffic({ outPackets: 1 })
    const states = (await ipvs.connections.list({ service: SIP, templates: true })).map(({ state }) => state)
    expect(states).toEqual(['assured', 'none', 'none'])
  })
})

describe('files that are not there', () => {
  it('fullnat-v3 has none', async () => {
    const { kernel } = await world('fullnat-v3')
    for (const name of ['ip_vs_conn', 'ip_vs_conn_sync'] as const) {
      await expect(kernel.transport().files.open(name)).rejects.toMatchObject({ code: 'ENOENT' })
    }
  })

  it('nor does a kernel whose module was unloaded', async () => {
    const { kernel, ipvs } = await world('fullnat-v2')
    kernel.unloadModule()
    await expect(ipvs.connections.list()).rejects.toMatchObject({
      code: 'ERR_IPVS_UNSUPPORTED',
      operation: 'connections.list',
      file: '/proc/net/ip_vs_conn',
    })
  })
})
