// The library against the kernel's own ipvsadm: what one writes, the other reads.
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { DestinationInput, ServiceInput } from '../../lib'
import { asProc, attempt, ipvsadm, listed, program, readProc, viewOf } from './net/ipvsadm'
import { library, PATIENT } from './support/library'

const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const timeouts = await ipvs.timeouts.get()

const without = program ? '' : ' (no ipvsadm for this kernel: IPVS_ORACLE is empty)'

/** How v3's ipvsadm sees a service that nobody gave a timeout of its own. */
const established = can.establishedTimeout ? timeouts.tcp : undefined

const mine = async () => viewOf((await ipvs.snapshot()).services, can.localAddresses)
const theirs = () => listed(can.localAddresses)

async function expectSameViews() {
  const view = await theirs()
  expect(await mine()).toEqual(view)
  if (can.connectionList) expect(readProc()).toEqual(asProc(view))
  return view
}

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const web6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
const dns = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const

/** One service, as the library takes it and as ipvsadm takes it, and what both must say of it. */
interface ServiceCase {
  readonly title: string
  readonly input: ServiceInput
  readonly args: string
  readonly name: string
  readonly says: object
  readonly when?: boolean
}

const WEB = { input: web, args: '-t 192.0.2.1:80', name: 'TCP 192.0.2.1:80' }
const plain = {
  scheduler: 'wlc',
  schedulerFlags: [],
  persistence: undefined,
  onePacket: false,
  synproxy: false,
  establishedTimeout: established,
  counters: [0n, 0n, 0n, 0n, 0n],
  destinations: {},
}

function variant(title: string, config: object, options: string, says: object, when = true): ServiceCase {
  const input = { ...WEB.input, ...config }
  return { title, input, args: `${WEB.args} ${options}`, name: WEB.name, says, when }
}

function other(
  title: string,
  input: ServiceInput,
  args: string,
  name: string,
  says: object = {},
): ServiceCase {
  return { title, input, args, name, says }
}

const sticky = (timeout: number, netmask = 'none') => ({ persistence: { timeout, netmask } })
const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq']

const serviceCases: ServiceCase[] = [
  ...schedulers.map((scheduler) =>
    variant(`scheduler ${scheduler}`, { scheduler }, `-s ${scheduler}`, { scheduler }),
  ),
  variant('TCP with the defaults', {}, '', {}),
  variant('persistence', { persistence: { timeout: 360 } }, '-p 360', sticky(360)),
  variant(
    'persistence of a network',
    { persistence: { timeout: 60, netmask: '255.255.240.0' } },
    '-p 60 -M 255.255.240.0',
    sticky(60, '255.255.240.0'),
  ),
  other('UDP', dns, '-u 192.0.2.1:53', 'UDP 192.0.2.1:53', { establishedTimeout: undefined }),
  other('one packet', { ...dns, onePacket: true }, '-u 192.0.2.1:53 -o', 'UDP 192.0.2.1:53', {
    onePacket: true,
    establishedTimeout: undefined,
  }),
  other(
    'port 0',
    { ...web, port: 0, persistence: { timeout: 10 } },
    '-t 192.0.2.1:0 -p 10',
    'TCP 192.0.2.1:0',
    {
      ...sticky(10),
    },
  ),
  other('IPv6', web6, '-t [2001:db8::1]:80', 'TCP [2001:db8::1]:80'),
  other(
    'IPv6 persistence of a network',
    { ...web6, persistence: { timeout: 60, netmask: 64 } },
    '-t [2001:db8::1]:80 -p 60 -M 64',
    'TCP [2001:db8::1]:80',
    sticky(60, '64'),
  ),
  other('firewall mark', { fwmark: 7 }, '-f 7', 'FWM 7'),
  other('the highest firewall mark', { fwmark: 4294967295 }, '-f 4294967295', 'FWM 4294967295'),
  other('IPv6 firewall mark', { fwmark: 8, family: 'ipv6' }, '-f 8 -6', 'FWM 8 IPv6'),
  variant('SYN proxy', { synproxy: true }, '-j enable', { synproxy: true }, can.synproxy),
  variant(
    'SYN proxy and persistence',
    { synproxy: true, persistence: { timeout: 60 } },
    '-j enable -p 60',
    { synproxy: true, ...sticky(60) },
    can.synproxy,
  ),
  variant(
    'established timeout',
    { establishedTimeout: 900 },
    '-V 900',
    { establishedTimeout: 900 },
    can.establishedTimeout,
  ),
  variant(
    'scheduler flags',
    { scheduler: 'sh', schedulerFlags: ['flag-1', 'flag-2'] },
    '-s sh -b sh-fallback,sh-port',
    { scheduler: 'sh', schedulerFlags: ['sh-fallback', 'sh-port'] },
    can.schedulerFlags,
  ),
]

