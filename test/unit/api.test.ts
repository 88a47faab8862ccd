import { describe, expect, it } from 'vitest'
import type { Batch } from '../../lib/client/batch'
import type { IpvsError } from '../../lib/errors/ipvs-error'
import type { DestinationConfigRecord, ServiceConfigRecord } from '../../lib/model/records.gen'
import type { ServiceInput } from '../../lib/model/types'
import type { ReadJob, ReadRequest } from './support/border'
import {
  type Answer,
  destinationRecord,
  EEXIST,
  ENOENT,
  ESRCH,
  failure,
  localAddressRecord,
  openScripted,
  serviceRecord,
} from './support/scripted-transport'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const RS = { address: '10.0.0.5', port: 8080, forwarding: 'fullnat' } as const
const V3_TIMEOUT = { establishedTimeout: 900 }

/** Answers some operations, all others with success. */
const answer =
  (answers: Partial<Record<string, Answer>>) =>
  ({ operation }: ReadRequest) =>
    answers[operation]

const requestsOf = (transport: { jobs: ReadJob[] }) => transport.jobs.flatMap(({ requests }) => requests)

describe('services', () => {
  const web = (config: Partial<ServiceConfigRecord> = {}) => ({
    services: [serviceRecord(WEB.address, WEB.port, { config })],
  })

  it.each<[string, ServiceInput, object]>([
    ['the defaults', WEB, {}],
    ['a scheduler', { ...WEB, scheduler: 'rr' }, { scheduler: 'rr' }],
    [
      'persistence',
      { ...WEB, persistence: { timeout: 60, netmask: '255.255.0.0' } },
      { flags: 3, persistenceTimeout: 60, netmask: 0xffff0000 },
    ],
    ['a netmask that nobody uses', WEB, { netmask: 0 }],
    ['synproxy', { ...WEB, synproxy: true }, { flags: 0x8002 }],
    ['an established timeout', { ...WEB, establishedTimeout: 900 }, V3_TIMEOUT],
    ['an established timeout that was not named', WEB, V3_TIMEOUT],
  ])('ensure sends one read and no write where nothing differs: %s', async (_, input, present) => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer({ serviceGet: web(present) }))
    expect(await ipvs.services.ensure(input)).toBe('unchanged')
    expect(transport.operations).toEqual(['serviceGet'])
  })

  it.each<[string, ServiceInput, object]>([
    ['scheduler', { ...WEB, scheduler: 'rr' }, {}],
    ['persistence', { ...WEB, persistence: { timeout: 60 } }, {}],
    ['its end', WEB, { flags: 3, persistenceTimeout: 60 }],
    ['synproxy', { ...WEB, synproxy: true }, {}],
    ['established timeout', { ...WEB, establishedTimeout: 901 }, V3_TIMEOUT],
  ])('ensure sets what differs: %s', async (_, input, present) => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer({ serviceGet: web(present) }))
    expect(await ipvs.services.ensure(input)).toBe('changed')
    expect(transport.operations).toEqual(['serviceGet', 'serviceSet'])
  })

  it('ensure adds what is not there, and fails where another was faster', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer({ serviceGet: { errno: ESRCH } }))
    expect(await ipvs.services.ensure(WEB)).toBe('added')
    expect(transport.operations).toEqual(['serviceGet', 'serviceAdd'])
    transport.script = answer({ serviceGet: { errno: ESRCH }, serviceAdd: { errno: EEXIST } })
    expect(await failure(ipvs.services.ensure(WEB))).toMatchObject({
      code: 'EEXIST',
      service: WEB,
      sent: true,
    })
    transport.script = answer({ serviceGet: { errno: 1 } })
    expect((await failure(ipvs.services.ensure(WEB))).code).toBe('EPERM')
  })

  it('trap: set on v3 keeps the established timeout, which SET without it would reset', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer({ serviceGet: web(V3_TIMEOUT) }))
    await ipvs.services.set({ ...WEB, scheduler: 'rr' })
    expect(transport.trips).toEqual([['serviceGet'], ['serviceSet']])
    expect(requestsOf(transport)[1]).toMatchObject({ config: { establishedTimeout: 900, scheduler: 'rr' } })
    expect(requestsOf(transport)[1]?.presence).toContain('establishedTimeout')
  })

  it('trap: update and ensure on v3 keep the established timeout, too', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer({ serviceGet: web(V3_TIMEOUT) }))
    await ipvs.services.update(WEB, { scheduler: 'rr' })
    await ipvs.services.ensure({ ...WEB, scheduler: 'lc' })
    const written = requestsOf(transport).filter(({ operation }) => operation === 'serviceSet')
    expect(written.map(({ config }) => config.establishedTimeout)).toEqual([900, 900])
  })

  it('set sends one request where nothing must be kept', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3')
    await ipvs.services.set({ ...WEB, establishedTimeout: 30 })
    await ipvs.services.set({ ...WEB, protocol: 'udp' })
    expect(transport.operations).toEqual(['serviceSet', 'serviceSet'])
    const v2 = await openScripted('fullnat-v2')
    await v2.ipvs.services.set(WEB)
    expect(v2.transport.operations).toEqual(['serviceSet'])
    expect(requestsOf(v2.transport)[0]?.presence).toEqual(['service'])
  })

  it('set and update reject where there is no service, without a write', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer({ serviceGet: { errno: ESRCH } }))
    expect((await failure(ipvs.services.set(WEB))).code).toBe('ESRCH')
    expect(await failure(ipvs.services.update(WEB, { scheduler: 'rr' }))).toMatchObject({
      code: 'ESRCH',
      operation: 'services.update',
      message: 'ESRCH: no such service, services.update tcp 192.0.2.1:80',
    })
    expect(new Set(transport.operations)).toEqual(new Set(['serviceGet']))
  })

  it('update changes the named properties only', async () => {
    const present = web({ scheduler: 'rr', flags: 0x8003, persistenceTimeout: 60, netmask: 0xffffff00 })
    const { ipvs, transport } = await openScripted('fullnat-v2', answer({ serviceGet: present }))
    await ipvs.services.update(WEB, { synproxy: false })
    expect(requestsOf(transport)[1]).toMatchObject({
      config: { scheduler: 'rr', persistenceTimeout: 60, netmask: 0xffffff00, flags: 1 },
      flagsMask: 0x8005,
    })
    await ipvs.services.update(WEB, { persistence: null })
    expect(requestsOf(transport)[3]).toMatchObject({ config: { persistenceTimeout: 0, flags: 0x8000 } })
  })

  it('trap: HASHED that was read is never written', async () => {
    for (const kernel of ['mainline', 'fullnat-v2', 'fullnat-v3'] as const) {
      const { ipvs, transport } = await openScripted(
        kernel,
        answer({ serviceGet: web(), serviceList: web() }),
      )
      const [info] = await ipvs.services.list()
      expect(info?.flags).toBe(2)
      await ipvs.services.add(info as ServiceInput)
      await ipvs.services.update(WEB, { scheduler: 'rr' })
      for (const { operation, config, flagsMask } of requestsOf(transport)) {
        if (operation === 'serviceAdd' || operation === 'serviceSet')
          expect((config.flags | flagsMask) & 2).toBe(0)
      }
    }
  })

  it('trap: removing on v2 removes the destinations first, then the service over sockopt', async () => {
    const destinations = [destinationRecord('10.0.0.5', 8080), destinationRecord('10.0.0.6', 8080)]
    const { ipvs, transport } = await openScripted(
      'fullnat-v2',
      answer({ destinationList: { destinations } }),
    )
    await ipvs.services.remove(WEB)
    expect(transport.trips).toEqual([
      ['destinationList'],
      ['destinationRemove', 'destinationRemove', 'serviceRemove'],
    ])
    const [, one, two, last] = requestsOf(transport)
    // The oldest, which the kernel lists last, goes first.
    expect([one?.targetAddress, two?.targetAddress]).toEqual(['10.0.0.6', '10.0.0.5'])
    expect([one?.transport, two?.transport, last?.transport]).toEqual(['netlink', 'netlink', 'sockopt'])
    // sockopt would lock up over a fwmark service, and has no IPv6
    for (const key of [{ fwmark: 7 }, { ...WEB, address: '2001:db8::1' }]) {
      await ipvs.services.remove(key)
      expect(requestsOf(transport).at(-1)).toMatchObject({ operation: 'serviceRemove', transport: 'netlink' })
    }
  })

  it('removing on v2 does not mind a destination that is gone meanwhile', async () => {
    const destinations = [destinationRecord('10.0.0.5', 8080)]
    const { ipvs, transport } = await openScripted(
      'fullnat-v2',
      answer({ destinationList: { destinations }, destinationRemove: { errno: ENOENT } }),
    )
    await ipvs.services.remove(WEB)
    expect(transport.operations).toContain('serviceRemove')
    transport.script = answer({ serviceRemove: { errno: ESRCH } })
    expect((await failure(ipvs.services.remove(WEB))).code).toBe('ESRCH')
  })

  it('removing elsewhere is one request', async () => {
    for (const kernel of ['mainline', 'fullnat-v3'] as const) {
      const { ipvs, transport } = await openScripted(kernel)
      await ipvs.services.remove(WEB)
      expect(requestsOf(transport)).toMatchObject([{ operation: 'serviceRemove', transport: 'netlink' }])
    }
  })

  it('get is undefined where there is none, and an error is an error', async () => {
    const { ipvs, transport } = await openScripted('mainline', answer({ serviceGet: { errno: ESRCH } }))
    expect(await ipvs.services.get(WEB)).toBeUndefined()
    transport.script = answer({ serviceGet: { errno: 1 } })
    expect((await failure(ipvs.services.get(WEB))).code).toBe('EPERM')
    transport.script = answer({ serviceGet: web({ scheduler: 'mh' }) })
    expect(await ipvs.services.get(WEB)).toMatchObject({ ...WEB, scheduler: 'mh' })
  })

  it('list and iterate give the same, however it is cut', async () => {
    const services = Array.from({ length: 7 }, (_, i) => serviceRecord('192.0.2.1', i))
    const { ipvs, transport } = await openScripted('mainline', answer({ serviceList: { services } }))
    transport.chunk = 2
    const listed = await ipvs.services.list()
    const iterated = []
    for await (const service of ipvs.services.iterate()) iterated.push(service)
    expect(listed.map(({ port }) => port)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(iterated).toEqual(listed)
  })

  it('iterate gives what came before it throws', async () => {
    const services = [serviceRecord('192.0.2.1', 1)]
    const { ipvs, transport } = await openScripted(
      'mainline',
      answer({ serviceList: { services, errno: 110 } }),
    )
    transport.chunk = 1
    const seen: number[] = []
    const iterate = async () => {
      for await (const { port } of ipvs.services.iterate()) seen.push(port as number)
    }
    expect((await failure(iterate())).code).toBe('ETIMEDOUT')
    expect(seen).toEqual([1])
  })
})

