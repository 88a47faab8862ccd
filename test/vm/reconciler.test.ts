// A table that changes all the time under live connections: nothing is lost, nothing is refused. A process that is killed in the
// middle of a plan, and another that goes on. Two Reconcilers and somebody who takes away what they made.
//
// On fullnat-v3 traffic needs a machine with one CPU, see traffic.test.ts.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AddressServiceKey } from '../../lib'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/reconcile'
import { endLab } from './net/end-lab'
// @ts-expect-error: a script without types
import { localAddresses, realServers, Settings, startLab, vip } from './net/lab.mjs'
import { until } from './net/until'
import { library, PATIENT, project } from './support/library'
import { prepareNetwork } from './support/network'

const { apply, plan, Reconciler }: typeof import('../../lib/reconcile') = createRequire(import.meta.url)(
  join(project, 'dist/reconcile'),
)

prepareNetwork()
const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const timeouts = await ipvs.timeouts.get()
const cpus = Number(process.env.IPVS_VM_SMP ?? 1)
const canFlow = can.dialect !== 'fullnat-v3' || cpus === 1
const skipped = canFlow ? '' : ' (fullnat-v3 with several CPUs: needs IPVS_VM_SMP=1)'
const forwarding = can.fullnat ? 'fullnat' : 'masquerade'

/** The same numbers in each run: what fails can be seen again. */
let lots = 20260731
function lot(below: number): number {
  lots = (Math.imul(lots, 1103515245) + 12345) >>> 0
  return Math.floor((lots / 2 ** 32) * below)
}
const chance = () => lot(2) === 0

describe.skipIf(!canFlow)(`live connections while everything changes${skipped}`, () => {
  // biome-ignore lint/suspicious/noExplicitAny: a script without types
  let lab: any
  const settings = new Settings()
  const web = { protocol: 'tcp', address: vip.ipv4, port: 900 } as const
  const more = ['10.0.0.102', '10.0.0.103']
  const locals: readonly string[] = [...localAddresses.ipv4, ...more]
  const SERVERS = [8080, 8081].flatMap((port) =>
    (realServers.ipv4 as string[]).map((address) => ({ address, port })),
  )

  beforeAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set({ tcpFin: 1 })
    for (const state of can.fullnat ? ['timewait', 'lastack', 'close'] : []) {
      settings.set(`net.ipv4.vs.timeout_${state}`, 1)
    }
    lab = await startLab()
    for (const address of more) execFileSync('ip', ['addr', 'add', `${address}/32`, 'dev', 'veth2'])
    for (const [i, address] of (realServers.ipv4 as string[]).entries()) {
      await lab.servers.call('serveTcp', { name: `rs${i + 1}`, address, port: 8081 })
    }
    if (!can.fullnat) await lab.routeBack()
  })
  afterAll(() => endLab({ ipvs, lab, settings, timeouts }))

  /** Another scheduler, other weights, other destinations, other local addresses; at least one of each. */
  function nextState(): DesiredState {
    const on = lot(SERVERS.length)
    const destinations = SERVERS.map(
      (server, i): DesiredDestination => ({
        ...server,
        forwarding,
        weight: 1 + lot(5),
        state: i === on || chance() ? 'on' : 'drain',
      }),
    )
    const must = lot(locals.length)
    const service = {
      ...web,
      scheduler: ['rr', 'wrr', 'wlc', 'lc'][lot(4)] as string,
      destinations,
      ...(can.localAddresses ? { localAddresses: locals.filter((_, i) => i === must || chance()) } : {}),
    }
    return { services: [service as DesiredService] }
  }

  it('200 changes of all of it: no connection is lost, none is refused', async () => {
    const steps = { add: 0, change: 0, drain: 0, remove: 0, report: 0 }
    const held: { id: number; server: string; port: number }[] = []
    const open = async () => {
      const { answer, error, held: id } = await lab.request(web.address, web.port, { hold: true })
      expect(error).toBeUndefined()
      held.push({ id, server: answer.server, port: answer.peerPort })
    }
    let [asked, kept] = [0, 0]
    for (let change = 0; change < 200; change++) {
      const desired = nextState()
      const todo = await plan(ipvs, desired)
      const { complete, outcomes } = await apply(ipvs, todo)
      expect(outcomes.filter(({ status }) => status !== 'done')).toEqual([])
      expect(complete).toBe(true)
      for (const { verb } of todo.steps) steps[verb]++
      // New ones are answered, those that are open go on with their server, over the local address and port that they have.
      if (change % 10 === 0) await open()
      const { answer, error } = await lab.request(web.address, web.port)
      expect(error, `after change ${change}`).toBeUndefined()
      expect(['rs1', 'rs2']).toContain(answer.server)
      asked++
      for (const { id, server, port } of held) {
        const { answer: still, error: lost } = await lab.again(id)
        expect(lost, `after change ${change}`).toBeUndefined()
        expect(still).toMatchObject({ server, peerPort: port })
        kept++
      }
      // Those that end let drained destinations go.
      if (held.length > 4) await lab.release((held.shift() as { id: number }).id)
    }
    console.log(`# ${can.dialect}: ${JSON.stringify({ ...steps, asked, kept })}`)
    for (const verb of ['add', 'change', 'drain', 'remove'] as const) expect(steps[verb]).toBeGreaterThan(10)
  })
})

