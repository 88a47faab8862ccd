// What a plan may do: the brake, what is allowed, whose services are whose, and what a step is refused for.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import type { Plan, PlanOptions } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker } from './support/desired'

const at = destinationMaker('masquerade')
const keyOf = (port: number) => ({ protocol: 'tcp', address: '192.0.2.1', port }) as const
const serviceOf = (
  port: number,
  destinations: readonly DesiredDestination[],
  more: Partial<DesiredService> = {},
) => ({ ...keyOf(port), destinations, ...more }) as DesiredService

async function open(state: DesiredState = {}, dialect: 'mainline' | 'fullnat-v2' = 'mainline') {
  const kernel = new FakeKernel({ dialect })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  await apply(ipvs, await plan(ipvs, state))
  return { kernel, ipvs }
}

const verbs = ({ steps }: Plan) => steps.map(({ verb, kind, reason }) => `${verb} ${kind} ${reason}`)
const fieldOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => (error as { field?: string }).field,
  )

describe('a brake', () => {
  const many: DesiredState = {
    services: Array.from({ length: 5 }, (_, i) =>
      serviceOf(
        1000 + i,
        Array.from({ length: 19 }, (_u, j) => at(j + 1)),
      ),
    ),
  }

  it('holds a state that lost everything, however few services have all the destinations', async () => {
    const { ipvs } = await open(many)
    // 100 objects, of which 5 are services.
    for (const maxRemovals of [5, 99, { share: 0.5 }, { share: 0.99 }]) {
      const todo = await plan(ipvs, { services: [] }, { maxRemovals })
      expect(new Set(verbs(todo))).toEqual(new Set(['report service too-many-removals']))
      expect(todo.steps[0]?.message).toContain('100 removals are more than maxRemovals')
    }
    for (const maxRemovals of [100, { share: 1 }]) {
      const todo = await plan(ipvs, { services: [] }, { maxRemovals })
      expect(new Set(verbs(todo))).toEqual(new Set(['remove service not-wanted']))
    }
  })

  it('counts a share as people do', async () => {
    const { ipvs } = await open(many)
    const [first, ...others] = many.services as DesiredService[]
    const without = (count: number): DesiredState => ({
      services: [...others.slice(1), serviceOf(1001, (first?.destinations ?? []).slice(count))],
    })
    // One service with 19 destinations, and 9 or 10 more.
    const shared = async (count: number) =>
      new Set(
        (await plan(ipvs, without(count), { maxRemovals: { share: 0.29 } })).steps.map(({ verb }) => verb),
      )
    expect(await shared(9)).toEqual(new Set(['remove']))
    expect(await shared(10)).toEqual(new Set(['report']))
  })

  it('takes what is ours for the whole', async () => {
    const { ipvs } = await open(many)
    const options: PlanOptions = { remembered: [keyOf(1000)], maxRemovals: { share: 0.5 } }
    expect(verbs(await plan(ipvs, { services: [] }, options))).toEqual(['report service too-many-removals'])
  })

  it.each([
    [null, 'options.maxRemovals'],
    ['5', 'options.maxRemovals'],
    [-1, 'options.maxRemovals'],
    [1.5, 'options.maxRemovals'],
    [{}, 'options.maxRemovals.share'],
    [{ share: 20 }, 'options.maxRemovals.share'],
    [{ share: 0.2, of: 'services' }, 'options.maxRemovals.of'],
  ])('that means nothing is refused: %j', async (maxRemovals, field) => {
    const { ipvs } = await open()
    expect(await fieldOf(plan(ipvs, { services: [] }, { maxRemovals: maxRemovals as never }))).toBe(field)
  })
})

