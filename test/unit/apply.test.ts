import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredState } from '../../lib/model/desired-state'
import type { Applied, Plan, ReconcileClient } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const at = (last: number, more: Partial<DesiredDestination> = {}): DesiredDestination => ({
  ...{ address: `10.9.0.${last}`, port: 8080, forwarding: 'fullnat' },
  ...more,
})
const stateOf = (...destinations: readonly DesiredDestination[]): DesiredState => ({
  services: [{ ...WEB, localAddresses: ['10.1.0.1'], destinations }],
})

async function director() {
  const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  await apply(ipvs, await plan(ipvs, stateOf(at(1), at(2))))
  const sent = kernel.requests.length
  const writes = () =>
    kernel.requests.slice(sent).filter(({ operation }) => /\.(add|set|remove)$/.test(operation)).length
  return { kernel, ipvs, writes }
}

describe('a plan from a file', () => {
  const step = {
    ...{ verb: 'add', kind: 'destination', service: WEB, reason: 'missing', message: '' },
    ...{ destination: { address: '10.9.0.7', port: 80 }, after: { forwarding: 'fullnat', weight: 1 } },
  }
  const noDestination = { ...step, destination: undefined }
  const setting = { ...{ verb: 'change', reason: 'differs', message: '' }, service: undefined }
  const garbled: readonly (readonly [string, unknown])[] = [
    ['', null],
    ['', undefined],
    ['', 'add'],
    ['.verb', {}],
    ['.verb', { ...step, verb: 'delete' }],
    ['.kind', { ...step, kind: 'dest' }],
    ['.expect', { ...step, verb: 'remove', expect: 5 }],
    ['.expect', { ...step, verb: 'remove', expect: null }],
    ['.service', { ...step, service: undefined }],
    ['.service', { ...step, service: null, verb: 'remove', expect: 'x' }],
    ['.service.address', { ...step, service: { ...WEB, address: 'web' } }],
    ['.destination', noDestination],
    ['.destination', { ...noDestination, verb: 'remove' }],
    ['.destination.port', { ...step, destination: { address: '10.9.0.7', port: '80' } }],
    ['.after', { ...step, after: undefined }],
    ['.after', { ...step, kind: 'service', verb: 'change', after: undefined }],
    ['.localAddress', { ...step, kind: 'localAddress' }],
    ['.after', { ...setting, kind: 'timeouts' }],
    ['.after', { ...setting, kind: 'daemon' }],
    ['.after', { ...setting, kind: 'daemon', before: { state: 'master' }, after: null }],
    ['.before', { ...setting, kind: 'daemon', verb: 'remove', before: 'master' }],
    ['.name', { ...setting, kind: 'sysctl' }],
  ]

  it('is refused where a step is none: nothing of it is done, with expect and without', async () => {
    const { ipvs, writes } = await director()
    for (const [field, wrong] of garbled) {
      const steps = [step, wrong]
      const todo = { ...(await plan(ipvs, stateOf(at(1), at(2)))), steps } as unknown as Plan
      const error = { code: /^ERR_(INVALID_ARG|OUT_OF_RANGE)/, field: `plan.steps[1]${field}` }
      for (const expected of [true, false]) {
        const refused = await apply(ipvs, todo, { expect: expected }).catch((reason: unknown) => reason)
        expect(refused, JSON.stringify(wrong)).toMatchObject({ field: error.field })
        expect(String((refused as { code?: unknown }).code)).toMatch(error.code)
      }
    }
    expect(writes()).toBe(0)
  })

  it('can be changed in its list while it is done', async () => {
    const { ipvs } = await director()
    const todo = JSON.parse(JSON.stringify(await plan(ipvs, stateOf(at(3), at(4))))) as Plan
    const count = todo.steps.length
    const applied = apply(ipvs, todo)
    ;(todo.steps as unknown[]).fill(null)
    expect((await applied).counts.done).toBe(count)
  })
})

const shown = ({ outcomes }: Applied): string[] =>
  outcomes.map(({ step, status, why }) => [step.verb, step.kind, status, why ?? ''].join(' ').trimEnd())