describe(`the reconcile on ${can.dialect}, killed and beside others`, () => {
  beforeEach(() => ipvs.flush())
  afterAll(async () => {
    await ipvs.flush()
    await ipvs.close()
  })

  const PORTS = 150
  /** Half of the destinations and local addresses are those of the other state. */
  const many = (which: 0 | 1): DesiredState => ({
    services: Array.from({ length: PORTS }, (_, i): DesiredService => {
      const service = {
        protocol: 'tcp' as const,
        address: '192.0.2.1',
        port: 1 + i,
        scheduler: which ? 'rr' : 'wrr',
        destinations: [1, 2, 3, 4].map((n) => ({
          address: `10.77.0.${10 + n + 2 * which}`,
          port: 8080,
          forwarding,
          weight: 1 + which,
        })),
      }
      const local = [1, 2].map((n) => `10.77.0.${100 + n + which}`)
      return (can.localAddresses ? { ...service, localAddresses: local } : service) as DesiredService
    }),
  })

  /** How far a plan from the first state to the second has come, at this service. */
  const SIGNS: readonly ((key: AddressServiceKey) => Promise<boolean>)[] = [
    async (key) => (await ipvs.destinations.list(key)).length > 4,
    async (key) => (await ipvs.services.get(key))?.scheduler === 'rr',
    async (key) => (await ipvs.destinations.list(key)).every(({ address }) => address > '10.77.0.12'),
  ]

  async function works(): Promise<void> {
    const { services } = await ipvs.snapshot()
    expect(services).toHaveLength(PORTS)
    for (const { service, destinations, localAddresses: local } of services) {
      const usable = destinations.some(({ weight }) => weight > 0)
      expect(usable, library.formatServiceKey(service)).toBe(true)
      if (can.localAddresses) expect(local, library.formatServiceKey(service)).not.toEqual([])
    }
  }

  it('kill -9 in the middle of a plan: everything works, and another process goes on', async () => {
    const states = [many(0), many(1)] as const
    await apply(ipvs, await plan(ipvs, states[0]))
    const script = join(project, 'test/vm/support/reconciling.cjs')
    const file = join(tmpdir(), 'reconciling.json')
    writeFileSync(file, JSON.stringify(states))
    const halves: number[] = []
    for (let round = 0; round < 2 * SIGNS.length; round++) {
      const child = spawn(process.execPath, [script, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      // A plan that has something to do begins now; it is stopped as soon as it is seen to have come so far.
      while (Number((await lines.next()).value) === 0) {}
      const key = { protocol: 'tcp', address: '192.0.2.1', port: 1 + ((round * 53) % PORTS) } as const
      const sign = SIGNS[round % SIGNS.length] as (typeof SIGNS)[number]
      await until('it has come so far', () => sign(key), Boolean)
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      await works()
      const todo = await plan(ipvs, states[0])
      halves.push(todo.steps.length)
      expect(await apply(ipvs, todo)).toMatchObject({ complete: true })
      expect((await plan(ipvs, states[0])).steps).toEqual([])
    }
    console.log(`# ${can.dialect}: steps left after each kill: ${halves.join(' ')}`)
    // Somewhere in between, and not always at the end.
    const whole = (await plan(ipvs, states[1])).steps.length
    expect(halves.some((left) => left > 0 && left < whole)).toBe(true)
  })

  it('two Reconcilers with scopes of their own, and a program that deletes services and adds them again', async () => {
    const service = (port: number, weight: number): DesiredService =>
      ({
        protocol: 'tcp',
        address: '192.0.2.1',
        port,
        scheduler: 'wrr',
        destinations: [{ address: '10.77.0.11', port: 8080, forwarding, weight }],
        ...(can.localAddresses ? { localAddresses: ['10.77.0.101'] } : {}),
      }) as DesiredService
    const start = (ports: readonly number[], weight: number) => {
      const state: DesiredState = { services: ports.map((port) => service(port, weight)) }
      async function* states() {
        yield state
      }
      const reconciler = new Reconciler({
        open: () => library.Ipvs.open(PATIENT),
        desired: states(),
        plan: { manage: { ports } },
        interval: 50,
        debounce: 0,
        backoff: { first: 50 },
      }).start()
      return { state, reconciler, ports }
    }
    const both = [start([1, 2, 3], 3), start([4, 5, 6], 7)]
    await ipvs.services.add({ protocol: 'tcp', address: '192.0.2.1', port: 99 })
    for (let i = 0; i < 20; i++) {
      for (const { reconciler } of both) {
        await until(
          'it is settled',
          () => reconciler.status(),
          ({ settled }) => settled,
        )
      }
      const key = { protocol: 'tcp', address: '192.0.2.1', port: 1 + lot(6) } as const
      await ipvs.services.remove(key)
      if (chance()) {
        // Somebody is faster, at times.
        await ipvs.services.add({ ...key, scheduler: 'rr' }).catch(({ code }) => expect(code).toBe('EEXIST'))
      }
      const owner = both.find(({ ports }) => ports.includes(key.port)) as (typeof both)[number]
      await owner.reconciler.now()
      await until(
        'it is mended',
        () => plan(ipvs, owner.state, { manage: { ports: owner.ports } }),
        ({ steps }) => steps.length === 0,
      )
    }
    for (const { reconciler, state, ports } of both) {
      await reconciler.stop()
      expect((await plan(ipvs, state, { manage: { ports } })).steps).toEqual([])
      expect(reconciler.activity().drift).toBeGreaterThan(0)
    }
    expect(await ipvs.services.get({ protocol: 'tcp', address: '192.0.2.1', port: 99 })).toBeDefined()
  })
})
