// AbortSignal, timeout and close.

import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Ipvs, IpvsError } from '../../lib'
import { expectFailure, type Harness, real, useWorld, WEB } from './harness'
import { Gate, recorded } from './recorder'

const A = real('198.51.100.1')
const ABOUT = 'tcp 192.0.2.1:80 -> 198.51.100.1:8080'

/** A job is started from process.nextTick: after those that are queued already, it is under way. */
const underWay = () => new Promise<void>((resolve) => process.nextTick(resolve))

/** A client with a timeout that is as short as opening, which has the same one, allows on a machine as busy as this. */
async function openImpatient(harness: Harness, gate: Gate): Promise<Ipvs> {
  for (let timeout = 30; ; timeout *= 4) {
    try {
      return await harness.open({ wrap: gate.wrap, timeout })
    } catch (error) {
      if ((error as IpvsError).code !== 'ERR_IPVS_TIMEOUT') throw error
    }
  }
}

export function callsContract(harness: Harness): void {
  describe(`calls over ${harness.name}`, () => {
    const world = useWorld(harness)
    const aborted = { code: 'ABORT_ERR', operation: 'destinations.add', about: ABOUT, service: WEB }
    const timedOut = { code: 'ERR_IPVS_TIMEOUT', operation: 'destinations.add', about: ABOUT, service: WEB }
    const closed = { code: 'ERR_IPVS_CLOSED', operation: 'destinations.add', about: ABOUT, service: WEB }

    it('an aborted signal rejects at once, and nothing is sent', async () => {
      const { recorder, ipvs } = await recorded(harness)
      const reason = new Error('enough')
      const error = await expectFailure(
        ipvs.destinations.add(WEB, A, { signal: AbortSignal.abort(reason) }),
        {
          ...aborted,
          says: 'aborted before it was sent',
          sent: false,
        },
      )
      expect(error.cause).toBe(reason)
      expect(recorder.requests).toEqual([])
      await ipvs.close()
    })

    it('abort before sending cancels: the kernel never sees it', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const controller = new AbortController()
      const add = ipvs.destinations.add(WEB, A, { signal: controller.signal })
      const other = ipvs.destinations.add(WEB, real('198.51.100.2'))
      controller.abort()
      await expectFailure(add, { ...aborted, says: 'aborted before it was sent', sent: false })
      await other
      expect(recorder.requests).toHaveLength(1)
      expect(await world.full.destinations.list(WEB)).toMatchObject([{ address: '198.51.100.2' }])
      await ipvs.close()
    })

    it('abort after sending rejects with sent: true, and it may have been done', async () => {
      await world.full.services.add(WEB)
      const controller = new AbortController()
      const add = world.ipvs.destinations.add(WEB, A, { signal: controller.signal })
      await underWay()
      controller.abort()
      await expectFailure(add, { ...aborted, says: 'aborted after it was sent', sent: true })
      // The next call is executed behind it.
      expect(await world.ipvs.destinations.list(WEB)).toMatchObject([{ address: A.address }])
    })

    it('abort after the answer changes nothing', async () => {
      await world.full.services.add(WEB)
      const controller = new AbortController()
      await world.ipvs.destinations.add(WEB, A, { signal: controller.signal })
      controller.abort()
      expect(await world.ipvs.destinations.list(WEB)).toHaveLength(1)
    })

    it('abort between the read and the write of an ensure: nothing is written', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const controller = new AbortController()
      const ensure = ipvs.destinations.ensure(WEB, A, { signal: controller.signal })
      await underWay()
      controller.abort()
      await expectFailure(ensure, { ...aborted, operation: 'destinations.ensure', sent: true })
      expect(await ipvs.destinations.list(WEB)).toEqual([])
      expect(recorder.writes).toEqual([])
      await ipvs.close()
    })

    it('abort of a batch rejects what is left of it, each operation by itself', async () => {
      const controller = new AbortController()
      const batch = world.ipvs.batch(
        ({ destinations }) => {
          destinations.add(WEB, A)
          destinations.add(WEB, real('198.51.100.2'))
        },
        { signal: controller.signal },
      )
      controller.abort()
      const outcomes = await batch
      expect(outcomes.map((one) => one.status === 'rejected' && one.error.code)).toEqual([
        'ABORT_ERR',
        'ABORT_ERR',
      ])
    })

    it('abort ends an iteration', async () => {
      await world.full.services.add(WEB)
      const controller = new AbortController()
      const items = world.ipvs.services.iterate({ signal: controller.signal })
      const first = items.next()
      controller.abort()
      await expectFailure(first, { code: 'ABORT_ERR', operation: 'services.iterate', sent: false })
    })

    it('a timeout while others hold the connection: sent is false', async () => {
      await world.full.services.add(WEB)
      const gate = new Gate()
      const ipvs = await harness.open({ wrap: gate.wrap })
      gate.close()
      const holding = ipvs.services.list()
      await underWay()
      await expectFailure(ipvs.destinations.add(WEB, A, { timeout: 20 }), { ...timedOut, sent: false })
      gate.open()
      expect(await holding).toHaveLength(1)
      expect(await ipvs.destinations.list(WEB)).toEqual([])
      await ipvs.close()
    })

    it('a timeout of what was handed over: sent is true, and the client goes on', async () => {
      await world.full.services.add(WEB)
      const gate = new Gate()
      const ipvs = await harness.open({ wrap: gate.wrap })
      gate.close()
      await expectFailure(ipvs.destinations.add(WEB, A, { timeout: 20 }), { ...timedOut, sent: true })
      gate.open()
      // Its job was let through after all, in front of this one.
      expect(await ipvs.services.list()).toHaveLength(1)
      expect(await ipvs.destinations.list(WEB)).toHaveLength(1)
      await ipvs.close()
    })

    it('the timeout of the client holds for calls that name none', async () => {
      const gate = new Gate()
      const ipvs = await openImpatient(harness, gate)
      gate.close()
      const wanted = { code: 'ERR_IPVS_TIMEOUT', operation: 'services.list', sent: true }
      await expectFailure(ipvs.services.list(), wanted)
      gate.open()
      await ipvs.close()
    })

    it('a closed client refuses every call, and nothing is sent', async () => {
      const { recorder, ipvs } = await recorded(harness)
      expect(ipvs.closed).toBe(false)
      await ipvs.close()
      expect(ipvs.closed).toBe(true)
      recorder.clear()
      await expectFailure(ipvs.destinations.add(WEB, A), { ...closed, sent: false })
      await expectFailure(ipvs.services.list(), { code: 'ERR_IPVS_CLOSED', operation: 'services.list' })
      await expectFailure(ipvs.services.iterate().next(), {
        code: 'ERR_IPVS_CLOSED',
        operation: 'services.iterate',
      })
      await expectFailure(ipvs.snapshot(), { code: 'ERR_IPVS_CLOSED', operation: 'snapshot' })
      const [outcome] = await ipvs.batch(({ destinations }) => destinations.add(WEB, A))
      expect(outcome?.status === 'rejected' && outcome.error.code).toBe('ERR_IPVS_CLOSED')
      expect(recorder.requests).toEqual([])
    })

    it('close is idempotent', async () => {
      const ipvs = await harness.open()
      await Promise.all([ipvs.close(), ipvs.close()])
      await ipvs.close()
      expect(ipvs.closed).toBe(true)
    })

    it('close lets the running job end and refuses what is queued', async () => {
      await world.full.services.add(WEB)
      const ipvs = await harness.open()
      const running = ipvs.destinations.add(WEB, A)
      await underWay()
      const queued = ipvs.destinations.add(WEB, real('198.51.100.2'))
      const refused = expectFailure(queued, {
        ...closed,
        about: 'tcp 192.0.2.1:80 -> 198.51.100.2:8080',
        sent: false,
      })
      const closing = ipvs.close()
      await refused
      expect(await running).toBeUndefined()
      await closing
      expect(await world.full.destinations.list(WEB)).toMatchObject([{ address: A.address }])
    })

    it('await using closes the client', async () => {
      let seen: { closed: boolean } | undefined
      {
        const ipvs = await harness.open()
        seen = ipvs
        expect(seen.closed).toBe(false)
        await ipvs[Symbol.asyncDispose]()
      }
      expect(seen.closed).toBe(true)
    })

    it('a client shows itself', async () => {
      const ipvs = await harness.open()
      const text = inspect(ipvs)
      expect(text).toMatch(/^Ipvs \{/)
      expect(text).toContain(`dialect: '${harness.dialect}'`)
      expect(text).toContain('closed: false')
      await ipvs.close()
      expect(inspect(ipvs)).toContain('closed: true')
    })

    it('100 clients opened and closed', async () => {
      for (let i = 0; i < 10; i++) {
        const clients = await Promise.all(Array.from({ length: 10 }, () => harness.open()))
        await Promise.all(clients.map((client) => client.services.list()))
        await Promise.all(clients.map((client) => client.close()))
      }
      expect(await world.ipvs.services.list()).toEqual([])
    })
  })
}
