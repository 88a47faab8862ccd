// Callers that call from where nobody calls: from a batch that is under way, from a tracing channel, from a continuation.
import { tracingChannel } from 'node:diagnostics_channel'
import { describe, expect, it, vi } from 'vitest'
import { Ipvs } from '../../lib'
import type { TracedCall } from '../../lib/dispatch/tracing'
import { FakeKernel } from '../../lib/testing'
import { outcomeFlags, writeReply } from './support/border'
import { failure, openScripted, ScriptedTransport, serviceRecord } from './support/scripted-transport'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const port = (number: number) => ({ ...WEB, port: number })
const masq = (i: number) =>
  ({ address: `10.0.0.${i % 250}`, port: 80 + i, forwarding: 'masquerade' }) as const

describe('a call made while a batch is filled', () => {
  it('is sent as it is, also when a part of the batch went before it and had to wait', async () => {
    const { ipvs, transport } = await openScripted('mainline', ({ operation }) =>
      operation === 'serviceGet' ? { services: [serviceRecord('192.0.2.1', 80)] } : undefined,
    )
    transport.hold()
    // A trip that may go on: nothing is handed over behind it.
    const first = ipvs.services.update(WEB, { scheduler: 'rr' })
    await transport.arrived(1)
    const inside: Promise<unknown>[] = []
    const batch = ipvs.batch((b) => {
      inside.push(ipvs.services.add(port(1001)))
      for (let i = 0; i < 1000; i++) b.destinations.add(WEB, masq(i))
      b.services.update(port(2000), { scheduler: 'rr' })
      b.destinations.add(WEB, masq(1000))
      inside.push(ipvs.services.add(port(1002)))
    })
    transport.release()
    await Promise.all([first, batch, ...inside])
    const added = transport.jobs
      .flatMap(({ requests }) => requests)
      .filter(({ operation }) => operation === 'serviceAdd')
    expect(added.map(({ service }) => service.port)).toEqual([1001, 1002])
    await ipvs.close()
  })
})

describe('a batch', () => {
  it('keeps commands and what reads before it writes in the order in which they were put in', async () => {
    const { ipvs, transport } = await openScripted('mainline', ({ operation, target }) => {
      if (operation === 'serviceGet') return { services: [serviceRecord('192.0.2.1', 80)] }
      return target.port === 82 ? { errno: 17 } : undefined
    })
    const outcomes = await ipvs.batch((b) => {
      b.destinations.add(WEB, masq(1))
      b.services.update(WEB, { scheduler: 'rr' })
      b.destinations.add(WEB, masq(2))
      b.services.update(WEB, { scheduler: 'wrr' })
      b.destinations.add(WEB, masq(3))
    })
    expect(outcomes.map((end) => [end.operation, end.status])).toEqual([
      ['destinations.add', 'fulfilled'],
      ['services.update', 'fulfilled'],
      ['destinations.add', 'rejected'],
      ['services.update', 'fulfilled'],
      ['destinations.add', 'fulfilled'],
    ])
    expect(transport.operations).toEqual([
      'destinationAdd',
      ...['serviceGet', 'serviceSet', 'destinationAdd'],
      ...['serviceGet', 'serviceSet', 'destinationAdd'],
    ])
    await ipvs.close()
  })

  it('that throws behind a full thousand leaves the order of calls as it was', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const inside: Promise<unknown>[] = []
    const outer = ipvs.batch((b) => {
      b.services.add(WEB)
      inside.push(
        failure(
          ipvs.batch((inner) => {
            inside.push(ipvs.services.set(port(81)))
            for (let i = 0; i < 1001; i++) inner.destinations.add(WEB, masq(i))
            throw Object.assign(new Error('enough'), { code: 'ENOUGH' })
          }),
        ),
        ipvs.services.remove(WEB),
      )
      b.services.set(WEB)
    })
    expect(await outer).toHaveLength(2)
    expect(await Promise.all(inside)).toMatchObject([undefined, { code: 'ENOUGH' }, undefined])
    const { operations } = transport
    expect(operations.filter((operation) => operation === 'destinationAdd')).toHaveLength(1000)
    expect(operations.filter((operation) => operation !== 'destinationAdd')).toEqual([
      'serviceAdd',
      'serviceSet',
      'serviceSet',
      'serviceRemove',
    ])
    expect(operations.slice(0, 3)).toEqual(['serviceAdd', 'serviceSet', 'destinationAdd'])
    await ipvs.close()
  })
})

