// Timeouts, sync daemons and sysctls of a plan: what others did meanwhile, and what became of a lost answer.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { Plan, PlanStep, ReconcileClient } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'

const BACKUP = { state: 'backup', interface: 'eth0', syncId: 3 } as const

async function open() {
  const kernel = new FakeKernel({ dialect: 'mainline' })
  return { kernel, ipvs: await Ipvs.open({ transport: kernel.transport(), timeout: 1000 }) }
}

const sysctlPlan = (after: number): Plan => {
  const step: PlanStep = {
    kind: 'sysctl',
    verb: 'change',
    reason: 'differs',
    message: '',
    name: 'expire_nodest_conn',
    before: 0,
    after,
  }
  return { version: 1, dialect: 'mainline', steps: [step], warnings: [], draining: [], unchanged: 0 }
}

describe('a daemon', () => {
  it('that somebody was faster to start, or to stop, is as wanted', async () => {
    const { ipvs } = await open()
    const start = await plan(ipvs, { daemons: [BACKUP] })
    await ipvs.daemons.start(BACKUP)
    expect(await apply(ipvs, start)).toMatchObject({ complete: true, counts: { already: 1 } })
    const stop = await plan(ipvs, { daemons: [] })
    await ipvs.daemons.stop('backup')
    expect(await apply(ipvs, stop)).toMatchObject({ complete: true, counts: { already: 1 } })
  })

  it('that somebody started in another way is a failure', async () => {
    const { ipvs } = await open()
    const start = await plan(ipvs, { daemons: [BACKUP] })
    await ipvs.daemons.start({ ...BACKUP, syncId: 9 })
    expect(await apply(ipvs, start)).toMatchObject({
      complete: false,
      outcomes: [{ status: 'failed', error: { code: 'EEXIST' } }],
    })
    const change = await plan(ipvs, { daemons: [BACKUP] })
    expect(change.steps).toMatchObject([{ verb: 'change', kind: 'daemon' }])
    expect(await apply(ipvs, change)).toMatchObject({ complete: true, counts: { done: 1 } })
    expect(await ipvs.daemons.list()).toMatchObject([BACKUP])
  })

  it('is the same in another spelling of its group, and stops for no other reason than a difference', async () => {
    const { ipvs } = await open()
    const spelled = { ...BACKUP, multicastGroup: 'FF05:0::0:1' }
    await apply(ipvs, await plan(ipvs, { daemons: [spelled] }))
    expect(await ipvs.daemons.list()).toMatchObject([{ multicastGroup: 'ff05::1' }])
    for (const daemon of [spelled, BACKUP, { ...spelled, multicastGroup: 'ff05::1' }]) {
      expect((await plan(ipvs, { daemons: [daemon] })).steps).toEqual([])
    }
    for (const more of [
      { multicastGroup: 'ff05::2' },
      { interface: 'lo' },
      { syncId: 4 },
      { multicastTtl: 2 },
    ]) {
      expect((await plan(ipvs, { daemons: [{ ...spelled, ...more }] })).steps).toMatchObject([
        { verb: 'change' },
      ])
    }
  })

  it('that the kernel goes on with is a failure of its end', async () => {
    const { kernel, ipvs } = await open()
    await ipvs.daemons.start(BACKUP)
    kernel.fail('daemons.stop', 'ENOMEM')
    expect(await apply(ipvs, await plan(ipvs, { daemons: [] }))).toMatchObject({
      outcomes: [{ status: 'failed', error: { code: 'ENOMEM' } }],
    })
    kernel.loseAnswer('daemons.stop')
    expect(await apply(ipvs, await plan(ipvs, { daemons: [] }))).toMatchObject({ counts: { done: 1 } })
  })
})

describe('an answer that was lost', () => {
  it('is looked for', async () => {
    const { kernel, ipvs } = await open()
    kernel.loseAnswer('daemons.start')
    kernel.loseAnswer('timeouts.set')
    const desired = { daemons: [BACKUP], timeouts: { tcp: 555 } }
    expect(await apply(ipvs, await plan(ipvs, desired))).toMatchObject({
      complete: true,
      counts: { done: 2 },
    })
    expect((await plan(ipvs, desired)).steps).toEqual([])
  })

  it('of what was not done after all is a failure', async () => {
    const { kernel, ipvs } = await open()
    const todo = await plan(ipvs, { timeouts: { tcp: 555, udp: 99 } })
    // Somebody else has the last word before it is looked for.
    const timeouts: ReconcileClient['timeouts'] = {
      get: async (options) => {
        await ipvs.timeouts.set({ udp: 77 })
        return ipvs.timeouts.get(options)
      },
      set: (wanted, options) => ipvs.timeouts.set(wanted, options),
    }
    const meddled: ReconcileClient = Object.create(ipvs, { timeouts: { value: timeouts } })
    kernel.loseAnswer('timeouts.set')
    expect(await apply(meddled, todo)).toMatchObject({
      complete: false,
      outcomes: [{ status: 'failed', error: { code: 'ERR_IPVS_OUTCOME_UNKNOWN' } }],
    })
    expect(await ipvs.timeouts.get()).toMatchObject({ tcp: 555, udp: 77 })
  })

  it('is unknown where nobody can look', async () => {
    const { kernel, ipvs } = await open()
    const todo = await plan(ipvs, { timeouts: { tcp: 555 } })
    kernel.loseAnswer('timeouts.set')
    kernel.fail('timeouts.get', 'EIO')
    expect(await apply(ipvs, todo)).toMatchObject({ complete: false, counts: { unknown: 1 } })
  })
})

describe('a sysctl', () => {
  it('that refuses is as wanted where it is so already', async () => {
    const { kernel, ipvs } = await open()
    kernel.procSys = 'read-only'
    expect(await apply(ipvs, sysctlPlan(1))).toMatchObject({
      outcomes: [{ status: 'failed', error: { code: 'EROFS' } }],
    })
    expect(await apply(ipvs, sysctlPlan(0))).toMatchObject({ complete: true, counts: { already: 1 } })
  })
})