/** On FULLNAT kernels an own address becomes `local`, and so does an IPv6 one without a route. */
const localOr = (method: string) => (can.fullnat ? 'local' : method)

interface DestinationCase {
  readonly title: string
  readonly service: typeof web | typeof web6 | typeof dns
  readonly input: DestinationInput
  readonly args: string
  readonly name: string
  readonly says: object
  readonly when: boolean
}

// With -g and -i ipvsadm takes the port of the service, whatever was given.
function real(title: string, config: object, options: string, says: object, when = true): DestinationCase {
  const input = { address: '198.51.100.1', port: 80, forwarding: 'masquerade', ...config } as const
  const args = `-r 198.51.100.1:80 ${options}`
  return { title, service: web, input, args, name: '198.51.100.1:80', says, when }
}

const untouched = {
  forwarding: 'masquerade',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  connections: [0, 0, 0],
  counters: [0n, 0n, 0n, 0n, 0n],
}

const destinationCases: DestinationCase[] = [
  real('masquerade', {}, '-m', {}),
  real('direct-route', { forwarding: 'direct-route' }, '-g', { forwarding: 'direct-route' }),
  real('tunnel', { forwarding: 'tunnel' }, '-i', { forwarding: 'tunnel' }),
  real('fullnat', { forwarding: 'fullnat' }, '-b', { forwarding: 'fullnat' }, can.fullnat),
  real('weight 0', { weight: 0 }, '-m -w 0', { weight: 0 }),
  real('weight 65535', { weight: 65535 }, '-m -w 65535', { weight: 65535 }),
  real('an upper threshold', { upperThreshold: 100 }, '-m -x 100', { upperThreshold: 100 }),
  real('both thresholds', { upperThreshold: 100, lowerThreshold: 40 }, '-m -x 100 -y 40', {
    upperThreshold: 100,
    lowerThreshold: 40,
  }),
  {
    title: 'an address of the director',
    service: web,
    input: { address: '127.0.0.1', port: 80, forwarding: 'direct-route' },
    args: '-r 127.0.0.1:80 -g',
    name: '127.0.0.1:80',
    says: { forwarding: localOr('direct-route') },
    when: true,
  },
  {
    title: 'an IPv6 address without a route',
    service: web6,
    input: { address: '2001:db8:1::2', port: 80, forwarding: 'masquerade' },
    args: '-r [2001:db8:1::2]:80 -m',
    name: '[2001:db8:1::2]:80',
    says: { forwarding: localOr('masquerade') },
    when: true,
  },
]

const words = (text: string) => text.split(' ').filter(Boolean)
const serviceArgs = ({ protocol, address, port }: typeof web | typeof web6 | typeof dns) => [
  protocol === 'tcp' ? '-t' : '-u',
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
]

const noLines = { localAddresses: [] as string[] }
const lines = (...list: string[]) => (can.localAddresses ? { localAddresses: list } : noLines)