describe('destinations', () => {
  const list = (more: Partial<DestinationConfigRecord> = {}) => ({
    destinationList: {
      destinations: [destinationRecord('10.0.0.5', 8080, { config: { forwarding: 5, ...more } })],
    },
  })

  it('ensure sends one read and no write where nothing differs', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer(list()))
    expect(await ipvs.destinations.ensure(WEB, RS)).toBe('unchanged')
    expect(transport.operations).toEqual(['destinationList'])
  })

  it('trap: a destination that the kernel made local is not written again and again', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v2', answer(list({ forwarding: 1 })))
    expect(await ipvs.destinations.ensure(WEB, RS)).toBe('unchanged')
    expect(await ipvs.destinations.ensure(WEB, { ...RS, weight: 2 })).toBe('changed')
    expect(transport.operations).toEqual(['destinationList', 'destinationList', 'destinationSet'])
  })

  it('ensure adds or sets, and finds a destination however it is written', async () => {
    const six = { ...WEB, address: '2001:db8::1' }
    const found = {
      destinationList: { destinations: [destinationRecord('2001:db8::5', 1, { config: { forwarding: 5 } })] },
    }
    const { ipvs, transport } = await openScripted('fullnat-v3', answer(found))
    const rs = { address: '2001:DB8:0::5', port: 1, forwarding: 'fullnat' } as const
    expect(await ipvs.destinations.ensure(six, rs)).toBe('unchanged')
    expect(await ipvs.destinations.ensure(six, { ...rs, port: 2 })).toBe('added')
    expect(await ipvs.destinations.ensure(six, { ...rs, weight: 0 })).toBe('changed')
    expect(transport.operations.filter((operation) => operation !== 'destinationList')).toEqual([
      'destinationAdd',
      'destinationSet',
    ])
  })

  it('update keeps what is not named, and rejects where there is none', async () => {
    const present = list({ weight: 5, upperThreshold: 9, lowerThreshold: 8 })
    const { ipvs, transport } = await openScripted('fullnat-v3', answer(present))
    await ipvs.destinations.update(WEB, RS, { weight: 0 })
    expect(requestsOf(transport)[1]).toMatchObject({
      operation: 'destinationSet',
      destination: { weight: 0, upperThreshold: 9, lowerThreshold: 8, forwarding: 5 },
    })
    const error = await failure(ipvs.destinations.update(WEB, { ...RS, port: 1 }, { weight: 0 }))
    expect(error).toMatchObject({
      code: 'ENOENT',
      destination: { address: '10.0.0.5', port: 1 },
      service: WEB,
    })
    expect(transport.operations.at(-1)).toBe('destinationList')
  })

  it('of different kinds are updated in two trips altogether', async () => {
    const destinations = Array.from({ length: 50 }, (_, i) =>
      destinationRecord(`10.0.0.${i}`, 80, { config: { forwarding: 5 } }),
    )
    const { ipvs, transport } = await openScripted(
      'fullnat-v3',
      answer({ destinationList: { destinations } }),
    )
    await Promise.all(
      destinations.map((_, i) =>
        ipvs.destinations.update(WEB, { address: `10.0.0.${i}`, port: 80 }, { weight: i }),
      ),
    )
    expect(transport.jobs).toHaveLength(2)
    const weights = transport.jobs[1]?.requests.map(({ destination }) => destination.weight)
    expect(weights).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('get is undefined where there is none, or no service', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer(list()))
    expect(await ipvs.destinations.get(WEB, RS)).toMatchObject({ forwarding: 'fullnat' })
    expect(await ipvs.destinations.get(WEB, { ...RS, port: 1 })).toBeUndefined()
    transport.script = answer({ destinationList: { errno: ESRCH } })
    expect(await ipvs.destinations.get(WEB, RS)).toBeUndefined()
    expect((await failure(ipvs.destinations.list(WEB))).code).toBe('ESRCH')
  })
})

