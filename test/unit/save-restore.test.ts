// What was saved comes back, whatever tool left it and whatever is there now, and nothing that is as it was is touched.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DaemonState } from '../../lib'
import { Ipvs } from '../../lib'
import { serviceKeyId } from '../../lib/model/keys'
import type { SavedService, SavedState } from '../../lib/reconcile'
import { restore, save } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { DIALECTS } from './fake-support'
import { fill, heldTables } from './support/held-tables'
import { kernelWith, raws } from './support/raw-states'

/** Through JSON, as a file has it. */
const saved = async (ipvs: Ipvs): Promise<SavedState> => {
  const document = await save(ipvs)
  const again = JSON.parse(JSON.stringify(document)) as SavedState
  expect(again).toEqual(document)
  return again
}

const idOf = (service: SavedService): string => serviceKeyId(service as never)
const at = ({ address, port }: { address: string; port: number }) => `${address} ${port}`

/** What is there, in no order: that of objects that were there already stays. */
const content = ({ services, timeouts, daemons }: SavedState) => ({
  timeouts,
  daemons,
  services: services
    .map(({ destinations, localAddresses, ...rest }) => ({
      ...rest,
      destinations: [...destinations].sort((a, b) => (at(a) < at(b) ? -1 : 1)),
      localAddresses: [...localAddresses].sort(),
    }))
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)),
})
const ordered = ({ services, timeouts, daemons }: SavedState) => ({ services, timeouts, daemons })

describe.each(DIALECTS)('on %s', (dialect) => {
  const open = async (kernel = new FakeKernel({ dialect, cpus: 4 })) => ({
    kernel,
    ipvs: await Ipvs.open({ transport: kernel.transport(), force: true }),
  })
  const tables = heldTables(dialect)
  const daemons = fc.subarray(['master', 'backup'] as const)
  const start = async (ipvs: Ipvs, states: readonly DaemonState[]) => {
    for (const state of states) await ipvs.daemons.start({ state, interface: 'eth0' })
  }

  it('the same state changes nothing, any that the kernel can hold', async () => {
    await fc.assert(
      fc.asyncProperty(raws, async (raw) => {
        const { kernel, open: client } = await kernelWith(dialect, raw)
        const ipvs = await client()
        const document = await saved(ipvs)
        const before = kernel.dump()
        for (const mode of ['replace', 'merge'] as const) {
          const { plan, losses, applied } = await restore(ipvs, JSON.stringify(document), { mode })
          expect(plan.steps).toEqual([])
          expect(losses).toEqual([])
          expect(applied).toMatchObject({ complete: true, outcomes: [] })
        }
        expect(kernel.dump()).toEqual(before)
      }),
    )
  })

  it('comes back on an empty kernel field by field, in the order of the kernel', async () => {
    await fc.assert(
      fc.asyncProperty(tables, fc.integer({ min: 1, max: 2147483 }), async (table, tcp) => {
        const { ipvs } = await open()
        await fill(ipvs, table)
        await ipvs.timeouts.set({ tcp })
        await ipvs.daemons.start({ state: 'backup', interface: 'eth0', syncId: 7 }).catch(() => undefined)
        const document = await saved(ipvs)
        const other = await open()
        const { applied } = await restore(other.ipvs, document, { mode: 'replace' })
        expect(applied?.outcomes.filter(({ status }) => status !== 'done')).toEqual([])
        expect(ordered(await saved(other.ipvs))).toEqual(ordered(document))
      }),
    )
  })

  it('replaces any other table', async () => {
    await fc.assert(
      fc.asyncProperty(tables, tables, daemons, daemons, async (table, other, one, two) => {
        const [from, to] = [await open(), await open()]
        // mainline has either a daemon or tunnels to the other family: what comes first.
        await start(from.ipvs, one)
        await fill(from.ipvs, table)
        await start(to.ipvs, two)
        await fill(to.ipvs, other)
        const document = await saved(from.ipvs)
        const { applied } = await restore(to.ipvs, document, { mode: 'replace' })
        expect(applied?.outcomes.filter(({ status }) => status !== 'done')).toEqual([])
        expect(content(await saved(to.ipvs))).toEqual(content(document))
        const { plan } = await restore(to.ipvs, document, { mode: 'replace', dryRun: true })
        expect(plan.steps).toEqual([])
      }),
    )
  })

  it('merged into another table what is not named stays', async () => {
    await fc.assert(
      fc.asyncProperty(tables, tables, async (table, other) => {
        const [from, to] = [await open(), await open()]
        await fill(from.ipvs, table)
        await fill(to.ipvs, other)
        const document = await saved(from.ipvs)
        const before = await saved(to.ipvs)
        await restore(to.ipvs, document, { mode: 'merge' })
        const after = await saved(to.ipvs)
        const named = new Map(document.services.map((service) => [idOf(service), service] as const))
        const was = new Map(before.services.map((service) => [idOf(service), service] as const))
        const expected = [...new Set([...named.keys(), ...was.keys()])].map((id): SavedService => {
          const [one, old] = [named.get(id), was.get(id)]
          if (!one || !old) return (one ?? old) as SavedService
          const own = new Set(one.destinations.map(at))
          return {
            ...one,
            destinations: [...one.destinations, ...old.destinations.filter((to) => !own.has(at(to)))],
            localAddresses: [...new Set([...one.localAddresses, ...old.localAddresses])],
          }
        })
        expect(content(after)).toEqual(content({ ...document, services: expected }))
      }),
    )
  })
})