describe('what is not allowed', () => {
  it('leaves what would be replaced by it', async () => {
    const { ipvs } = await open({ services: [serviceOf(80, [at(1), at(2)]), serviceOf(81, [at(1)])] })
    const next: DesiredState = {
      services: [serviceOf(80, [at(3), at(2, { state: 'off' })]), serviceOf(81, [])],
    }
    const todo = await plan(ipvs, next, { allow: ['edit', 'remove'] })
    // Its own wish is done, and another service is none of it.
    expect(verbs(todo).sort()).toEqual([
      'remove destination not-wanted',
      'remove destination off',
      'report destination not-allowed',
      'report destination waits',
    ])
    await apply(ipvs, todo)
    expect((await ipvs.destinations.list(keyOf(80))).map(({ address }) => address)).toEqual(['10.9.0.1'])
    expect(await ipvs.destinations.list(keyOf(81))).toEqual([])
  })

  it.each([
    ['add', undefined],
    [['add', 'drop'], 'options.allow'],
  ] as const)('is said in words: %j', async (allow, field) => {
    const { ipvs } = await open()
    expect(await fieldOf(plan(ipvs, {}, { allow: allow as never }))).toBe(field ?? 'options.allow')
  })
})

describe('a service that goes', () => {
  it('stays where somebody gave it destinations meanwhile', async () => {
    const { ipvs } = await open({ services: [serviceOf(80, [])] })
    const todo = await plan(ipvs, { services: [] })
    await ipvs.destinations.add(keyOf(80), { address: '10.9.0.1', port: 80, forwarding: 'masquerade' })
    expect(await apply(ipvs, todo)).toMatchObject({
      outcomes: [{ status: 'skipped', why: 'changed-meanwhile' }],
    })
    expect(await apply(ipvs, await plan(ipvs, { services: [] }))).toMatchObject({ complete: true })
  })

  it('goes where its destinations only count otherwise', async () => {
    const { ipvs } = await open({ services: [serviceOf(80, [at(1)])] })
    const todo = await plan(ipvs, { services: [] })
    await ipvs.destinations.update(keyOf(80), at(1), { weight: 9 })
    expect(await apply(ipvs, todo)).toMatchObject({ complete: true, counts: { done: 1 } })
  })
})

describe('what this kernel cannot make of a service that is there', () => {
  it('stops nothing else of it', async () => {
    const { ipvs } = await open({ services: [serviceOf(80, [at(1), at(2), at(3)], { scheduler: 'rr' })] })
    const wanted = serviceOf(80, [at(1, { weight: 5 }), at(2, { state: 'off' })], {
      scheduler: 'wrr',
      synproxy: true,
    })
    const todo = await plan(ipvs, { services: [wanted] })
    expect(verbs(todo)).toEqual([
      'report service unsupported',
      'report destination waits',
      'change destination differs',
      'remove destination off',
    ])
    expect(await apply(ipvs, todo)).toMatchObject({ complete: true, counts: { done: 2 } })
    // One that is not there has nothing that could be changed.
    const none = await open()
    expect(verbs(await plan(none.ipvs, { services: [wanted] }))).toEqual(['report service unsupported'])
  })
})

describe('whose it is', () => {
  it('is asked of a function once for each, and what it throws ends the plan', async () => {
    const { ipvs } = await open({ services: [serviceOf(80, []), serviceOf(81, [])] })
    const broken = () => {
      throw new Error('no answer')
    }
    await expect(plan(ipvs, { services: [] }, { manage: broken })).rejects.toThrow('no answer')
    await expect(plan(ipvs, { services: [] }, { ignore: broken })).rejects.toThrow('no answer')
    // Whatever is true enough.
    const some = ({ port }: { port?: number }) => (port === 81 ? 'yes' : 0) as never
    expect(verbs(await plan(ipvs, { services: [] }, { manage: some }))).toEqual(['remove service not-wanted'])
  })

  it('is a union where a scope names several things', async () => {
    const { ipvs } = await open({ services: [serviceOf(80, []), serviceOf(81, [])] })
    await ipvs.services.add({ protocol: 'tcp', address: '198.51.100.1', port: 80 })
    for (const fwmark of [80, 81]) await ipvs.services.add({ fwmark })
    const named = async (manage: PlanOptions['manage']) =>
      (await plan(ipvs, { services: [] }, { manage })).steps.length
    expect(await named({ addresses: ['192.0.2.1'], ports: [80] })).toBe(3)
    expect(await named({ addresses: ['192.0.2.1'] })).toBe(2)
    expect(await named({ ports: [80] })).toBe(2)
    expect(await named({ fwmarks: [80] })).toBe(1)
    expect(await named({ networks: ['0.0.0.0/0'] })).toBe(3)
    expect(await named({ networks: ['::/0'] })).toBe(0)
    expect(await named({})).toBe(0)
  })
})