describe('localAddresses', () => {
  const list = (...addresses: string[]) => ({
    localAddressList: { localAddresses: addresses.map((address) => localAddressRecord(address)) },
  })

  it('set adds what is missing, then removes what is too much, and touches nothing else', async () => {
    const { ipvs, transport } = await openScripted(
      'fullnat-v3',
      answer(list('10.1.0.1', '10.1.0.2', '10.1.0.3')),
    )
    const changes = await ipvs.localAddresses.set(WEB, ['10.1.0.4', '10.1.0.2', '10.1.0.5'])
    expect(changes).toEqual({ added: ['10.1.0.4', '10.1.0.5'], removed: ['10.1.0.1', '10.1.0.3'] })
    expect(transport.trips).toEqual([
      ['localAddressList'],
      ['localAddressAdd', 'localAddressAdd'],
      ['localAddressRemove', 'localAddressRemove'],
    ])
    expect(requestsOf(transport).map(({ targetAddress }) => targetAddress)).toEqual([
      '0.0.0.0',
      '10.1.0.4',
      '10.1.0.5',
      '10.1.0.1',
      '10.1.0.3',
    ])
  })

  it('set removes nothing when an address cannot be added', async () => {
    const script = answer({ ...list('10.1.0.1'), localAddressAdd: { errno: 12 } })
    const { ipvs, transport } = await openScripted('fullnat-v3', script)
    expect(await failure(ipvs.localAddresses.set(WEB, ['10.1.0.2']))).toMatchObject({
      code: 'ENOMEM',
      sent: true,
      localAddress: '10.1.0.2',
    })
    expect(transport.operations).toEqual(['localAddressList', 'localAddressAdd'])
  })

  it('set sends nothing where nothing differs', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v2', answer(list('10.1.0.1', '10.1.0.2')))
    expect(await ipvs.localAddresses.set(WEB, ['10.1.0.2', '10.1.0.1'])).toEqual({ added: [], removed: [] })
    expect(transport.operations).toEqual(['localAddressList'])
  })

  it('set takes what another program did meanwhile for done', async () => {
    const script = answer({
      ...list('10.1.0.1'),
      localAddressAdd: { errno: EEXIST },
      localAddressRemove: { errno: ENOENT },
    })
    const { ipvs } = await openScripted('fullnat-v3', script)
    expect(await ipvs.localAddresses.set(WEB, ['10.1.0.2'])).toEqual({
      added: ['10.1.0.2'],
      removed: ['10.1.0.1'],
    })
  })

  it('an address that is added behind a set stays', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer(list('10.1.0.1')))
    await Promise.all([ipvs.localAddresses.set(WEB, ['10.1.0.2']), ipvs.localAddresses.add(WEB, '10.1.0.1')])
    expect(
      requestsOf(transport).map(({ operation, targetAddress }) => `${operation} ${targetAddress}`),
    ).toEqual([
      'localAddressList 0.0.0.0',
      'localAddressAdd 10.1.0.2',
      'localAddressRemove 10.1.0.1',
      'localAddressAdd 10.1.0.1',
    ])
  })

  it('trap: nothing is added on v3 while reserve_core leaves no CPU', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', answer(list()))
    transport.cpuState = { online: 2, reserved: 2 }
    for (const call of [
      ipvs.localAddresses.add(WEB, '10.1.0.1'),
      ipvs.localAddresses.ensure(WEB, '10.1.0.1'),
      ipvs.localAddresses.set(WEB, ['10.1.0.1']),
    ]) {
      expect((await failure(call)).code).toBe('ERR_IPVS_RESERVE_CORE')
    }
    expect(transport.operations).not.toContain('localAddressAdd')
    await ipvs.localAddresses.remove(WEB, '10.1.0.1')
    transport.cpuState = { online: 2, reserved: 1 }
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    const v2 = await openScripted('fullnat-v2')
    v2.transport.cpuState = { online: 2, reserved: 2 }
    await v2.ipvs.localAddresses.add(WEB, '10.1.0.1')
  })

  it('are refused on mainline before anything is sent', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    for (const call of [
      ipvs.localAddresses.list(WEB),
      ipvs.localAddresses.get(WEB, '10.1.0.1'),
      ipvs.localAddresses.add(WEB, '10.1.0.1'),
      ipvs.localAddresses.set(WEB, []),
      ipvs.localAddresses.coverage(WEB),
    ]) {
      expect((await failure(call)).code).toBe('ERR_IPVS_UNSUPPORTED')
    }
    expect(transport.jobs).toEqual([])
  })

  it('cover the CPUs that their last bytes choose', async () => {
    const { ipvs, transport } = await openScripted(
      'fullnat-v3',
      answer(list('10.1.0.0', '10.1.0.4', '10.1.0.3')),
    )
    transport.cpuState = { online: 5, reserved: 1 }
    expect(await ipvs.localAddresses.coverage(WEB)).toEqual({
      cpus: [
        { cpu: 1, addresses: ['10.1.0.0', '10.1.0.4'] },
        { cpu: 2, addresses: [] },
        { cpu: 3, addresses: [] },
        { cpu: 4, addresses: ['10.1.0.3'] },
      ],
      uncovered: [2, 3],
      // .0 and .4 can be on 0 and 2, 3 or 4 as well, .3 on 3.
      uncertain: [1, 2, 3, 4],
    })
    transport.cpuState = undefined
    expect((await failure(ipvs.localAddresses.coverage(WEB))).code).toBe('ERR_IPVS_UNSUPPORTED')
  })
})

