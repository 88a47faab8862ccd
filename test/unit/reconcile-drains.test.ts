// Drains and health: what goes, what waits for what, and what stays when a check says that everything is down.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import type { Plan } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker, WEB } from './support/desired'

const UNTIL = '2030-01-01T00:00:00Z'
const BEFORE = Date.parse(UNTIL) - 1
const at = destinationMaker('masquerade')
const web = (...destinations: DesiredDestination[]): DesiredState => ({
  services: [{ ...WEB, destinations }],
})

async function open(state: DesiredState) {
  const kernel = new FakeKernel({ dialect: 'mainline' })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const make = async (next: DesiredState, now = BEFORE) => apply(ipvs, await plan(ipvs, next, { now }))
  await make(state)
  return { kernel, ipvs, make }
}

const verbs = ({ steps }: Plan) => steps.map(({ verb, kind, reason }) => `${verb} ${kind} ${reason}`)

describe('a destination that drains', () => {
  it('is changed in what else differs, and counted as it should be where nothing does', async () => {
    const { kernel, ipvs, make } = await open(web(at(1)))
    kernel.connect({ client: '203.0.113.1:1000', service: 'tcp 192.0.2.1:80' })
    const draining = (more: Partial<DesiredDestination>) => web(at(1, { state: 'drain', ...more }))
    await make(draining({}))
    expect(await plan(ipvs, draining({}))).toMatchObject({ steps: [], unchanged: 2, draining: [{}] })
    const other = await plan(ipvs, draining({ upperThreshold: 9 }))
    expect(verbs(other)).toEqual(['change destination drain'])
    expect(other.steps).toMatchObject([{ after: { weight: 0, upperThreshold: 9 } }])
    expect(other.draining).toHaveLength(1)
  })

  it('and is not there has nothing left to drain', async () => {
    const { ipvs } = await open(web())
    const todo = await plan(ipvs, web(at(1, { state: 'drain' }), at(2, { state: 'off' })))
    expect(todo).toMatchObject({ steps: [], draining: [], unchanged: 2 })
  })

  it('keeps its time over a weight that somebody gave back', async () => {
    const { kernel, ipvs, make } = await open(web(at(1), at(2)))
    for (const n of [1, 2]) kernel.connect({ client: `203.0.113.${n}:1000`, service: 'tcp 192.0.2.1:80' })
    const draining = web(at(1, { state: 'drain', until: UNTIL }), at(2))
    await make(draining)
    await ipvs.destinations.update(WEB, at(1), { weight: 3 })
    expect(verbs(await plan(ipvs, draining, { now: BEFORE }))).toEqual(['drain destination drain'])
    // Its time is over whatever its weight is.
    expect(verbs(await plan(ipvs, draining, { now: BEFORE + 1 }))).toEqual(['remove destination drained'])
  })

  it('without a connection goes when it takes none any more, and not before', async () => {
    const { ipvs, make } = await open(web(at(1), at(2)))
    const draining = web(at(1, { state: 'drain' }), at(2))
    expect(verbs(await plan(ipvs, draining))).toEqual(['drain destination drain'])
    await make(draining)
    expect(verbs(await plan(ipvs, draining))).toEqual(['remove destination drained'])
    // It was wanted again meanwhile.
    expect(verbs(await plan(ipvs, web(at(1), at(2))))).toEqual(['change destination differs'])
    await make(draining)
    expect((await plan(ipvs, draining)).steps).toEqual([])
  })

  it('of a mark waits for what is said of marks', async () => {
    const service = (more: Partial<DesiredDestination>): DesiredState => ({
      services: [{ fwmark: 7, destinations: [at(1, more), at(2)] } as DesiredService],
    })
    const { kernel, ipvs, make } = await open(service({}))
    for (const n of [1, 2]) {
      kernel.connect({ client: `203.0.113.${n}:1000`, service: { fwmark: 7 }, to: WEB }).close()
    }
    const draining = service({ state: 'drain' })
    await make(draining)
    const gone = ['remove destination drained']
    for (const drainWhile of [undefined, 'active', { tcp: 'all', udp: 'all' }] as const) {
      expect(verbs(await plan(ipvs, draining, { drainWhile }))).toEqual(gone)
    }
    for (const drainWhile of ['all', { fwmark: 'all' }] as const) {
      expect(verbs(await plan(ipvs, draining, { drainWhile }))).toEqual([])
    }
  })

  it.each([null, 'some', 5, { tcp: 'some' }, { icmp: 'all' }])('by %j is refused', async (drainWhile) => {
    const { ipvs } = await open({})
    await expect(plan(ipvs, {}, { drainWhile: drainWhile as never })).rejects.toMatchObject({
      field: expect.stringContaining('options.drainWhile'),
    })
  })
})

describe('what health says', () => {
  const keep = { keepLastWorking: true } as const
  const down = (last: number, more: Partial<DesiredDestination> = {}) =>
    at(last, { state: 'off', reason: 'health', ...more })

  it('is doubted where what is left takes nothing', async () => {
    const { ipvs } = await open(web(at(1), at(2, { weight: 0 })))
    expect(verbs(await plan(ipvs, web(down(1), at(2, { weight: 0 })), keep))).toEqual([
      'report destination all-down',
    ])
    expect(verbs(await plan(ipvs, web(down(1, { state: 'drain' }), at(2, { weight: 0 })), keep))).toEqual([
      'report destination all-down',
    ])
    expect(verbs(await plan(ipvs, web(down(1), at(2, { weight: 1 })), keep))).toEqual([
      'change destination differs',
      'remove destination off',
    ])
  })

  it('is not doubted of what takes nothing already, nor of what is on', async () => {
    const { ipvs } = await open(web(at(1, { weight: 0 }), at(2, { weight: 5 })))
    const todo = await plan(ipvs, web(down(1), at(2, { weight: 0, reason: 'health' })), keep)
    expect(verbs(todo)).toEqual(['change destination differs', 'remove destination off'])
  })

  it('adds nothing that is not there', async () => {
    const { ipvs } = await open(web())
    expect(await plan(ipvs, web(down(1), down(2)), keep)).toMatchObject({ steps: [] })
  })
})
