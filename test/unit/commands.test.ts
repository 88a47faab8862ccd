import { describe, expect, it } from 'vitest'
import { TRIP_REQUESTS } from '../../lib/border/request'
import type { Batch } from '../../lib/client/batch'
import type { IpvsError } from '../../lib/errors/ipvs-error'
import { outcomeFlags, writeReply } from './support/border'
import { EEXIST, ENOENT, failure, openScripted } from './support/scripted-transport'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const DNS6 = { protocol: 'udp', address: '2001:db8::53', port: 53 } as const
const real = (last: number) => ({ address: `10.9.${last >> 8}.${last & 255}`, port: 8080 })
const masq = (last: number) => ({ ...real(last), forwarding: 'masquerade' }) as const
const codes = (outcomes: readonly { status: string; error?: unknown }[]) =>
  outcomes.map(({ error }) => (error as IpvsError | undefined)?.code)

describe('a command', () => {
  it('names what it was about in its error, although nothing but its record was kept', async () => {
    const { ipvs } = await openScripted('fullnat-v2', () => ({ errno: ENOENT }))
    const mark = { fwmark: 7, family: 'ipv6' } as const
    const errors = await Promise.all([
      failure(ipvs.services.add({ ...DNS6, scheduler: 'rr' })),
      failure(ipvs.destinations.set(WEB, masq(5))),
      failure(ipvs.destinations.remove(mark, { address: '2001:DB8:0::5', port: 1 })),
      failure(ipvs.localAddresses.remove(WEB, '10.1.0.1')),
      failure(ipvs.zero(mark)),
      failure(ipvs.timeouts.set({ tcp: 1 })),
    ])
    expect(
      errors.map(({ operation, service, destination, localAddress }) => [
        operation,
        service,
        destination,
        localAddress,
      ]),
    ).toEqual([
      ['services.add', DNS6, undefined, undefined],
      ['destinations.set', WEB, real(5), undefined],
      ['destinations.remove', mark, { address: '2001:db8::5', port: 1 }, undefined],
      ['localAddresses.remove', WEB, undefined, '10.1.0.1'],
      ['zero', mark, undefined, undefined],
      ['timeouts.set', undefined, undefined, undefined],
    ])
    expect(errors.every(({ sent, syscall }) => sent && syscall === 'sendmsg')).toBe(true)
  })

  it('is what it was when it was called: its arguments may change afterwards', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const destination: { -readonly [K in keyof ReturnType<typeof masq>]: ReturnType<typeof masq>[K] } =
      masq(1)
    const batch = ipvs.batch((b) => {
      for (const last of [1, 2]) {
        destination.address = real(last).address
        b.destinations.add(WEB, destination)
      }
    })
    destination.address = real(3).address
    const call = ipvs.destinations.add(WEB, destination)
    destination.address = real(4).address
    await Promise.all([batch, call])
    const sent = transport.jobs.flatMap(({ requests }) => requests.map(({ targetAddress }) => targetAddress))
    expect(sent).toEqual([1, 2, 3].map((last) => real(last).address))
  })

  it('leaves nothing behind in the buffer that later ones are packed into', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const tunnel = { type: 'gue', port: 6080, checksum: 'remote' } as const
    for (let round = 0; round < 3; round++) {
      await ipvs.batch((b) => {
        b.services.add({ ...WEB, scheduler: 'mh', persistence: { timeout: 9, engine: 'sip' } })
        b.destinations.add(WEB, { ...masq(1), forwarding: 'tunnel', tunnel, weight: 7 })
      })
      await ipvs.destinations.remove(DNS6, { address: '2001:db8::1', port: 9 })
      await ipvs.flush()
    }
    const [first, ...rest] = transport.jobs.filter(({ requests }) => requests[0]?.operation === 'flush')
    const request = first?.requests[0]
    expect(request).toMatchObject({
      presence: [],
      service: { address: { family: 0 } },
      config: { scheduler: '', persistenceTimeout: 0 },
      target: { port: 0 },
      targetAddress: '0.0.0.0',
      destination: { weight: 0, tunnel: undefined },
    })
    for (const { requests } of rest)
      expect(requests[0]).toEqual({ ...request, timeoutMs: requests[0]?.timeoutMs })
    const removals = transport.jobs.flatMap(({ requests }) =>
      requests.filter(({ operation }) => operation === 'destinationRemove'),
    )
    expect(
      removals.map(({ config, destination, service }) => [
        config.scheduler,
        destination.weight,
        service.fwmark,
      ]),
    ).toEqual(Array(3).fill(['', 0, undefined]))
  })

  it('is settled once, however often and in which order outcomes come', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const outcome = (requestIndex: number, error = 0) => ({ requestIndex, error, flags: outcomeFlags.sent })
    transport.intercept = async (_, onReply) => {
      onReply(writeReply({ outcomes: [outcome(3), outcome(1), outcome(1, ENOENT), outcome(1)] }, true))
      // The run of successes goes over what has been settled and past the end of the job.
      onReply(writeReply({ outcomes: [0, 1, 2, 3, 4, 5].map((index) => outcome(index)) }))
    }
    const single = ipvs.destinations.add(WEB, masq(1))
    const outcomes = await ipvs.batch((b) => {
      for (const last of [2, 3, 4]) b.destinations.add(WEB, masq(last))
    })
    expect(await single).toBeUndefined()
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    await ipvs.close()
  })

  it('that fails leaves those beside it alone, whoever sent them', async () => {
    const { ipvs, transport } = await openScripted('mainline', ({ targetAddress }) =>
      targetAddress === real(2).address ? { errno: EEXIST } : undefined,
    )
    const calls = [1, 2, 3].map((last) =>
      ipvs.destinations.add(WEB, masq(last)).then(
        () => 'added',
        ({ code }) => code,
      ),
    )
    const batch = ipvs.batch((b) => {
      for (const last of [2, 3]) b.destinations.add(WEB, masq(last))
    })
    expect(await Promise.all(calls)).toEqual(['added', 'EEXIST', 'added'])
    expect(codes(await batch)).toEqual(['EEXIST', undefined])
    expect(transport.jobs).toHaveLength(1)
  })
})