describe('everything at once', () => {
  const table = (destinations: readonly string[]): Answer => ({
    services: [serviceRecord('192.0.2.1', 80), serviceRecord('192.0.2.2', 80)],
    destinations: destinations.map((address, i) => destinationRecord(address, 80, { parent: i % 2 })),
    localAddresses: [localAddressRecord('10.1.0.1', { parent: 1 })],
  })

  it('snapshot is one request, and puts everything to its service', async () => {
    const { ipvs, transport } = await openScripted(
      'fullnat-v3',
      answer({ snapshot: table(['10.0.0.1', '10.0.0.2', '10.0.0.3']) }),
    )
    transport.chunk = 2
    const { services, consistent } = await ipvs.snapshot()
    expect(consistent).toBeUndefined()
    expect(
      services.map(({ service, destinations, localAddresses }) => [
        service.address,
        destinations.map(({ address }) => address),
        localAddresses.map(({ address }) => address),
      ]),
    ).toEqual([
      ['192.0.2.1', ['10.0.0.1', '10.0.0.3'], []],
      ['192.0.2.2', ['10.0.0.2'], ['10.1.0.1']],
    ])
    expect(requestsOf(transport)).toMatchObject([{ operation: 'snapshot', presence: ['localAddresses'] }])
    const mainline = await openScripted('mainline')
    await mainline.ipvs.snapshot()
    expect(requestsOf(mainline.transport)[0]?.presence).toEqual([])
  })

  it('snapshot({ consistent: true }) reads until two agree', async () => {
    const states = [['10.0.0.1'], ['10.0.0.1', '10.0.0.2'], ['10.0.0.1', '10.0.0.2']]
    const { ipvs, transport } = await openScripted('fullnat-v3', () => table(states.shift() ?? []))
    const { services, consistent } = await ipvs.snapshot({ consistent: true })
    expect([consistent, transport.jobs.length]).toEqual([true, 3])
    expect(services[1]?.destinations).toHaveLength(1)
  })

  it('snapshot({ consistent: true }) says so when no two agree', async () => {
    let n = 0
    const { ipvs, transport } = await openScripted('fullnat-v3', () => table([`10.0.0.${++n}`]))
    expect((await ipvs.snapshot({ consistent: true })).consistent).toBe(false)
    expect(transport.jobs.length).toBeGreaterThan(2)
    expect((await failure(ipvs.snapshot({ consistent: 1 as never }))).code).toBe('ERR_INVALID_ARG_TYPE')
  })

  it('another order or other counters are no difference', async () => {
    const states = [
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
      ['10.0.0.3', '10.0.0.2', '10.0.0.1'],
    ]
    const { ipvs, transport } = await openScripted('fullnat-v3', () => table(states.shift() ?? []))
    expect((await ipvs.snapshot({ consistent: true })).consistent).toBe(true)
    expect(transport.jobs).toHaveLength(2)
  })

  it('trap: flush on v2 removes the destinations first', async () => {
    const { ipvs, transport } = await openScripted(
      'fullnat-v2',
      answer({ snapshot: table(['10.0.0.1', '10.0.0.2']) }),
    )
    await ipvs.flush()
    expect(transport.trips).toEqual([['snapshot'], ['destinationRemove', 'destinationRemove', 'flush']])
    expect(requestsOf(transport).map(({ serviceAddress }) => serviceAddress)).toEqual([
      '0.0.0.0',
      '192.0.2.1',
      '192.0.2.2',
      '0.0.0.0',
    ])
    const mainline = await openScripted('mainline')
    await mainline.ipvs.flush()
    expect(mainline.transport.operations).toEqual(['flush'])
  })

  it('trap: zero on v3 is refused before it is sent', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3')
    expect(await failure(ipvs.zero())).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', sent: false })
    expect(transport.jobs).toEqual([])
    const mainline = await openScripted('mainline')
    await Promise.all([mainline.ipvs.zero(), mainline.ipvs.zero(WEB)])
    expect(requestsOf(mainline.transport).map(({ presence }) => presence)).toEqual([[], ['service']])
  })

  it('info, timeouts and daemons read and write one record', async () => {
    const { ipvs, transport } = await openScripted(
      'mainline',
      answer({
        info: { infos: [{ version: 0x010201, connectionTableSize: 4096 }] },
        timeoutsGet: { timeouts: [{ config: { tcp: 900, tcpFin: 120, udp: 300 } }] },
        daemonList: { daemons: [{ config: { state: 1, interface: 'eth0', syncId: 3 } }] },
      }),
    )
    expect(await ipvs.info()).toEqual({
      version: '1.2.1',
      connectionTableSize: 4096,
      serviceCount: undefined,
    })
    expect(await ipvs.timeouts.get()).toEqual({ tcp: 900, tcpFin: 120, udp: 300 })
    expect(await ipvs.daemons.list()).toMatchObject([{ state: 'master', interface: 'eth0', syncId: 3 }])
    await ipvs.timeouts.set({ udp: 5 })
    await ipvs.daemons.start({ state: 'backup', interface: 'eth0' })
    await ipvs.daemons.stop('backup')
    expect(requestsOf(transport).slice(3)).toMatchObject([
      { operation: 'timeoutsSet', presence: ['udp'], timeouts: { udp: 5 } },
      { operation: 'daemonStart', daemon: { state: 2, interface: 'eth0' } },
      { operation: 'daemonStop', daemon: { state: 2 } },
    ])
  })
})