describe('a subscriber of the tracing channel', () => {
  const subscribers = { start() {}, end() {}, asyncStart() {}, asyncEnd() {}, error() {} }

  it('may call the client itself when a call begins', async () => {
    const { ipvs, transport } = await openScripted('mainline', ({ operation, service }) =>
      operation === 'serviceGet' ? { services: [serviceRecord('192.0.2.1', service.port)] } : undefined,
    )
    const before: Promise<unknown>[] = []
    const channel = tracingChannel('ipvs-fullnat:call')
    const look = {
      ...subscribers,
      start(message: unknown) {
        const { operation } = message as TracedCall
        if (operation === 'services.update') before.push(ipvs.services.get(port(443)))
      },
    }
    channel.subscribe(look)
    try {
      await ipvs.services.update(WEB, { scheduler: 'rr' })
      expect(await before[0]).toMatchObject({ port: 443 })
    } finally {
      channel.unsubscribe(look)
    }
    const requests = transport.jobs.flatMap((job) => job.requests)
    expect(requests.map(({ operation, service }) => [operation, service.port])).toEqual([
      ['serviceGet', 443],
      ['serviceGet', 80],
      ['serviceSet', 80],
    ])
    await ipvs.close()
  })

  it('hears of the end of each command of a batch once, when only some were answered', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const controller = new AbortController()
    transport.intercept = async (_, onReply) => {
      onReply(writeReply({ outcomes: [{ requestIndex: 0, flags: outcomeFlags.sent }] }, true))
      controller.abort()
    }
    const ends: unknown[] = []
    const channel = tracingChannel('ipvs-fullnat:call')
    const listen = {
      ...subscribers,
      asyncEnd: (message: unknown) => ends.push((message as { error?: { code: string } }).error?.code),
    }
    channel.subscribe(listen)
    try {
      const outcomes = await ipvs.batch(
        (b) => {
          for (let i = 0; i < 3; i++) b.destinations.add(WEB, masq(i))
        },
        { signal: controller.signal },
      )
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
      expect(ends).toEqual([undefined, 'ABORT_ERR', 'ABORT_ERR'])
    } finally {
      channel.unsubscribe(listen)
    }
    await ipvs.close()
  })
})

