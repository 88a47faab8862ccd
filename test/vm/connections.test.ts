// The list of connections beside the packets that made them, and beside what the kernel's own ipvsadm makes of it.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AddressServiceKey, ConnectionInfo, Forwarding, ServiceConfig, ServiceKey } from '../../lib'
import { collect } from '../contract/harness'
import { endLab } from './net/end-lab'
import { attempt, ipvsadm, program } from './net/ipvsadm'
import {
  clients,
  type Lab,
  localAddresses,
  realServers,
  Settings,
  startLab,
  vip,
  // @ts-expect-error: a script without types
} from './net/lab.mjs'
// @ts-expect-error: a script without types
import { sendConnections } from './net/sync-messages.mjs'
import { until } from './net/until'
import { Namespace } from './support/children'
import { library, PATIENT } from './support/library'
import { INTERFACE, OWN, prepareNetwork } from './support/network'

const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const timeouts = await ipvs.timeouts.get()
const families = ['ipv4', 'ipv6'] as const
type FamilyName = (typeof families)[number]

let lastPort = 3000
const freshService = (protocol: 'tcp' | 'udp', family: FamilyName): AddressServiceKey => ({
  protocol,
  address: vip[family],
  port: ++lastPort,
})

interface Exposed {
  readonly forwarding: Forwarding
  readonly port?: number
  readonly config?: ServiceConfig
}

async function expose(service: ServiceKey, family: FamilyName, { forwarding, port = 8080, config }: Exposed) {
  await ipvs.services.add({ ...service, scheduler: 'rr', ...config } as never)
  if (forwarding === 'fullnat') await ipvs.localAddresses.set(service, localAddresses[family])
  await ipvs.destinations.add(service, { address: realServers[family][0], port, forwarding })
}

/** The lines of the file itself that have all of these words. */
const rawLines = (name: string, ...words: string[]): string[] =>
  readFileSync(`/proc/net/${name}`, 'utf8')
    .split('\n')
    .filter((line) => words.every((word) => line.includes(word)))

const hexPort = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')

/** For the reader of the test's output. */
async function sideBySide(title: string, connection: ConnectionInfo): Promise<void> {
  const port = hexPort(connection.client.port)
  const printed = program
    ? (await attempt('-L', '-n', '-c')).text
        .split('\n')
        .filter((line) => line.includes(`:${connection.client.port} `))
        .join('\n')
    : '(there is no ipvsadm for this kernel)'
  const { protocol, client, virtual, localAddress, destination, state, expires } = connection
  console.log(
    [
      `== ${title} (${can.dialect})`,
      `/proc/net/ip_vs_conn:  ${rawLines('ip_vs_conn', ` ${port} `).join('\n')}`,
      `ipvsadm -L -n -c:      ${printed}`,
      `connections.list():    ${JSON.stringify({ protocol, client, virtual, localAddress, destination, state, expires })}`,
    ].join('\n'),
  )
}

describe.skipIf(can.connectionList)('fullnat-v3', () => {
  it('lists none', async () => {
    await expect(ipvs.connections.list()).rejects.toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED' })
    expect(() => readFileSync('/proc/net/ip_vs_conn')).toThrow('ENOENT')
  })
})