describe.each(
  DIALECTS.flatMap((one) => DIALECTS.filter((other) => other !== one).map((other) => [one, other] as const)),
)('from %s to %s', (from: FakeDialect, to: FakeDialect) => {
  it('what cannot be is named before anything is sent, and the rest is carried over', async () => {
    await fc.assert(
      fc.asyncProperty(heldTables(from), async (table) => {
        const source = new FakeKernel({ dialect: from, cpus: 4 })
        const target = new FakeKernel({ dialect: to, cpus: 4 })
        const ipvs = await Ipvs.open({ transport: source.transport() })
        await fill(ipvs, table)
        const document = await saved(ipvs)
        const other = await Ipvs.open({ transport: target.transport() })
        const before = target.dump()
        const dry = await restore(other, document, { mode: 'replace', dryRun: true })
        expect(target.dump()).toEqual(before)
        if (dry.losses.length > 0) {
          const error = await restore(other, document, { mode: 'replace' }).catch((reason: unknown) => reason)
          expect(error).toMatchObject({ code: 'ERR_IPVS_LOSSES', losses: dry.losses })
          expect(target.dump()).toEqual(before)
        }
        const { applied } = await restore(other, document, { mode: 'replace', acceptLosses: true })
        expect(applied?.complete).toBe(true)
        // Whatever differs now was named, as a loss or as what meant nothing.
        const told = dry.losses.map(({ path }) => path)
        const meantNothing = dry.plan.warnings.filter(({ code }) => code === 'no-effect')
        const here = await saved(other)
        const found = new Map(here.services.map((service) => [idOf(service), service] as const))
        for (const [i, service] of document.services.entries()) {
          const path = `services[${i}]`
          const one = found.get(idOf(service))
          if (!one) {
            expect(told).toContain(path)
            continue
          }
          const silent = (property: string, value: unknown, now: unknown) => {
            if (JSON.stringify(value) === JSON.stringify(now)) return
            const named =
              told.some((loss) => loss.startsWith(`${path}.${property}`)) ||
              meantNothing.some(({ message }) => message.includes(`: ${property} `))
            expect(named, `${path}.${property}: ${JSON.stringify(value)} -> ${JSON.stringify(now)}`).toBe(
              true,
            )
          }
          for (const name of [
            'scheduler',
            'schedulerFlags',
            'persistence',
            'onePacket',
            'synproxy',
          ] as const) {
            silent(name, service[name], one[name])
          }
          if (to !== 'fullnat-v3')
            silent('establishedTimeout', service.establishedTimeout ?? here.timeouts?.tcp, here.timeouts?.tcp)
          silent('localAddresses', [...service.localAddresses].sort(), [...one.localAddresses].sort())
          for (const [j, destination] of service.destinations.entries()) {
            const now = one.destinations.find((each) => at(each) === at(destination))
            if (!now) expect(told).toContain(`${path}.destinations[${j}]`)
            else expect({ ...now, tunnel: 0 }).toEqual({ ...destination, tunnel: 0 })
          }
        }
      }),
    )
  })
})