describe('what is done', () => {
  it('what somebody else has made meanwhile, as it is wanted, stands in the way of nothing', async () => {
    const { ipvs } = await director()
    const todo = await plan(ipvs, stateOf(at(3)))
    await ipvs.destinations.add(WEB, { address: '10.9.0.3', port: 8080, forwarding: 'fullnat', weight: 1 })
    const applied = await apply(ipvs, todo)
    expect(shown(applied)).toEqual([
      'add destination already',
      'remove destination done',
      'remove destination done',
    ])
    expect(applied.complete).toBe(true)
  })

  it('of a service that went meanwhile is left out, and is no failure of its own', async () => {
    const { ipvs } = await director()
    const todo = await plan(ipvs, stateOf(at(1), at(2), at(3)))
    await ipvs.services.remove(WEB)
    expect(shown(await apply(ipvs, todo))).toEqual(['add destination skipped depends-on-failed'])
  })

  it('nothing is closed where what was to come in its place has failed', async () => {
    const { kernel, ipvs } = await director()
    kernel.fail({ operation: 'destinations.add', destination: at(3) }, 'ENOMEM')
    const todo = await plan(ipvs, stateOf(at(1, { weight: 0 }), at(2), at(3)))
    expect(shown(await apply(ipvs, todo))).toEqual([
      'add destination failed',
      'change destination skipped depends-on-failed',
    ])
  })

  it('nothing goes where what was to change is not what it was', async () => {
    const { ipvs } = await director()
    const todo = await plan(ipvs, stateOf(at(1, { weight: 9 })))
    await ipvs.destinations.update(WEB, at(1), { weight: 4 })
    expect(shown(await apply(ipvs, todo))).toEqual([
      'change destination skipped changed-meanwhile',
      'remove destination skipped depends-on-failed',
    ])
  })

  it('what a silent kernel has done nobody knows', async () => {
    const { ipvs } = await director()
    const todo = await plan(ipvs, stateOf(at(1), at(2), at(3)))
    const silence = Object.assign(new Error('no answer'), { code: 'ERR_IPVS_TIMEOUT', sent: true })
    const silent: ReconcileClient = {
      ...{ capabilities: ipvs.capabilities, timeouts: ipvs.timeouts, daemons: ipvs.daemons },
      ...{ services: ipvs.services, destinations: ipvs.destinations, localAddresses: ipvs.localAddresses },
      snapshot: () => ipvs.snapshot(),
      batch: () => Promise.reject(silence),
    }
    expect(shown(await apply(silent, todo))).toEqual(['add destination unknown'])
  })

  it('what was aborted when it had been sent is looked at: it is done, or it is not', async () => {
    const { ipvs } = await director()
    const todo = await plan(ipvs, stateOf(at(1, { weight: 7 }), at(2, { weight: 7 })))
    const client: ReconcileClient = Object.assign(Object.create(ipvs), {
      // Half of it has come to the kernel.
      async batch() {
        await ipvs.destinations.update(WEB, { address: '10.9.0.1', port: 8080 }, { weight: 7 })
        throw Object.assign(new Error('aborted'), { code: 'ABORT_ERR', sent: true })
      },
    })
    const { outcomes, complete } = await apply(client, todo)
    expect(complete).toBe(false)
    const statusOf = (address: string) =>
      outcomes.find(({ step }) => step.kind === 'destination' && step.destination.address === address)?.status
    expect(statusOf('10.9.0.1')).toBe('done')
    expect(statusOf('10.9.0.2')).toBe('failed')
  })

  it('settings and daemons that go come before the table, daemons that come behind it', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    const web = { ...WEB, destinations: [at(1, { forwarding: 'masquerade' })] }
    const masters = [{ state: 'master', interface: 'eth0' }] as const
    const before = { ...web, destinations: [at(2, { forwarding: 'masquerade' })] }
    await apply(ipvs, await plan(ipvs, { services: [before], daemons: masters }))
    const sent = kernel.requests.length
    const backups = [{ state: 'backup', interface: 'eth0' }] as const
    const next = { services: [web], timeouts: { tcp: 800 }, daemons: backups }
    await apply(ipvs, await plan(ipvs, next))
    const done = kernel.requests.slice(sent).map(({ operation }) => operation)
    const writes = done.filter((operation) => !/list|get|snapshot/i.test(operation))
    expect(writes.map((operation) => operation.replace(/^.*daemon/i, 'daemon'))).toEqual([
      'timeouts.set',
      'daemons.stop',
      'destinations.add',
      'destinations.remove',
      'daemons.start',
    ])
  })

  it('what drains already and differs is changed, and drains no second time', async () => {
    const { kernel, ipvs } = await director()
    for (const n of [1, 2]) kernel.connect({ client: `203.0.113.${n}:1000`, service: 'tcp 192.0.2.1:80' })
    await ipvs.destinations.update(WEB, at(1), { weight: 0 })
    const { steps } = await plan(ipvs, stateOf(at(1, { state: 'drain', upperThreshold: 9 }), at(2)))
    expect(steps.map(({ verb, reason }) => `${verb} ${reason}`)).toEqual(['change drain'])
  })
})