describe('many commands', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => i)

  it('are handed over in full jobs while the first still runs, in order', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    transport.hold()
    const count = 3 * TRIP_REQUESTS + 10
    const calls = many(count).map((i) => ipvs.destinations.add(WEB, masq(i)))
    // In the same turn already.
    expect(transport.jobs.map(({ requests }) => requests.length)).toEqual(Array(3).fill(TRIP_REQUESTS))
    await new Promise(setImmediate)
    // What is no full job waits for more until the others have ended.
    expect(transport.jobs).toHaveLength(3)
    transport.release()
    await Promise.all(calls)
    const sent = transport.jobs.flatMap(({ requests }) => requests.map(({ targetAddress }) => targetAddress))
    expect(sent).toEqual(many(count).map((i) => real(i).address))
    expect(transport.jobs.map(({ requests }) => requests.length)).toEqual([
      ...Array(3).fill(TRIP_REQUESTS),
      10,
    ])
  })

  it('are not handed over without end: what is not can still be cancelled', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    transport.hold()
    const controller = new AbortController()
    const { signal } = controller
    const count = 20 * TRIP_REQUESTS
    const fill = (b: Batch) => {
      for (const i of many(count)) b.destinations.add(WEB, masq(i))
    }
    const batch = ipvs.batch(fill, { signal })
    await transport.arrived(1)
    const handedOver = transport.jobs.length * TRIP_REQUESTS
    expect(handedOver).toBe(16 * TRIP_REQUESTS)
    controller.abort()
    const outcomes = await batch
    expect(outcomes).toHaveLength(count)
    const errors = outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.error as IpvsError))
    expect(errors.every((error) => error && error.code === 'ABORT_ERR')).toBe(true)
    expect(errors.filter((error) => error && error.sent === true)).toHaveLength(handedOver)
    expect(errors.findIndex((error) => error && !error.sent)).toBe(handedOver)
    transport.release()
    await ipvs.flush()
    expect(transport.operations.filter((operation) => operation !== 'flush')).toHaveLength(handedOver)
  })

  it('wait behind a call that reads before it writes', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v2')
    transport.hold()
    const removal = ipvs.services.remove(WEB)
    const calls = many(TRIP_REQUESTS).map((i) => ipvs.destinations.add(WEB, masq(i)))
    await new Promise(setImmediate)
    expect(transport.trips).toEqual([['destinationList']])
    transport.release()
    await Promise.all([removal, ...calls])
    expect(transport.operations.slice(0, 3)).toEqual(['destinationList', 'serviceRemove', 'destinationAdd'])
  })

  it('go along with a call that reads before it writes where they are about another service', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v2')
    transport.hold()
    const removal = ipvs.services.remove(WEB)
    const other = { ...masq(1), address: '2001:db8::1' }
    const calls = [
      ipvs.destinations.add(DNS6, other),
      ipvs.services.get(WEB),
      ipvs.destinations.add(WEB, masq(2)),
      ipvs.services.get(DNS6),
    ]
    await new Promise(setImmediate)
    expect(transport.trips).toEqual([['destinationList', 'destinationAdd', 'serviceGet']])
    transport.release()
    await Promise.all([removal, ...calls])
    expect(transport.operations.slice(3)).toEqual(['serviceRemove', 'serviceGet', 'destinationAdd'])
  })

  it('close the client: what was handed over ends, the others reject unsent', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    transport.hold()
    const calls = many(TRIP_REQUESTS + 5).map((i) =>
      ipvs.destinations.add(WEB, masq(i)).then(
        () => 'added',
        ({ code, sent }) => `${code} ${sent}`,
      ),
    )
    const closing = ipvs.close()
    transport.release()
    await closing
    const ends = await Promise.all(calls)
    expect(ends.slice(0, TRIP_REQUESTS)).toEqual(Array(TRIP_REQUESTS).fill('added'))
    expect(ends.slice(TRIP_REQUESTS)).toEqual(Array(5).fill('ERR_IPVS_CLOSED false'))
  })

  it('of which some met a family that is gone: those alone are sent again, in order', async () => {
    let jobs = 0
    const { ipvs, transport } = await openScripted('mainline', ({ target }, job) => {
      if (job === transport.jobs[0]) jobs = 1
      const gone = jobs === 1 && transport.jobs.indexOf(job) === 0 && target.port % 2 === 1
      return gone ? { errno: ENOENT, flags: outcomeFlags.familyChanged } : undefined
    })
    const outcomes = await ipvs.batch((b) => {
      for (const port of many(5)) b.destinations.add(WEB, { ...masq(1), port })
    })
    expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'))
    const ports = transport.jobs.map(({ requests }) => requests.map(({ target }) => target.port))
    expect(ports).toEqual([
      [0, 1, 2, 3, 4],
      [1, 3],
    ])
    expect(transport.probes).toBe(2)
  })

  it('of which some may not be sent now: those alone are refused', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3')
    transport.cpuState = { online: 2, reserved: 2 }
    const outcomes = await ipvs.batch((b) => {
      b.services.add(WEB)
      b.localAddresses.add(WEB, '10.1.0.1')
      b.destinations.add(WEB, masq(1))
      b.localAddresses.add(WEB, '10.1.0.2')
    })
    expect(codes(outcomes)).toEqual([undefined, 'ERR_IPVS_RESERVE_CORE', undefined, 'ERR_IPVS_RESERVE_CORE'])
    const refused = outcomes[3]
    expect(refused?.status === 'rejected' && refused.error).toMatchObject({
      operation: 'localAddresses.add',
      service: WEB,
      localAddress: '10.1.0.2',
      sent: false,
    })
    expect(transport.trips).toEqual([['serviceAdd', 'destinationAdd']])
  })

  it('of one tick have one deadline, whatever the caller did between them', async () => {
    const { ipvs, transport } = await openScripted('mainline', undefined, { timeout: 200 })
    const first = ipvs.destinations.add(WEB, masq(1))
    const until = performance.now() + 250
    while (performance.now() < until);
    await Promise.all([first, ipvs.destinations.add(WEB, masq(2))])
    expect(transport.jobs[0]?.requests.map(({ timeoutMs }) => timeoutMs)).toEqual([200, 200])
  })

  it('take no call along that comes after one of them was aborted', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const controller = new AbortController()
    const options = { signal: controller.signal }
    const first = failure(ipvs.destinations.add(WEB, masq(1), options))
    controller.abort()
    const second = failure(ipvs.destinations.add(WEB, masq(2), options))
    expect([(await first).code, (await second).code]).toEqual(['ABORT_ERR', 'ABORT_ERR'])
    await ipvs.flush()
    expect(transport.operations).toEqual(['flush'])
  })
})