describe.skipIf(!program)(`differential against ipvsadm${without}`, () => {
  beforeEach(() => ipvs.flush())
  afterAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set(timeouts)
    await ipvs.close()
  })

  it('an empty table', async () => {
    expect(await expectSameViews()).toEqual({ services: {}, ...noLines })
  })

  describe('services', () => {
    for (const { title, input, args, name, says, when = true } of serviceCases) {
      it.runIf(when)(`${title}: each reads what the other wrote`, async () => {
        const expected = { [name]: { ...plain, ...says } }
        await ipvs.services.add({ scheduler: 'wlc', ...input })
        expect((await expectSameViews()).services).toEqual(expected)
        await ipvsadm('-C')
        expect(await ipvs.services.list()).toEqual([])

        await ipvsadm('-A', ...words(args))
        expect((await mine()).services).toEqual(expected)
        await expectSameViews()
        // Nothing differs, so nothing would be sent.
        expect(await ipvs.services.ensure({ scheduler: 'wlc', ...input })).toBe('unchanged')
        await ipvs.services.remove(input)
        expect((await theirs()).services).toEqual({})
      })
    }

    it('an edit by either side is seen by the other', async () => {
      await ipvs.services.add({ ...web, scheduler: 'rr', persistence: { timeout: 30 } })
      await ipvsadm('-E', ...serviceArgs(web), '-s', 'lc', '-p', '77', '-M', '255.255.0.0')
      expect(await ipvs.services.get(web)).toMatchObject({
        scheduler: 'lc',
        persistence: { timeout: 77, netmask: '255.255.0.0' },
      })
      await ipvs.services.update(web, { scheduler: 'sed' })
      const kept = { ...plain, scheduler: 'sed', ...sticky(77, '255.255.0.0') }
      expect((await expectSameViews()).services).toEqual({ [WEB.name]: kept })
      await ipvs.services.set({ ...web, scheduler: 'wrr' })
      expect((await expectSameViews()).services).toEqual({ [WEB.name]: { ...plain, scheduler: 'wrr' } })
    })

    it.runIf(can.synproxy)('the SYN proxy switched by either side is seen by the other', async () => {
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      await ipvsadm('-E', ...serviceArgs(web), '-s', 'rr', '-j', 'enable')
      expect(await ipvs.services.get(web)).toMatchObject({ synproxy: true })
      await ipvs.services.update(web, { synproxy: false })
      expect((await expectSameViews()).services[WEB.name].synproxy).toBe(false)
      await ipvs.services.update(web, { synproxy: true })
      expect((await expectSameViews()).services[WEB.name].synproxy).toBe(true)
      await ipvsadm('-E', ...serviceArgs(web), '-s', 'rr', '-j', 'disable')
      expect(await ipvs.services.get(web)).toMatchObject({ synproxy: false })
    })

    it.runIf(can.establishedTimeout)('an established timeout outlives an update and a set', async () => {
      await ipvsadm('-A', ...serviceArgs(web), '-s', 'rr', '-V', '500')
      await ipvs.services.update(web, { scheduler: 'lc' })
      expect((await theirs()).services[WEB.name].establishedTimeout).toBe(500)
      await ipvs.services.set({ ...web, scheduler: 'wrr' })
      expect((await theirs()).services[WEB.name].establishedTimeout).toBe(500)
      await ipvs.services.update(web, { establishedTimeout: 42 })
      expect((await expectSameViews()).services[WEB.name].establishedTimeout).toBe(42)
    })

    it('both refuse the same', async () => {
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      expect(await attempt('-A', ...serviceArgs(web), '-s', 'rr')).toEqual({
        ok: false,
        text: expect.stringContaining('Service already exists'),
      })
      await expect(ipvs.services.add(web)).rejects.toMatchObject({ code: 'EEXIST' })
      await ipvsadm('-D', ...serviceArgs(web))
      await expect(ipvs.services.remove(web)).rejects.toMatchObject({ code: 'ESRCH' })
      expect(await attempt('-D', ...serviceArgs(web))).toEqual({
        ok: false,
        text: expect.stringContaining('No such service'),
      })
    })
  })

  describe('destinations', () => {
    for (const { title, service, input, args, name, says, when } of destinationCases) {
      it.runIf(when)(`${title}: each reads what the other wrote`, async () => {
        const expected = { [name]: { ...untouched, ...says } }
        await ipvs.services.add({ ...service, scheduler: 'rr' })
        const seen = async () => Object.values((await expectSameViews()).services)[0].destinations
        await ipvs.destinations.add(service, input)
        expect(await seen()).toEqual(expected)
        await ipvsadm('-d', ...serviceArgs(service), ...words(args).slice(0, 2))
        expect(await ipvs.destinations.list(service)).toEqual([])

        await ipvsadm('-a', ...serviceArgs(service), ...words(args))
        expect(await seen()).toEqual(expected)
        expect(await ipvs.destinations.ensure(service, input)).toBe('unchanged')
        await ipvs.destinations.remove(service, input)
        expect(await seen()).toEqual({})
      })
    }

    it('an edit by either side is seen by the other', async () => {
      const key = { address: '198.51.100.1', port: 80 }
      const target = ['-r', '198.51.100.1:80']
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      await ipvsadm('-a', ...serviceArgs(web), ...target, '-m', '-w', '3', '-x', '10', '-y', '5')
      await ipvs.destinations.update(web, key, { weight: 9 })
      expect((await expectSameViews()).services[WEB.name].destinations['198.51.100.1:80']).toEqual({
        ...untouched,
        weight: 9,
        upperThreshold: 10,
        lowerThreshold: 5,
      })
      await ipvsadm('-e', ...serviceArgs(web), ...target, '-i', '-w', '4')
      expect(await ipvs.destinations.get(web, key)).toMatchObject({
        forwarding: 'tunnel',
        weight: 4,
        upperThreshold: 0,
        lowerThreshold: 0,
      })
      await expectSameViews()
    })

    it('both refuse the same', async () => {
      const key = { address: '198.51.100.1', port: 80 }
      const command = [...serviceArgs(web), '-r', '198.51.100.1:80']
      const refused = (text: string) => ({ ok: false, text: expect.stringContaining(text) })
      const add = () => ipvs.destinations.add(web, { ...key, forwarding: 'tunnel' })
      expect(await attempt('-a', ...command, '-i')).toEqual(refused('Service not defined'))
      await expect(add()).rejects.toMatchObject({ code: 'ESRCH' })
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      expect(await attempt('-d', ...command)).toEqual(refused('No such destination'))
      await expect(ipvs.destinations.remove(web, key)).rejects.toMatchObject({ code: 'ENOENT' })
      await ipvsadm('-a', ...command, '-i')
      await expect(add()).rejects.toMatchObject({ code: 'EEXIST' })
      expect(await attempt('-a', ...command, '-i')).toEqual(refused('Destination already exists'))
    })
  })

  describe.runIf(can.localAddresses)('local addresses', () => {
    const command = (letter: string, address: string, service = serviceArgs(web)) =>
      [letter, ...service, '-z', address] as const

    it('each reads what the other wrote, and removes it', async () => {
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      await ipvs.localAddresses.add(web, '10.0.0.1')
      await ipvsadm(...command('-P', '10.0.0.2'))
      const both = ['192.0.2.1:80', '192.0.2.1:80 10.0.0.1 0 0', '192.0.2.1:80 10.0.0.2 0 0']
      expect((await expectSameViews()).localAddresses).toEqual(both)
      await ipvsadm(...command('-Q', '10.0.0.1'))
      expect(await ipvs.localAddresses.list(web)).toEqual([
        { address: '10.0.0.2', portConflicts: 0n, connections: 0 },
      ])
      await ipvs.localAddresses.remove(web, '10.0.0.2')
      expect((await theirs()).localAddresses).toEqual(['192.0.2.1:80'])
    })

    it('set leaves what ipvsadm wrote and is wanted', async () => {
      await ipvsadm('-A', ...serviceArgs(web), '-s', 'rr')
      for (const address of ['10.0.0.1', '10.0.0.2']) await ipvsadm(...command('-P', address))
      expect(await ipvs.localAddresses.set(web, ['10.0.0.2', '10.0.0.3'])).toEqual({
        added: ['10.0.0.3'],
        removed: ['10.0.0.1'],
      })
      await expectSameViews()
    })

    it('of an IPv6 service and of a firewall mark', async () => {
      const mark = { fwmark: 7 } as const
      await ipvs.services.add({ ...web6, scheduler: 'rr' })
      await ipvs.services.add({ ...mark, scheduler: 'rr' })
      await ipvsadm(...command('-P', '2001:db8:1::100', serviceArgs(web6)))
      await ipvsadm(...command('-P', '10.0.0.7', ['-f', '7']))
      expect((await ipvs.localAddresses.list(web6)).map(({ address }) => address)).toEqual([
        '2001:db8:1::100',
      ])
      expect((await ipvs.localAddresses.list(mark)).map(({ address }) => address)).toEqual(['10.0.0.7'])
      await ipvs.localAddresses.add(web6, '2001:db8:2::100')
      await ipvs.localAddresses.add(mark, '10.0.0.8')
      await expectSameViews()
      await ipvsadm(...command('-Q', '2001:db8:2::100', serviceArgs(web6)))
      await ipvsadm(...command('-Q', '10.0.0.8', ['-f', '7']))
      expect(await ipvs.localAddresses.list(web6)).toHaveLength(1)
      expect(await ipvs.localAddresses.list(mark)).toHaveLength(1)
    })

    it('both refuse the same', async () => {
      const refused = (text: string) => ({ ok: false, text: expect.stringContaining(text) })
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      await ipvs.localAddresses.add(web, '10.0.0.1')
      expect(await attempt(...command('-P', '10.0.0.1'))).toEqual(refused('exists'))
      await expect(ipvs.localAddresses.add(web, '10.0.0.1')).rejects.toMatchObject({ code: 'EEXIST' })
      expect(await attempt(...command('-Q', '10.0.0.9'))).toEqual(refused('No such'))
      await expect(ipvs.localAddresses.remove(web, '10.0.0.9')).rejects.toMatchObject({ code: 'ENOENT' })
    })
  })

  it('timeouts', async () => {
    await ipvs.timeouts.set({ tcp: 111, tcpFin: 22, udp: 33 })
    expect(await ipvsadm('-L', '--timeout')).toContain('Timeout (tcp tcpfin udp): 111 22 33')
    await ipvsadm('--set', '44', '0', '55')
    expect(await ipvs.timeouts.get()).toEqual({ tcp: 44, tcpFin: 22, udp: 55 })
    await ipvs.timeouts.set(timeouts)
  })

  it('zero', async () => {
    await ipvs.services.add({ ...web, scheduler: 'rr' })
    expect((await attempt('-Z')).ok).toBe(can.zero)
    expect((await attempt('-Z', ...serviceArgs(web))).ok).toBe(can.zero)
    if (can.zero) await ipvs.zero(web)
    else await expect(ipvs.zero(web)).rejects.toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED' })
    await expectSameViews()
  })

  it('flush by either side', async () => {
    const fill = async () => {
      await ipvs.services.add({ ...web, scheduler: 'rr' })
      await ipvs.services.add({ ...web6, scheduler: 'rr' })
      await ipvs.destinations.add(web, { address: '198.51.100.1', port: 80, forwarding: 'masquerade' })
    }
    await fill()
    await ipvsadm('-C')
    expect((await ipvs.snapshot()).services).toEqual([])
    await fill()
    await ipvs.flush()
    expect(await expectSameViews()).toEqual({ services: {}, ...lines() })
  })
})