describe('batch', () => {
  it('gives every operation its outcome, in the order of the calls, in one trip', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3', ({ operation, service }) =>
      operation === 'serviceAdd' && service.port === 81 ? { errno: EEXIST } : undefined,
    )
    const outcomes = await ipvs.batch((batch) => {
      batch.services.add(WEB)
      batch.services.add({ ...WEB, port: 81 })
      batch.services.add({ ...WEB, port: 70000 })
      batch.destinations.add(WEB, RS)
      batch.localAddresses.add(WEB, '10.1.0.1')
    })
    expect(outcomes.map(({ status, operation }) => `${operation} ${status}`)).toEqual([
      'services.add fulfilled',
      'services.add rejected',
      'services.add rejected',
      'destinations.add fulfilled',
      'localAddresses.add fulfilled',
    ])
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.error.code : ''))
    expect(codes).toEqual(['', 'EEXIST', 'ERR_OUT_OF_RANGE', '', ''])
    expect(transport.trips).toEqual([['serviceAdd', 'serviceAdd', 'destinationAdd', 'localAddressAdd']])
  })

  it('resolves to what each method would have', async () => {
    const services = [serviceRecord(WEB.address, WEB.port)]
    const { ipvs } = await openScripted('mainline', answer({ serviceGet: { services } }))
    const outcomes = await ipvs.batch((batch) => {
      batch.services.ensure(WEB)
      batch.services.ensure({ ...WEB, scheduler: 'rr' })
      batch.zero()
    })
    expect(outcomes).toEqual([
      { status: 'fulfilled', operation: 'services.ensure', value: 'unchanged' },
      { status: 'fulfilled', operation: 'services.ensure', value: 'changed' },
      { status: 'fulfilled', operation: 'zero', value: undefined },
    ])
  })

  it('rejects only when build throws, or is no function, and sends nothing then', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const build = ipvs.batch((batch) => {
      batch.services.add(WEB)
      throw new Error('mine')
    })
    expect((await failure(build)).message).toBe('mine')
    expect((await failure(ipvs.batch(undefined as never))).code).toBe('ERR_INVALID_ARG_TYPE')
    expect(await ipvs.batch(() => {})).toEqual([])
    expect(transport.jobs).toEqual([])
  })

  it('is over when build returns: what comes later is refused, loudly', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const asynchronous = ipvs.batch(async (batch) => {
      batch.services.add(WEB)
      await undefined
    })
    expect(await failure(asynchronous)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'build' })
    expect(transport.jobs).toEqual([])
    let kept: Batch | undefined
    await ipvs.batch((batch) => {
      kept = batch
    })
    expect(() => kept?.services.add(WEB)).toThrow(expect.objectContaining({ code: 'ERR_IPVS_BATCH_OVER' }))
  })

  it('sends full thousands while build goes on, and what it put in before it threw stays done', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const seen: number[] = []
    const build = ipvs.batch((batch) => {
      for (let port = 0; port < 2500; port++) {
        if (port % 500 === 1) seen.push(transport.jobs.length)
        batch.destinations.add(WEB, { address: '10.0.0.5', port, forwarding: 'masquerade' })
      }
      throw new Error('mine')
    })
    expect((await failure(build)).message).toBe('mine')
    expect(seen).toEqual([0, 0, 1, 1, 2])
    await ipvs.flush()
    const sent = transport.trips.map(({ length }) => length)
    expect(sent).toEqual([1000, 1000, 1])
  })

  it('has one signal for all', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const outcomes = await ipvs.batch((batch) => batch.services.add(WEB), { signal: AbortSignal.abort() })
    expect((outcomes[0] as { error: IpvsError }).error.code).toBe('ABORT_ERR')
    expect(transport.jobs).toEqual([])
  })
})

describe('bad input', () => {
  it('is refused before anything is sent, by a promise', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3')
    const calls: (() => Promise<unknown>)[] = [
      () => ipvs.services.add({ ...WEB, port: 70000 }),
      () => ipvs.services.add({ ...WEB, address: '300.1.1.1' }),
      () => ipvs.services.add(undefined as never),
      () => ipvs.destinations.add(WEB, { ...RS, weight: -1 }),
      () => ipvs.localAddresses.add(WEB, '2001:db8::1'),
      () => ipvs.localAddresses.set(WEB, ['10.1.0.1', '10.1.0.1']),
      () => ipvs.services.list({ timeout: -1 }),
      () => ipvs.timeouts.set({ tcp: 0 }),
      () => ipvs.snapshot('all' as never),
    ]
    for (const call of calls) {
      const error = await failure(call())
      expect(error instanceof TypeError || (error as Error) instanceof RangeError).toBe(true)
      expect(error.code).toMatch(/^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE)$/)
    }
    expect(transport.jobs).toEqual([])
  })
})
