// A director of the kernel that this guest runs, saved and restored: field by field, and under live connections.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SavedService, SavedState } from '../../lib/reconcile'
import { endLab } from './net/end-lab'
// @ts-expect-error: a script without types
import { type Lab, localAddresses, realServers, Settings, startLab, vip } from './net/lab.mjs'
import { library, PATIENT, project } from './support/library'
import { prepareNetwork } from './support/network'

const { restore, save }: typeof import('../../lib/reconcile') = createRequire(import.meta.url)(
  join(project, 'dist/reconcile'),
)

prepareNetwork()
const ipvs = await library.Ipvs.open({ ...PATIENT, force: true })
const can = ipvs.capabilities
const fullnat = can.fullnat
const timeouts = await ipvs.timeouts.get()
const mainline = can.dialect === 'mainline'

const LISTED = { stats: {} }
const config = {
  scheduler: 'wrr',
  schedulerFlags: [],
  persistence: null,
  onePacket: false,
  synproxy: false,
  destinations: [],
  localAddresses: [],
}
const destination = {
  forwarding: fullnat ? 'fullnat' : 'masquerade',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
}
const to = (last: number, more: object = {}) => ({
  ...destination,
  address: `10.77.0.${last}`,
  port: 8080,
  ...more,
})
const locals = (...addresses: string[]) => (fullnat ? { localAddresses: addresses } : {})
const timed = (establishedTimeout: number) => (can.establishedTimeout ? { establishedTimeout } : {})
const masquerade = { forwarding: 'masquerade' }

/** What tools leave, as well: see test/contract/held.ts. */
const services = [
  {
    ...{ protocol: 'tcp', address: '192.0.2.1', port: 80 },
    ...{ ...config, persistence: { timeout: 2678400, netmask: '255.0.255.0' }, ...timed(4264247) },
    ...locals('10.77.0.101', '10.77.0.102', '0.0.0.0', '224.0.0.1'),
    destinations: [
      to(11, { weight: 0, upperThreshold: 10, lowerThreshold: 5 }),
      to(12, { weight: 2147483647 }),
      to(13, { forwarding: 6 }),
      to(14, { forwarding: 7 }),
      to(15, { forwarding: 'direct-route' }),
      to(16, {
        forwarding: 'tunnel',
        ...(mainline ? { tunnel: { type: 'gue', port: 6080, checksum: 3 } } : {}),
      }),
      ...(fullnat ? [to(17, { upperThreshold: 4294967295, lowerThreshold: 2147483648 })] : []),
    ],
  },
  {
    ...{ protocol: 'tcp', address: '2001:db8::1', port: 80 },
    ...{ ...config, scheduler: 'sh', persistence: { timeout: 1, netmask: 64 }, ...timed(77) },
    ...locals('fd00:77::101', '::ffff:10.77.0.101'),
    destinations: [to(0, { address: 'fd00:77::11' }), to(0, { address: 'fd00:77::12', weight: 9 })],
  },
  {
    ...{ protocol: 'tcp', address: '::ffff:192.0.2.9', port: 80, ...config, ...timed(90) },
    ...{ persistence: { timeout: 0, netmask: 128 }, onePacket: true },
  },
  { fwmark: 4294967295, family: 'ipv4', ...config, ...timed(90), destinations: [to(11, masquerade)] },
  { fwmark: 7, family: 'ipv6', ...config, ...timed(90), scheduler: mainline ? 'mh' : 'lblcr' },
  {
    ...{ protocol: 'udp', address: '192.0.2.1', port: 53, ...config, onePacket: true },
    ...(can.synproxy ? { synproxy: true } : {}),
    destinations: [to(11, masquerade), to(12, masquerade)],
  },
  { protocol: 'sctp', address: '192.0.2.1', port: 90, ...config },
  { protocol: 50, address: '0.0.0.0', port: 0, ...config, scheduler: 'lc' },
] as unknown as SavedService[]

/** Adds what the document has by the interface of listed objects alone, last first. */
async function fill(list = services): Promise<void> {
  for (const { destinations, localAddresses: addresses, ...service } of [...list].reverse()) {
    await ipvs.services.add({ ...service, ...LISTED } as never)
    for (const address of addresses) {
      await ipvs.localAddresses.add(service as never, { address, connections: 0, portConflicts: 0n })
    }
    for (const one of [...destinations].reverse()) {
      await ipvs.destinations.add(service as never, { ...one, ...LISTED } as never)
    }
  }
}

/** Through JSON, without the time. */
async function state(options = {}) {
  const document = await save(ipvs, options)
  expect(JSON.parse(JSON.stringify(document))).toEqual(document)
  const { savedAt: _, ...rest } = document
  return { document, rest }
}
const ordered = ({ services: list, ...rest }: Omit<SavedState, 'savedAt'>) => ({
  ...rest,
  services: [...list].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
})