describe('an abort', () => {
  it('by the continuation of a call that shared the trip does not shorten a list in silence', async () => {
    const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
    for (let i = 1; i <= 3; i++) await ipvs.services.add(port(i))
    const controller = new AbortController()
    // Resolved by the same reply as the list, and its continuation runs first.
    const before = ipvs.services.get(port(1)).then(() => controller.abort())
    const services = ipvs.services.iterate({ signal: controller.signal })
    const read = (async () => {
      const ports: number[] = []
      for await (const { port } of services) ports.push(port as number)
      return ports
    })()
    expect(await failure(read)).toMatchObject({ code: 'ABORT_ERR', sent: true })
    await before
    await ipvs.close()
  })

  it('is listened to once by all iterations, and by none that have not begun or are over', async () => {
    const { ipvs } = await openScripted('mainline', ({ operation }) =>
      operation === 'serviceList' ? { services: [serviceRecord('192.0.2.1', 80)] } : undefined,
    )
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const iterations = Array.from({ length: 20 }, () => ipvs.services.iterate({ signal }))
    expect(added).not.toHaveBeenCalled()
    for (const one of await Promise.all(iterations.map((items) => items.next()))) {
      expect(one).toMatchObject({ done: false, value: { port: 80 } })
    }
    // One more for all the calls that read.
    expect(added).toHaveBeenCalledTimes(2)
    for (const items of iterations) expect((await items.next()).done).toBe(true)
    expect(removed).toHaveBeenCalledTimes(2)
    await ipvs.close()
  })

  it('needs a signal that can be left again', async () => {
    const { ipvs } = await openScripted('mainline')
    const half = { aborted: false, addEventListener() {} }
    const call = ipvs.services.list({ signal: half as unknown as AbortSignal })
    expect(await failure(call)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', field: 'options.signal' })
    await ipvs.close()
  })

  it('ends with a signal that cannot be left', async () => {
    const { ipvs } = await openScripted('mainline')
    const controller = new AbortController()
    controller.signal.removeEventListener = () => {
      throw new Error('no leaving')
    }
    expect(await ipvs.services.list({ signal: controller.signal })).toEqual([])
    const aborted = failure(ipvs.services.list({ signal: controller.signal }))
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'ABORT_ERR' })
    await ipvs.close()
  })

  it('of open() by a signal that cannot be left, too', async () => {
    const { signal } = new AbortController()
    signal.removeEventListener = () => {
      throw new Error('no leaving')
    }
    const ipvs = await Ipvs.open({ transport: new ScriptedTransport('mainline'), signal })
    await ipvs.close({ signal })
    expect(ipvs.closed).toBe(true)
  })

  it('with a signal that takes no listener fails an iteration, every next() of it', async () => {
    const { ipvs } = await openScripted('mainline')
    const { signal } = new AbortController()
    signal.addEventListener = () => {
      throw new Error('no listeners')
    }
    const items = ipvs.services.iterate({ signal })
    expect(String(await failure(items.next()))).toContain('no listeners')
    expect(await items.next()).toEqual({ done: true, value: undefined })
    await ipvs.close()
  })

  it('with a signal that takes no listener fails its own call alone', async () => {
    const { ipvs } = await openScripted('mainline')
    const { signal } = new AbortController()
    signal.addEventListener = () => {
      throw new Error('no listeners')
    }
    let inside: Promise<unknown>[] = []
    const outcomes = await ipvs.batch((b) => {
      inside = [ipvs.services.list({ signal }), ipvs.services.list()]
      b.services.add(WEB)
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled'])
    expect(String(await failure(inside[0] as Promise<unknown>))).toContain('no listeners')
    expect(await inside[1]).toEqual([])
    await ipvs.close()
  })
})

describe('commands that go together and are answered apart', () => {
  it('keep their place among reads when the family was gone', async () => {
    const { ipvs, transport } = await openScripted('mainline', () =>
      transport.jobs.length === 1 ? { errno: 2, flags: outcomeFlags.familyChanged } : undefined,
    )
    await Promise.all([
      ipvs.destinations.list(WEB),
      ipvs.destinations.add(WEB, masq(1)),
      ipvs.destinations.list(WEB),
      ipvs.destinations.set(WEB, masq(1)),
    ])
    const order = ['destinationList', 'destinationAdd', 'destinationList', 'destinationSet']
    expect(transport.trips).toEqual([order, order])
    await ipvs.close()
  })

  it('are a thousand that go out at once, and the machine is looked at anew', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3')
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    transport.cpuState = { online: 2, reserved: 2 }
    const outcomes = await ipvs.batch((b) => {
      for (let i = 0; i < 1000; i++) b.localAddresses.add(WEB, `10.1.${i >> 8}.${i & 255}`)
    })
    const codes = new Set(outcomes.map((end) => end.status === 'rejected' && end.error.code))
    expect([...codes]).toEqual(['ERR_IPVS_RESERVE_CORE'])
    expect(transport.operations).toEqual(['localAddressAdd'])
    await ipvs.close()
  })

  it('have each its own end when the rest is lost, one that is sent again included', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    transport.intercept = (_, onReply) => {
      transport.intercept = undefined
      const gone = { error: 2, flags: outcomeFlags.familyChanged }
      const exists = { error: 17, syscall: 3, flags: outcomeFlags.sent }
      const outcomes = [
        { requestIndex: 3, ...exists },
        { requestIndex: 0, flags: outcomeFlags.sent },
        { requestIndex: 1, ...gone },
      ]
      onReply(writeReply({ outcomes }, true))
      return Promise.reject(new Error('the thread ended'))
    }
    const ends = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => ipvs.destinations.add(WEB, masq(i))))
    expect(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'done'))).toEqual([
      'done',
      'done',
      'ERR_IPVS_OUTCOME_UNKNOWN',
      'EEXIST',
      'ERR_IPVS_OUTCOME_UNKNOWN',
    ])
    expect(transport.jobs.map(({ requests }) => requests.map(({ target }) => target.port))).toEqual([
      [80, 81, 82, 83, 84],
      [81],
    ])
    await ipvs.close()
  })
})

describe('what is refused of a batch', () => {
  it('ends once: deadlines pass afterwards, too', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
    const transport = kernel.transport()
    const ipvs = await Ipvs.open({ transport })
    await ipvs.services.add(WEB)
    kernel.reserveCore = 9
    const outcomes = await ipvs.batch((b) => {
      for (let i = 1; i <= 3; i++) b.localAddresses.add(WEB, `10.0.0.${i}`)
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    transport.run = () => new Promise(() => {})
    expect(await failure(ipvs.services.list({ timeout: 50 }))).toMatchObject({ code: 'ERR_IPVS_TIMEOUT' })
  })
})

describe('localAddresses.set whose module goes after it has added', () => {
  it('says that something was sent', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const transport = kernel.transport()
    const ipvs = await Ipvs.open({ transport })
    await ipvs.services.add(WEB)
    await ipvs.localAddresses.add(WEB, '10.0.0.1')
    const run = transport.run.bind(transport)
    let trips = 0
    transport.run = (request, onReply) => {
      if (++trips === 3) kernel.unloadModule()
      return run(request, onReply)
    }
    const error = await failure(ipvs.localAddresses.set(WEB, ['10.0.0.2']))
    expect(error).toMatchObject({ code: 'ERR_IPVS_NOT_LOADED', sent: true })
    await ipvs.close()
  })
})