describe.runIf(can.connectionList)('connections', () => {
  let lab: Lab
  const settings = new Settings()

  beforeAll(async () => {
    prepareNetwork()
    await ipvs.flush()
    await ipvs.timeouts.set({ tcp: 600, tcpFin: 1, udp: 60 })
    if (can.fullnat) {
      for (const state of ['timewait', 'lastack', 'close']) settings.set(`net.ipv4.vs.timeout_${state}`, 1)
      settings.set('net.ipv4.vs.defence_udp_drop', 0)
    }
    lab = await startLab()
  })
  // What binds clients keeps devices, too.
  afterAll(
    () =>
      endLab({ ipvs, lab, connections: () => ipvs.connections.count(), settings, timeouts }).finally(() =>
        ipvs.close(),
      ),
    900_000,
  )

  const methods = (['masquerade', 'fullnat'] as const).filter((method) =>
    can.forwardingMethods.includes(method),
  )

  describe.each(methods)('forwarding: %s', (forwarding) => {
    if (forwarding === 'masquerade') {
      beforeAll(() => lab.routeBack())
      afterAll(() => lab.noRouteBack())
    }
    const localOf = (peer: string, peerPort: number) =>
      forwarding === 'fullnat' ? { address: peer, port: peerPort } : undefined

    it.each(families)('TCP over %s: every field is that of the packets', async (family) => {
      const service = freshService('tcp', family)
      await expose(service, family, { forwarding })
      const { answer, held, from } = await lab.request(service.address, service.port, { hold: true })
      const list = await ipvs.connections.list({ service })
      expect(list).toEqual([
        {
          protocol: 'tcp',
          client: { address: clients[family], port: from.port },
          virtual: { address: service.address, port: service.port },
          fwmark: undefined,
          localAddress: localOf(answer.peer, answer.peerPort),
          destination: { address: realServers[family][0], port: 8080 },
          state: 'established',
          expires: expect.any(Number),
          origin: undefined,
          engine: undefined,
          template: false,
        },
      ])
      const [one] = list as [ConnectionInfo]
      expect(one.expires).toBeGreaterThan(300)
      expect(one.expires).toBeLessThanOrEqual(600)
      await sideBySide(`${forwarding}, TCP, ${family}`, one)

      const filters = [
        { client: clients[family] },
        { client: { address: clients[family], port: from.port } },
        { destination: { address: realServers[family][0], port: 8080 } },
        { states: ['established'] },
        { templates: false },
        ...(forwarding === 'fullnat' ? [{ localAddress: answer.peer }] : []),
      ]
      for (const filter of filters) {
        const found = await ipvs.connections.list({ service, ...filter })
        expect(found.map(({ client }) => client)).toEqual([one.client])
      }
      const none = [
        { client: { address: clients[family], port: 1 } },
        { destination: realServers[family][1] },
        { states: ['time-wait', 'close'] },
        { templates: true },
        ...(can.localAddresses ? [{ localAddress: realServers[family][0] }] : []),
      ]
      for (const filter of none) expect(await ipvs.connections.count({ service, ...filter })).toBe(0)
      expect(await ipvs.connections.list({ service, origin: true })).toEqual([
        { ...one, expires: expect.any(Number), origin: 'local' },
      ])
      const place = family === 'ipv6' ? `[${realServers.ipv6[0]}]:8080` : `${realServers.ipv4[0]}:8080`
      expect(await ipvs.connections.count({ service, by: 'destination' })).toEqual(new Map([[place, 1]]))
      expect(await ipvs.connections.count({ service, by: 'state' })).toEqual(new Map([['established', 1]]))
      if (forwarding === 'fullnat') {
        const counts = await ipvs.connections.count({ service, by: 'localAddress' })
        expect(counts).toEqual(new Map([[answer.peer, 1]]))
      }
      await lab.release(held)
      await until(
        'the state changes when it is closed',
        () => ipvs.connections.list({ service }),
        (rest) => rest.every(({ state }) => state !== 'established'),
      )
    })

    const itUdp = it.runIf(forwarding !== 'fullnat' || can.udpFullnat)
    itUdp.each(families)('UDP over %s', async (family) => {
      const service = freshService('udp', family)
      await expose(service, family, { forwarding, port: 5353 })
      const { answer, from } = await lab.requestUdp(service.address, service.port)
      const [one] = (await ipvs.connections.list({ service })) as [ConnectionInfo]
      expect(one).toMatchObject({
        protocol: 'udp',
        client: { address: clients[family], port: from.port },
        virtual: { address: service.address, port: service.port },
        localAddress: localOf(answer.peer, answer.peerPort),
        destination: { address: realServers[family][0], port: 5353 },
        state: 'udp',
        template: false,
      })
      expect(one.expires).toBeLessThanOrEqual(60)
      await sideBySide(`${forwarding}, UDP, ${family}`, one)
    })

    it.each(families)('a persistence template over %s', async (family) => {
      const service = freshService('tcp', family)
      const config = {
        persistence: { timeout: 120, netmask: family === 'ipv4' ? '255.255.255.0' : 64 },
      } as const
      await expose(service, family, { forwarding, config })
      const { held, from } = await lab.request(service.address, service.port, { hold: true })
      const network = family === 'ipv4' ? '192.168.100.0' : 'fd00::'
      const template = {
        protocol: 'tcp',
        client: { address: network, port: 0 },
        virtual: { address: service.address, port: service.port },
        localAddress: undefined,
        destination: { address: realServers[family][0], port: 8080 },
        template: true,
      }
      const templates = await ipvs.connections.list({ service, templates: true })
      expect(templates).toMatchObject([template])
      expect(['none', 'assured']).toContain((templates[0] as ConnectionInfo).state)
      expect((templates[0] as ConnectionInfo).expires).toBeLessThanOrEqual(120)
      const connections = await ipvs.connections.list({ service, templates: false })
      expect(connections.map(({ client }) => client.port)).toEqual([from.port])
      expect(await ipvs.connections.count({ service })).toBe(2)
      await lab.release(held)
    })
  })

  it('limit: as many as were asked for, of more', async () => {
    await lab.routeBack()
    const service = freshService('tcp', 'ipv4')
    await expose(service, 'ipv4', { forwarding: 'masquerade' })
    const held: number[] = []
    for (let i = 0; i < 5; i++) {
      held.push((await lab.request(service.address, service.port, { hold: true })).held)
    }
    expect(await ipvs.connections.list({ service, limit: 3 })).toHaveLength(3)
    expect(await collect(ipvs.connections.iterate({ service, limit: 5 }))).toHaveLength(5)
    expect(await ipvs.connections.count({ service, limit: 2 })).toBe(2)
    for await (const _ of ipvs.connections.iterate({ service })) break
    for (const one of held) await lab.release(one)
    await lab.noRouteBack()
  })

  it.runIf(program && !can.fullnat)("the kernel's own ipvsadm lists the same", async () => {
    const text = ({ address, port }: { address: string; port: number }) =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
    const views = async () => {
      const mine = await ipvs.connections.list()
      const printed = (await ipvsadm('-L', '-n', '-c')).split('\n')
      return {
        mine: mine.map(({ client, destination }) => `${text(client)} ${text(destination)}`).sort(),
        theirs: printed
          .map((line) => line.trim().split(/ +/))
          .filter(([word = '']) => ['TCP', 'UDP', 'IP'].includes(word))
          .map(([, , , client, , destination]) => `${client} ${destination}`)
          .sort(),
      }
    }
    // Connections that were closed expire meanwhile.
    const { mine } = await until(
      'both list the same',
      views,
      (both) => String(both.mine) === String(both.theirs),
    )
    expect(mine.length).toBeGreaterThan(0)
  })

  describe.runIf(can.daemonOptions)('what the sync daemon of another director brings', () => {
    const TCP = 6
    const service = { protocol: 'tcp', address: '192.0.2.80', port: 80 } as const
    beforeAll(() => ipvs.daemons.start({ state: 'backup', interface: INTERFACE, syncId: 7 }))
    afterAll(() => ipvs.daemons.stop('backup'))
    const send = (...connections: object[]) =>
      sendConnections(
        connections.map((one) => ({ protocol: TCP, state: 1, timeout: 300, ...one })),
        { syncId: 7, address: OWN.ipv4 },
      )
    const arrives = (filter: object) =>
      until(
        'it is in the list',
        () => ipvs.connections.list(filter),
        ({ length }) => length > 0,
      )

    it('a connection: its origin is sync', async () => {
      const endpoints = {
        client: ['198.51.100.7', 4000],
        virtual: ['192.0.2.80', 80],
        destination: ['10.9.0.5', 8080],
      }
      await send(endpoints)
      expect(await arrives({ service, origin: true })).toMatchObject([
        {
          origin: 'sync',
          state: 'established',
          client: { address: '198.51.100.7', port: 4000 },
          engine: undefined,
        },
      ])
      expect(await ipvs.connections.list({ service })).toMatchObject([{ origin: undefined }])
    })

    it.each([
      ['ipv4', '198.51.100.7', '10.9.0.5'],
      ['ipv6', '2001:db8::7', 'fd00:9::5'],
    ] as const)('the template of a fwmark service, %s', async (family, client, destination) => {
      const mark = family === 'ipv4' ? 0x80000007 : 0x80000008
      const marked = family === 'ipv4' ? '128.0.0.7' : '8000:8::'
      await send({
        protocol: 0,
        state: 0,
        client: [client, 0],
        virtual: [marked, 0],
        destination: [destination, 0],
        template: true,
      })
      const found = await arrives({ service: { fwmark: mark, family } })
      expect(found).toMatchObject([
        {
          protocol: 'ip',
          fwmark: mark,
          virtual: undefined,
          client: { address: client, port: 0 },
          destination: { address: destination, port: 0 },
          state: 'none',
          template: true,
        },
      ])
      expect(
        await ipvs.connections.count({
          service: { fwmark: mark, family: family === 'ipv4' ? 'ipv6' : 'ipv4' },
        }),
      ).toBe(0)
    })

    it('what a persistence engine knows, spaces and all', async () => {
      const data = '7 8(a)@x  LOCAL 192.0.2.1 TCP'
      await send({
        ...{
          protocol: 17,
          state: 0,
          client: ['198.51.100.7', 0],
          virtual: ['192.0.2.80', 5060],
          destination: ['10.9.0.5', 5060],
        },
        ...{ template: true, engine: { name: 'sip', data } },
      })
      const sip = { protocol: 'udp', address: '192.0.2.80', port: 5060 } as const
      expect(await arrives({ service: sip })).toMatchObject([
        { engine: { name: 'sip', data }, template: true },
      ])
      expect(await ipvs.connections.list({ service: sip, origin: true })).toMatchObject([
        { engine: undefined },
      ])
    })

    it('more than a page: all of them, once', async () => {
      const port = 2000
      const many = Array.from({ length: 3000 }, (_, i) => ({
        client: ['198.51.101.1', 1 + i],
        virtual: ['192.0.2.81', port],
        destination: ['10.9.0.5', 8080],
      }))
      const big = { protocol: 'tcp', address: '192.0.2.81', port } as const
      // What the daemon had no room for is sent again.
      await until(
        'all are there',
        async () => {
          await send(...many)
          return ipvs.connections.count({ service: big })
        },
        (count) => count === many.length,
      )
      // A connection that another test has left makes a reading skip one when it expires meanwhile: docs/connections.md.
      const whole = (ports: readonly number[]) => new Set(ports).size === many.length
      const iterated = await until(
        'all are read, one by one',
        async () => {
          const ports: number[] = []
          for await (const { client } of ipvs.connections.iterate({ service: big })) ports.push(client.port)
          return ports
        },
        whole,
      )
      expect(iterated).toHaveLength(many.length)
      const listed = await until(
        'all are read at once',
        async () => (await ipvs.connections.list({ service: big })).map(({ client }) => client.port),
        whole,
      )
      expect(listed).toHaveLength(many.length)
      expect(await ipvs.connections.list({ service: big, limit: 2999 })).toHaveLength(2999)
    })
  })

  it('every line of both files is a row', async () => {
    for (const name of ['ip_vs_conn', 'ip_vs_conn_sync']) {
      const text = readFileSync(`/proc/net/${name}`, 'utf8')
      // Those of the test with thousands say nothing that the others do not.
      const shown = text.split('\n').filter((line) => !line.includes(' C0000251 '))
      console.log(`== /proc/net/${name} (${can.dialect})\n${shown.slice(0, 20).join('\n')}`)
      const origin = name === 'ip_vs_conn_sync'
      // Some come and go between the two looks.
      await until(
        'both have as many',
        async () => [rawLines(name, ' ').length - 1, await ipvs.connections.count({ origin })],
        ([lines, rows]) => lines === rows,
      )
    }
  })

  it.runIf(can.networkNamespaces)('with netns the list is that of the namespace', async () => {
    const namespace = await Namespace.create()
    const other = await library.Ipvs.open({ ...PATIENT, netns: namespace.pid })
    expect(await other.connections.list()).toEqual([])
    expect(await other.connections.count({ origin: true })).toBe(0)
    expect(await ipvs.connections.count()).toBeGreaterThan(0)
    await other.close()
    await namespace.close()
  })
})