describe(`save and restore on ${can.dialect}`, () => {
  beforeEach(() => ipvs.flush())
  afterAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set(timeouts)
  })

  it('everything comes back field by field, in the order of the kernel', async () => {
    await fill()
    await ipvs.timeouts.set({ tcp: 444, tcpFin: 33, udp: 22 })
    const daemon = { state: 'backup', interface: 'dummy0', syncId: 7 } as const
    await ipvs.daemons.start(daemon)
    const { document, rest } = await state()
    expect(rest).toMatchObject({ dialect: can.dialect, consistent: true, daemons: [daemon] })
    expect(rest.services).toHaveLength(services.length)
    // Nothing to do, nothing done.
    const again = await restore(ipvs, document, { mode: 'replace' })
    expect(again).toMatchObject({ losses: [], applied: { outcomes: [], complete: true } })
    await ipvs.flush()
    await ipvs.timeouts.set({ tcp: 100, tcpFin: 100, udp: 100 })
    await ipvs.daemons.stop('backup')
    const { applied } = await restore(ipvs, JSON.stringify(document), { mode: 'replace' })
    expect(applied?.outcomes.filter(({ status }) => status !== 'done')).toEqual([])
    expect((await state()).rest).toEqual(rest)
    await ipvs.daemons.stop('backup')
  })

  it('replaces another table, and is merged into it', async () => {
    await fill()
    const { document, rest } = await state()
    await ipvs.flush()
    const other = [
      { protocol: 'tcp', address: '192.0.2.1', port: 80, ...config, destinations: [to(99, masquerade)] },
      { protocol: 'tcp', address: '192.0.2.77', port: 80, ...config },
    ] as unknown as SavedService[]
    await fill(other)
    const { rest: before } = await state()
    await restore(ipvs, document, { mode: 'merge' })
    const merged = (await state()).rest.services
    expect(merged).toHaveLength(services.length + 1)
    expect(merged.flatMap(({ destinations }) => destinations)).toContainEqual(to(99, masquerade))
    const kept = (list: readonly SavedService[]) =>
      list.find((one) => 'address' in one && one.address === '192.0.2.77')
    expect(kept(merged)).toEqual(kept(before.services))
    await restore(ipvs, document, { mode: 'replace' })
    expect(ordered((await state()).rest)).toEqual(ordered(rest))
  })

  it('sysctls come back', async () => {
    const { document } = await state({ sysctls: true })
    const names = Object.keys(document.sysctls ?? {})
    expect(names).toContain('expire_nodest_conn')
    const same = await restore(ipvs, document, { mode: 'merge' })
    expect(same).toMatchObject({ losses: [], plan: { steps: [] } })
    await ipvs.sysctl.set('expire_nodest_conn', 1)
    await ipvs.sysctl.set('sync_threshold', [1, 9])
    if (fullnat) await ipvs.sysctl.setLocalPorts({ min: 60001, max: 60002 })
    const { plan, applied } = await restore(ipvs, document, { mode: 'merge' })
    expect(plan.steps.map(({ kind }) => kind)).toEqual(Array(fullnat ? 4 : 2).fill('sysctl'))
    expect(applied?.complete).toBe(true)
    expect((await state({ sysctls: names })).rest.sysctls).toEqual(document.sysctls)
  })
})

const canFlow = can.dialect !== 'fullnat-v3' || Number(process.env.IPVS_VM_SMP ?? 1) === 1

describe.skipIf(!canFlow)('under live connections', () => {
  let lab: Lab
  const settings = new Settings()
  const web = { protocol: 'tcp', address: vip.ipv4, port: 4711 } as const

  beforeAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set({ tcpFin: 1, udp: 15 })
    for (const name of fullnat ? ['timewait', 'lastack', 'close'] : []) {
      settings.set(`net.ipv4.vs.timeout_${name}`, 1)
    }
    lab = await startLab()
    if (!fullnat) await lab.routeBack()
  })
  afterEach(() => lab.releaseAll())
  afterAll(() => endLab({ ipvs, lab, settings, timeouts }).finally(() => ipvs.close()))

  it('the same state breaks none, and a changed one none that stays', async () => {
    await ipvs.services.add({ ...web, scheduler: 'rr' })
    if (fullnat) await ipvs.localAddresses.set(web, localAddresses.ipv4)
    for (const address of realServers.ipv4) {
      await ipvs.destinations.add(web, {
        address,
        port: 8080,
        forwarding: destination.forwarding as 'masquerade',
      })
    }
    const open: { held: number; answer: { server: string; peer: string; peerPort: number } }[] = []
    for (let i = 0; i < 20; i++) open.push(await lab.request(web.address, web.port, { hold: true }))
    const goOn = async (which: (server: string) => boolean) => {
      for (const { held, answer } of open.filter((one) => which(one.answer.server))) {
        expect((await lab.again(held)).answer).toMatchObject(answer)
      }
    }
    expect(new Set(open.map(({ answer }) => answer.server))).toEqual(new Set(['rs1', 'rs2']))

    const { document } = await state()
    expect(await restore(ipvs, document, { mode: 'replace' })).toMatchObject({ applied: { outcomes: [] } })
    await goOn(() => true)

    const [service] = document.services as [SavedService]
    const rs1 = realServers.ipv4[0]
    const changed = {
      ...document,
      services: [
        {
          ...service,
          scheduler: 'wlc',
          localAddresses: service.localAddresses.slice(0, 1),
          destinations: service.destinations
            .filter(({ address }) => address === rs1)
            .map((one) => ({ ...one, weight: 7 })),
        },
      ],
    } as SavedState
    const { applied } = await restore(ipvs, changed, { mode: 'replace' })
    expect(applied).toMatchObject({ complete: true, counts: { done: fullnat ? 4 : 3 } })
    await goOn((server) => server === 'rs1')
    expect((await lab.request(web.address, web.port)).answer.server).toBe('rs1')

    // Back: what was removed takes its connections over (ip_vs_ctl.c:ip_vs_trash_get_dest).
    expect((await restore(ipvs, document, { mode: 'replace' })).applied?.complete).toBe(true)
    await goOn(() => true)
    expect((await state()).rest.services).toEqual(document.services.map(() => expect.objectContaining(web)))
  })
})
