import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkOpenOptions } from '../../lib/client/open-options'
import {
  checkCallOptions,
  checkDaemonInput,
  checkDaemonState,
  checkDestinationChange,
  checkDestinationInput,
  checkDestinationKey,
  checkLocalAddress,
  checkLocalAddresses,
  checkServiceChange,
  checkServiceInput,
  checkServiceKey,
  checkTimeouts,
  mergeDestination,
  mergeService,
} from '../../lib/input'
import { SCHEDULER_FLAGS_MASK, SERVICE_FLAGS } from '../../lib/model/numbers'
import type { AddressServiceInfo, DestinationInfo, FwmarkServiceInfo, Stats } from '../../lib/model/types'

const tcp = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const udp = { ...tcp, protocol: 'udp' }
const tcp6 = { ...tcp, address: '2001:db8::1' }
const mark = { fwmark: 7 }
const service = checkServiceKey(tcp)
const service6 = checkServiceKey(tcp6)
const rs = { address: '10.0.0.5', port: 8080, forwarding: 'masquerade' }
const stats: Stats = {
  connections: BigInt(1),
  inPackets: BigInt(2),
  outPackets: BigInt(3),
  inBytes: BigInt(4),
  outBytes: BigInt(5),
  rates: undefined,
}

interface Refusal {
  code: string
  field: string
  message: string
}

function refusal(check: () => unknown): Refusal {
  try {
    check()
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    return error as Refusal
  }
  throw new Error('it was accepted')
}

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const RANGE = 'ERR_OUT_OF_RANGE'

describe('checkServiceKey', () => {
  it('normalizes an address service and ignores what else is there', () => {
    expect(checkServiceKey({ ...tcp6, address: '2001:DB8::0:1', scheduler: 'rr', anything: 1 })).toEqual({
      kind: 'address',
      protocol: 6,
      address: { family: 10, a: 0x20010db8, b: 0, c: 0, d: 1 },
      port: 80,
      family: 10,
      key: { protocol: 'tcp', address: '2001:db8::1', port: 80 },
    })
  })

  it('takes the number of a protocol that list gave, and names it where it has a name', () => {
    for (const protocol of [0, 50, 65535]) {
      const key = { ...tcp, protocol }
      expect(checkServiceKey(key)).toMatchObject({ protocol, key })
    }
    expect(checkServiceKey({ ...tcp, protocol: 17 })).toMatchObject({
      protocol: 17,
      key: { protocol: 'udp' },
    })
  })

  it('hands out no key that can be changed', () => {
    for (const value of [tcp, tcp6, mark]) {
      const { key } = checkServiceKey(value)
      expect(Object.isFrozen(key)).toBe(true)
      expect(() => Object.assign(key, { port: 443 })).toThrow(TypeError)
      expect(checkServiceKey(value).key).toEqual(key)
    }
  })

  it('fills in the family of a fwmark service', () => {
    const normalized = { kind: 'fwmark', fwmark: 7, family: 2, key: { fwmark: 7, family: 'ipv4' } }
    expect(checkServiceKey(mark)).toEqual(normalized)
    expect(checkServiceKey({ fwmark: 7, protocol: undefined, address: undefined, port: undefined })).toEqual(
      normalized,
    )
    expect(checkServiceKey({ fwmark: 7, family: 'ipv6' }).family).toBe(10)
  })

  it.each<[string, unknown, string, string]>([
    ['no object', 'tcp 192.0.2.1:80', TYPE, 'service'],
    ['null', null, TYPE, 'service'],
    ['undefined', undefined, TYPE, 'service'],
    ['an array', [], TYPE, 'service'],
    ['nothing', {}, VALUE, 'service'],
    ['both kinds', { ...tcp, fwmark: 7 }, VALUE, 'service'],
    ['another protocol', { ...tcp, protocol: 'icmp' }, VALUE, 'service.protocol'],
    ['protocol 65536', { ...tcp, protocol: 65536 }, RANGE, 'service.protocol'],
    ['protocol -1', { ...tcp, protocol: -1 }, RANGE, 'service.protocol'],
    ['protocol null', { ...tcp, protocol: null }, TYPE, 'service.protocol'],
    ['an inherited name', { ...tcp, protocol: 'constructor' }, VALUE, 'service.protocol'],
    ['no protocol', { address: '192.0.2.1', port: 80 }, TYPE, 'service.protocol'],
    ['300.1.1.1', { ...tcp, address: '300.1.1.1' }, VALUE, 'service.address'],
    ['a number as address', { ...tcp, address: 1 }, TYPE, 'service.address'],
    ['port 70000', { ...tcp, port: 70000 }, RANGE, 'service.port'],
    ['port -1', { ...tcp, port: -1 }, RANGE, 'service.port'],
    ['port 1.5', { ...tcp, port: 1.5 }, RANGE, 'service.port'],
    ['port NaN', { ...tcp, port: Number.NaN }, RANGE, 'service.port'],
    ["port '80'", { ...tcp, port: '80' }, TYPE, 'service.port'],
    ['no port', { protocol: 'tcp', address: '192.0.2.1' }, TYPE, 'service.port'],
    ['a family that is not that of the address', { ...tcp, family: 'ipv6' }, VALUE, 'service.family'],
    ['fwmark 2^32', { fwmark: 4294967296 }, RANGE, 'service.fwmark'],
    ["fwmark '7'", { fwmark: '7' }, TYPE, 'service.fwmark'],
    ['an unknown family', { fwmark: 7, family: 'inet' }, VALUE, 'service.family'],
  ])('refuses %s', (_, value, code, field) => {
    expect(refusal(() => checkServiceKey(value))).toMatchObject({ code, field })
  })

  it('trap: fwmark 0 over netlink is a service TCP 0.0.0.0:0', () => {
    expect(refusal(() => checkServiceKey({ fwmark: 0 }))).toMatchObject({
      code: RANGE,
      field: 'service.fwmark',
    })
    expect(refusal(() => checkServiceInput({ ...tcp, address: '0.0.0.0' }))).toMatchObject({
      code: VALUE,
      field: 'service.address',
    })
    // One that another program made can still be named, to be removed.
    expect(checkServiceKey({ ...tcp, address: '0.0.0.0', port: 0 }).kind).toBe('address')
  })
})

describe('checkServiceInput', () => {
  it('fills in the defaults', () => {
    expect(checkServiceInput(tcp).config).toEqual({
      scheduler: 'wlc',
      flags: 0,
      persistenceTimeout: 0,
      netmask: 0xffffffff,
      engine: undefined,
      establishedTimeout: undefined,
    })
    // trap: netmask 0 of an IPv6 service is EINVAL even when it is not persistent
    expect(checkServiceInput(tcp6).config.netmask).toBe(128)
  })

  it('takes everything that a service can have', () => {
    const persistence = { timeout: 60, netmask: '255.255.255.0', engine: 'sip' }
    const flags = { schedulerFlags: ['flag-1', 'flag-3', 'flag-1'], scheduler: 'sh' }
    expect(checkServiceInput({ ...udp, ...flags, persistence, onePacket: true }).config).toMatchObject({
      scheduler: 'sh',
      flags: SERVICE_FLAGS.persistent | SERVICE_FLAGS.onePacket | 0x28,
      persistenceTimeout: 60,
      netmask: 0xffffff00,
      engine: 'sip',
    })
    const synproxy = { ...mark, synproxy: true, establishedTimeout: 900, onePacket: true }
    expect(checkServiceInput(synproxy).config).toMatchObject({
      flags: SERVICE_FLAGS.synproxy | SERVICE_FLAGS.onePacket,
      establishedTimeout: 900,
    })
    const six = { ...tcp6, persistence: { timeout: 1, netmask: 64 } }
    expect(checkServiceInput(six).config.netmask).toBe(64)
  })

  it('takes what list() returned, read-only properties and all', () => {
    const state = {
      scheduler: 'rr',
      schedulerFlags: [],
      persistence: undefined,
      onePacket: false,
      synproxy: false,
      establishedTimeout: undefined,
      flags: 2,
      stats,
    } as const
    const address: AddressServiceInfo = {
      ...state,
      protocol: 'tcp',
      address: '192.0.2.1',
      port: 80,
      family: 'ipv4',
    }
    const marked: FwmarkServiceInfo = { ...state, fwmark: 7, family: 'ipv6', protocol: undefined }
    expect(checkServiceInput(address).config.scheduler).toBe('rr')
    expect(checkServiceInput(marked).service).toMatchObject({ fwmark: 7, family: 10 })
  })

  it.each<[string, object, string, string]>([
    ['a 40-character scheduler', { scheduler: 'x'.repeat(40) }, VALUE, 'service.scheduler'],
    ['a scheduler of 16', { scheduler: 'x'.repeat(16) }, VALUE, 'service.scheduler'],
    ['an empty scheduler', { scheduler: '' }, VALUE, 'service.scheduler'],
    ['a scheduler with a path', { scheduler: '../rr' }, VALUE, 'service.scheduler'],
    ['a scheduler with a NUL', { scheduler: 'rr\0' }, VALUE, 'service.scheduler'],
    ['a scheduler that is no string', { scheduler: 5 }, TYPE, 'service.scheduler'],
    ['null', { scheduler: null }, TYPE, 'service.scheduler'],
    ['an unknown scheduler flag', { schedulerFlags: ['sh-port'] }, VALUE, 'service.schedulerFlags[0]'],
    ['scheduler flags as bits', { schedulerFlags: 8 }, TYPE, 'service.schedulerFlags'],
    ['persistence true', { persistence: true }, TYPE, 'service.persistence'],
    ['persistence without timeout', { persistence: {} }, TYPE, 'service.persistence.timeout'],
    ['persistence timeout 0', { persistence: { timeout: 0 } }, RANGE, 'service.persistence.timeout'],
    [
      'a long engine',
      { persistence: { timeout: 1, engine: 'x'.repeat(16) } },
      VALUE,
      'service.persistence.engine',
    ],
    ['an unknown part', { persistence: { timeout: 1, mask: 1 } }, VALUE, 'service.persistence.mask'],
    ['onePacket on TCP', { onePacket: true }, VALUE, 'service.onePacket'],
    ['onePacket 1', { onePacket: 1 }, TYPE, 'service.onePacket'],
    ["synproxy 'yes'", { synproxy: 'yes' }, TYPE, 'service.synproxy'],
    ['established timeout 0', { establishedTimeout: 0 }, RANGE, 'service.establishedTimeout'],
    ["established timeout '900'", { establishedTimeout: '900' }, TYPE, 'service.establishedTimeout'],
  ])('refuses %s', (_, config, code, field) => {
    expect(refusal(() => checkServiceInput({ ...tcp, ...config }))).toMatchObject({ code, field })
  })

  it('refuses the netmask of the other family', () => {
    const netmask = (key: object, mask: unknown) =>
      refusal(() => checkServiceInput({ ...key, persistence: { timeout: 1, netmask: mask } }))
    const field = 'service.persistence.netmask'
    expect(netmask(tcp6, '255.255.255.0')).toMatchObject({ code: TYPE, field })
    expect(netmask(tcp, 24)).toMatchObject({ code: TYPE, field })
    expect(netmask(tcp, '0.255.255.255')).toMatchObject({ code: VALUE, field })
    expect(netmask(tcp6, 0)).toMatchObject({ code: RANGE, field })
    expect(netmask(tcp6, 129)).toMatchObject({ code: RANGE, field })
    expect(netmask({ fwmark: 7, family: 'ipv6' }, '255.0.0.0')).toMatchObject({ code: TYPE, field })
  })

  it('refuses synproxy and established timeouts where no TCP is', () => {
    expect(refusal(() => checkServiceInput({ ...udp, synproxy: true })).field).toBe('service.synproxy')
    expect(refusal(() => checkServiceInput({ ...udp, establishedTimeout: 9 })).field).toBe(
      'service.establishedTimeout',
    )
  })

  it('trap: timeouts above 2147483 seconds overflow in the kernel', () => {
    const seconds = fc.oneof(fc.integer({ min: 2147484 }), fc.integer({ max: 0 }), fc.double(), fc.string())
    fc.assert(
      fc.property(
        seconds.filter(
          (value) => !(Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 2147483),
        ),
        (timeout) => {
          expect([TYPE, RANGE]).toContain(
            refusal(() => checkServiceInput({ ...tcp, establishedTimeout: timeout })).code,
          )
          expect([TYPE, RANGE]).toContain(
            refusal(() => checkServiceInput({ ...tcp, persistence: { timeout } })).code,
          )
          expect([TYPE, RANGE]).toContain(refusal(() => checkTimeouts({ tcp: timeout })).code)
        },
      ),
    )
    expect(checkServiceInput({ ...tcp, establishedTimeout: 2147483 }).config.establishedTimeout).toBe(2147483)
  })

  it('names the property that was meant', () => {
    const meant = (name: string) => refusal(() => checkServiceInput({ ...tcp, [name]: 'rr' })).message
    expect(meant('schedular')).toBe(
      "The property 'service.schedular' is not known (did you mean 'scheduler'?). Received 'rr'",
    )
    expect(meant('sched_name')).toMatch(/did you mean 'scheduler'\?/)
    expect(meant('est_timeout')).toMatch(/did you mean 'establishedTimeout'\?/)
    expect(meant('Synproxy')).toMatch(/did you mean 'synproxy'\?/)
    expect(meant('zzz')).toMatch(/is not known \(there are: protocol, address/)
    expect(refusal(() => checkDestinationInput({ ...rs, fwd_method: 5 }, service)).message).toMatch(
      /'forwarding'/,
    )
  })
})

describe('checkServiceChange', () => {
  it('has the named properties only', () => {
    const none = { values: {}, flags: 0, flagsMask: 0 }
    expect(checkServiceChange({ scheduler: 'rr' }, service)).toStrictEqual({
      ...none,
      values: { scheduler: 'rr' },
    })
    expect(checkServiceChange({ scheduler: undefined, synproxy: undefined }, service)).toStrictEqual(none)
    const flags = { schedulerFlags: ['flag-2'], synproxy: false }
    expect(checkServiceChange(flags, service)).toStrictEqual({
      values: {},
      flags: 0x10,
      flagsMask: SCHEDULER_FLAGS_MASK | SERVICE_FLAGS.synproxy,
    })
  })

  it('replaces persistence as a whole and ends it with null; undefined is not named', () => {
    const { persistent } = SERVICE_FLAGS
    expect(checkServiceChange({ persistence: { timeout: 5 } }, service6)).toStrictEqual({
      values: { persistenceTimeout: 5, netmask: 128, engine: undefined },
      flags: persistent,
      flagsMask: persistent,
    })
    const nothing = { values: {}, flags: 0, flagsMask: 0 }
    expect(checkServiceChange({ persistence: undefined }, service)).toStrictEqual(nothing)
    expect(checkServiceChange({ persistence: null }, service)).toStrictEqual({
      values: { persistenceTimeout: 0, netmask: 0xffffffff, engine: undefined },
      flags: 0,
      flagsMask: persistent,
    })
  })

  it('merges what is named, and keeps every other value and flag', () => {
    const current = { ...checkServiceInput(tcp).config, establishedTimeout: 900, flags: 0x8028 | 2 }
    const merge = (change: object) => mergeService(current, checkServiceChange(change, service))
    expect(merge({})).toEqual(current)
    expect(merge({ synproxy: false, scheduler: 'rr' })).toEqual({ ...current, scheduler: 'rr', flags: 0x2a })
    expect(merge({ schedulerFlags: ['flag-2'] })).toEqual({ ...current, flags: 0x8012 })
    const persistent = merge({ persistence: { timeout: 5, netmask: '255.0.0.0' } })
    expect(persistent).toEqual({
      ...current,
      flags: 0x802b,
      persistenceTimeout: 5,
      netmask: 0xff000000,
    })
    expect(mergeService(persistent, checkServiceChange({ persistence: null }, service))).toEqual(current)
  })

  it('refuses the identity and what does not fit the service', () => {
    expect(refusal(() => checkServiceChange({ port: 81 }, service))).toMatchObject({
      code: VALUE,
      field: 'change.port',
    })
    expect(refusal(() => checkServiceChange({ family: 'ipv6' }, service)).field).toBe('change.family')
    expect(refusal(() => checkServiceChange({ onePacket: true }, service)).field).toBe('change.onePacket')
    for (const name of ['flags', 'stats']) {
      expect(refusal(() => checkServiceChange({ [name]: 1 }, service))).toMatchObject({
        code: VALUE,
        field: `change.${name}`,
      })
    }
    expect(checkServiceChange({ onePacket: false }, service)).toEqual({
      values: {},
      flags: 0,
      flagsMask: SERVICE_FLAGS.onePacket,
    })
  })
})

describe('checkDestinationInput', () => {
  it('fills in the defaults', () => {
    const { destination, config } = checkDestinationInput(rs, service)
    expect(destination.address).toEqual({ family: 2, a: 0x0a000005, b: 0, c: 0, d: 0 })
    expect([destination.port, destination.family]).toEqual([8080, 2])
    expect(destination.key).toEqual({ address: '10.0.0.5', port: 8080 })
    expect(config).toEqual({
      forwarding: 0,
      weight: 1,
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnel: undefined,
    })
  })

  it('takes what list() returned', () => {
    const info: DestinationInfo = {
      address: '10.0.0.5',
      port: 8080,
      family: 'ipv4',
      forwarding: 'fullnat',
      weight: 3,
      upperThreshold: 9,
      lowerThreshold: 8,
      tunnel: undefined,
      activeConnections: 1,
      inactiveConnections: 2,
      persistentConnections: 3,
      stats,
    }
    const { config } = checkDestinationInput(info, service)
    expect(config).toEqual({
      forwarding: 5,
      weight: 3,
      upperThreshold: 9,
      lowerThreshold: 8,
      tunnel: undefined,
    })
  })

  it.each<[string, object, string, string]>([
    ['no forwarding', { forwarding: undefined }, VALUE, 'destination.forwarding'],
    ['an unknown method', { forwarding: 'nat' }, VALUE, 'destination.forwarding'],
    ['a number as method', { forwarding: 5 }, TYPE, 'destination.forwarding'],
    ['weight -1', { weight: -1 }, RANGE, 'destination.weight'],
    ['weight 2^31', { weight: 2147483648 }, RANGE, 'destination.weight'],
    ["weight '1'", { weight: '1' }, TYPE, 'destination.weight'],
    ['a lower threshold without an upper one', { lowerThreshold: 1 }, RANGE, 'destination.lowerThreshold'],
    [
      'thresholds the wrong way',
      { lowerThreshold: 3, upperThreshold: 2 },
      RANGE,
      'destination.lowerThreshold',
    ],
    ['a bad address', { address: '10.0.0' }, VALUE, 'destination.address'],
    ['the other family', { address: '2001:db8::5' }, VALUE, 'destination.address'],
    ['port 65536', { port: 65536 }, RANGE, 'destination.port'],
    ['a tunnel without tunnelling', { tunnel: { type: 'ipip' } }, VALUE, 'destination.tunnel'],
  ])('refuses %s', (_, config, code, field) => {
    expect(refusal(() => checkDestinationInput({ ...rs, ...config }, service))).toMatchObject({ code, field })
  })

  it('takes tunnels', () => {
    const tunnel = (value: object) =>
      checkDestinationInput({ ...rs, forwarding: 'tunnel', tunnel: value }, service).config.tunnel
    expect(tunnel({ type: 'ipip' })).toEqual({ type: 0, port: 0, flags: 0 })
    expect(tunnel({ type: 'gue', port: 6080, checksum: 'remote' })).toEqual({ type: 1, port: 6080, flags: 2 })
    expect(tunnel({ type: 'gre', checksum: 'full', port: undefined })).toEqual({ type: 2, port: 0, flags: 1 })
    const field = (value: object) => refusal(() => tunnel(value)).field
    expect(field({ type: 'gue' })).toBe('destination.tunnel.port')
    expect(field({ type: 'gue', port: 0 })).toBe('destination.tunnel.port')
    expect(field({ type: 'gre', port: 1 })).toBe('destination.tunnel.port')
    expect(field({ type: 'gre', checksum: 'remote' })).toBe('destination.tunnel.checksum')
    expect(field({ type: 'ipip', checksum: 'full' })).toBe('destination.tunnel.checksum')
    expect(field({ type: 'vxlan' })).toBe('destination.tunnel.type')
  })

  it('takes the other family with a tunnel', () => {
    const other = { ...rs, address: '2001:db8::5', forwarding: 'tunnel' }
    expect(checkDestinationInput(other, service).destination.family).toBe(10)
  })

  it('property: never accepts what is out of range', () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger(), fc.nat(70000))
    fc.assert(
      fc.property(number, number, number, number, (weight, upperThreshold, lowerThreshold, port) => {
        let accepted: ReturnType<typeof checkDestinationInput>
        try {
          accepted = checkDestinationInput({ ...rs, weight, upperThreshold, lowerThreshold, port }, service)
        } catch (error) {
          expect((error as Refusal).code).toBe(RANGE)
          return
        }
        const { config, destination } = accepted
        for (const value of [config.weight, config.upperThreshold, config.lowerThreshold, destination.port]) {
          expect(Number.isInteger(value) && value >= 0 && value <= 2147483647 && !Object.is(value, -0)).toBe(
            true,
          )
        }
        expect(destination.port).toBeLessThanOrEqual(65535)
        expect(config.lowerThreshold).toBeLessThanOrEqual(config.upperThreshold)
      }),
      { numRuns: 2000 },
    )
  })
})

/** What each property of a destination may be: set by a caller, and listed, as a kernel can hold it. */
describe('the limits of a destination', () => {
  const TYPES = { type: 'gue', port: 6080 } as const
  const LIMITS: readonly [
    name: string,
    taken: readonly unknown[],
    refused: readonly unknown[],
    listedOnly: readonly unknown[],
    never: readonly unknown[],
  ][] = [
    ['forwarding', ['masquerade', 'fullnat'], [], [0, 6, 7], [-1, 8, 'nat', null]],
    ['weight', [0, 2147483647], [], [-2147483648, -1], [-2147483649, 2147483648, 1.5, '1', null]],
    ['upperThreshold', [0, 2147483647], [], [2147483648, 4294967295], [-1, 4294967296, 1.5, '1', null]],
    ['lowerThreshold', [0], [2147483647], [1, 2147483648, 4294967295], [-1, 4294967296, 1.5, '1', null]],
    [
      'tunnel',
      [null, TYPES, { ...TYPES, port: 1 }, { ...TYPES, port: 65535 }],
      [],
      [
        { type: 'gue' },
        { type: 'ipip', port: 1 },
        { type: 'ipip', port: 65535, checksum: 'full' },
        { type: 'gre', checksum: 'remote' },
        { type: 65535, port: 0, checksum: 65535 },
        { type: 0, checksum: 0 },
      ],
      [
        { type: 65536 },
        { type: -1 },
        { ...TYPES, port: 65536 },
        { ...TYPES, checksum: 65536 },
        { ...TYPES, checksum: -1 },
        { ...TYPES, checksum: 'some' },
        { port: 1 },
        'gue',
      ],
    ],
  ]
  const listed = (object: object) => ({ ...object, stats })
  const base = (name: string) => (name === 'tunnel' ? { ...rs, forwarding: 'tunnel' } : rs)
  const taken = (name: string, value: unknown) =>
    checkDestinationInput({ ...base(name), [name]: value }, service).config
  const held = (name: string, value: unknown) =>
    checkDestinationInput(listed({ ...base(name), [name]: value }), service).config
  const ofField = (name: string) => expect.stringMatching(new RegExp(`^destination\\.${name}\\b`))

  it.each(LIMITS)('%s', (name, both, refused, listedOnly, never) => {
    for (const value of both) expect(held(name, value)).toEqual(taken(name, value))
    for (const value of [...refused, ...listedOnly, ...never]) {
      expect(refusal(() => taken(name, value)).field, `${name} ${JSON.stringify(value)}`).toEqual(
        ofField(name),
      )
    }
    for (const value of listedOnly) {
      const config = held(name, value) as unknown as Record<string, unknown>
      if (typeof value === 'number') expect(config[name]).toBe(value)
      // An update names it: it is an argument, whatever is listed.
      const change = { [name]: value }
      const merge = () =>
        mergeDestination(
          checkDestinationInput(base(name), service).config,
          checkDestinationChange(change),
          checkDestinationInput(rs, service).destination,
          service,
        )
      expect(refusal(merge).field, `change ${name} ${JSON.stringify(value)}`).toMatch(
        new RegExp(`^change\\.${name}\\b`),
      )
    }
    for (const value of never) {
      expect(refusal(() => held(name, value)).field, `listed ${name} ${JSON.stringify(value)}`).toEqual(
        ofField(name),
      )
    }
  })

  it('hold for thresholds that are equal, and for each one where it is named', () => {
    const equal = { upperThreshold: 5, lowerThreshold: 5 }
    expect(checkDestinationInput({ ...rs, ...equal }, service).config).toMatchObject(equal)
    for (const name of ['upperThreshold', 'lowerThreshold', 'weight']) {
      expect(refusal(() => taken(name, -1)).field).toBe(`destination.${name}`)
      expect(refusal(() => checkDestinationChange({ [name]: -1 })).field).toBe(`change.${name}`)
    }
  })

  it('keep what a listed tunnel is made of', () => {
    const tunnel = { type: 65535, port: 7, checksum: 65534 }
    expect(held('tunnel', tunnel).tunnel).toEqual({ type: 65535, port: 7, flags: 65534 })
    expect(refusal(() => checkDestinationInput(listed({ ...rs, tunnel }), service)).field).toBe(
      'destination.tunnel',
    )
    expect(taken('weight', 0).weight).toBe(0)
  })

  it('are no limits of the address: a family is left out of a listed one, and IPv4 in IPv6 is refused in one that is not', () => {
    const mapped = { ...rs, address: '::ffff:10.0.0.5' }
    expect(refusal(() => checkDestinationInput(mapped, service6)).field).toBe('destination.address')
    expect(checkDestinationInput(listed(mapped), service6).destination.family).toBe(10)
    expect(checkDestinationInput(listed({ ...rs, address: '2001:db8::5' }), service).destination.family).toBe(
      10,
    )
  })
})

describe('checkDestinationChange and mergeDestination', () => {
  const { destination, config } = checkDestinationInput(rs, service)
  const merge = (change: object, current = config) =>
    mergeDestination(current, checkDestinationChange(change), destination, service)

  it('changes the named properties only', () => {
    expect(merge({ weight: 0, forwarding: undefined })).toEqual({ ...config, weight: 0 })
    expect(refusal(() => checkDestinationChange({ port: 1 })).field).toBe('change.port')
    for (const name of [
      'family',
      'activeConnections',
      'inactiveConnections',
      'persistentConnections',
      'stats',
    ]) {
      expect(refusal(() => checkDestinationChange({ [name]: 5 }))).toMatchObject({
        code: VALUE,
        field: `change.${name}`,
      })
      expect(checkDestinationChange({ [name]: undefined })).toEqual({})
    }
  })

  it('checks the result as a whole', () => {
    expect(refusal(() => merge({ lowerThreshold: 1 }))).toMatchObject({
      code: RANGE,
      field: 'change.lowerThreshold',
    })
    // The one that was named is the one that is wrong.
    const limited = merge({ upperThreshold: 9, lowerThreshold: 5 })
    expect(refusal(() => merge({ upperThreshold: 4 }, limited))).toMatchObject({
      code: RANGE,
      field: 'change.upperThreshold',
    })
    expect(refusal(() => merge({ tunnel: { type: 'gre' } })).field).toBe('change.tunnel')
  })

  it('drops the tunnel with its method', () => {
    const tunnelled = merge({ forwarding: 'tunnel', tunnel: { type: 'gre' } })
    expect(tunnelled.tunnel).toEqual({ type: 2, port: 0, flags: 0 })
    expect(merge({ forwarding: 'masquerade' }, tunnelled).tunnel).toBeUndefined()
    expect(merge({ weight: 2 }, tunnelled).tunnel).toEqual(tunnelled.tunnel)
    expect(merge({ tunnel: undefined }, tunnelled).tunnel).toEqual(tunnelled.tunnel)
    expect(merge({ tunnel: null }, tunnelled).tunnel).toBeUndefined()
  })

  it('keys take other properties', () => {
    expect(checkDestinationKey({ ...rs, nonsense: 1 }).key).toEqual({ address: '10.0.0.5', port: 8080 })
    expect(refusal(() => checkDestinationKey('10.0.0.5:8080')).code).toBe(TYPE)
  })
})

describe('checkLocalAddress', () => {
  it.each(['0.0.0.0', '224.0.0.1', '255.255.255.255'])(
    'trap: local address %s is accepted by the kernel and loses every connection',
    (address) => {
      expect(refusal(() => checkLocalAddress(address, service))).toMatchObject({
        code: VALUE,
        field: 'localAddress',
      })
    },
  )

  it('wants the family of the service', () => {
    expect(checkLocalAddress('10.1.0.1', service).text).toBe('10.1.0.1')
    expect(checkLocalAddress('2001:DB8::9', service6).text).toBe('2001:db8::9')
    expect(refusal(() => checkLocalAddress('2001:db8::9', service)).message).toMatch(/service's family, ipv4/)
    expect(refusal(() => checkLocalAddress('10.1.0.1', service6)).code).toBe(VALUE)
    expect(refusal(() => checkLocalAddress('::', service6)).code).toBe(VALUE)
    expect(refusal(() => checkLocalAddress('ff02::1', service6)).code).toBe(VALUE)
    expect(refusal(() => checkLocalAddress({ address: '10.1.0.1' }, service)).code).toBe(TYPE)
  })

  it('refuses the same address twice in one call, however it is written', () => {
    expect(checkLocalAddresses(['10.1.0.1', '10.1.0.2'], service).map(({ text }) => text)).toEqual([
      '10.1.0.1',
      '10.1.0.2',
    ])
    const twice = () => checkLocalAddresses(['2001:db8::1', '2001:db8:0::1'], service6)
    expect(refusal(twice)).toMatchObject({ code: VALUE, field: 'localAddresses[1]' })
    expect(refusal(() => checkLocalAddresses('10.1.0.1', service)).code).toBe(TYPE)
    // A hole is an undefined, not nothing.
    expect(refusal(() => checkLocalAddresses(new Array(1), service)).code).toBe(TYPE)
  })
})

describe('daemons and timeouts', () => {
  it('takes a daemon', () => {
    expect(checkDaemonInput({ state: 'backup', interface: 'eth0' })).toEqual({
      state: 2,
      interface: 'eth0',
      syncId: 0,
      syncMaxLength: undefined,
      multicastGroup: undefined,
      multicastPort: undefined,
      multicastTtl: undefined,
    })
    const options = { syncMaxLength: 1400, multicastGroup: '239.0.0.1', multicastPort: 8848, multicastTtl: 2 }
    expect(checkDaemonInput({ state: 'master', interface: 'br-1.5', syncId: 255, ...options })).toMatchObject(
      {
        state: 1,
        syncId: 255,
        multicastGroup: { family: 2, a: 0xef000001 },
        multicastTtl: 2,
      },
    )
    expect(checkDaemonState('master')).toBe(1)
  })

  it.each<[string, object, string]>([
    ['no interface', { interface: undefined }, 'daemon.interface'],
    ['an empty interface', { interface: '' }, 'daemon.interface'],
    ['16 bytes of interface', { interface: 'é'.repeat(8) }, 'daemon.interface'],
    ['a slash', { interface: 'a/b' }, 'daemon.interface'],
    ['state 3', { state: 3 }, 'daemon.state'],
    ['sync id 256', { syncId: 256 }, 'daemon.syncId'],
    ['ttl 256', { multicastTtl: 256 }, 'daemon.multicastTtl'],
    ['port 0', { multicastPort: 0 }, 'daemon.multicastPort'],
    ['a unicast group', { multicastGroup: '10.0.0.1' }, 'daemon.multicastGroup'],
    ['an unknown property', { mcastIfn: 'eth0' }, 'daemon.mcastIfn'],
  ])('refuses %s', (_, change, field) => {
    expect(refusal(() => checkDaemonInput({ state: 'master', interface: 'eth0', ...change })).field).toBe(
      field,
    )
  })

  it('takes some of the timeouts', () => {
    expect(checkTimeouts({ tcp: 900, udp: undefined })).toStrictEqual({
      tcp: 900,
      tcpFin: undefined,
      udp: undefined,
    })
    expect(checkTimeouts({ tcp: 1, tcpFin: 2147483, udp: 3 })).toEqual({ tcp: 1, tcpFin: 2147483, udp: 3 })
  })

  it('trap: timeout 0 is read by the kernel as "leave as it is"', () => {
    const error = refusal(() => checkTimeouts({ tcpFin: 0 }))
    expect(error).toMatchObject({ code: RANGE, field: 'timeouts.tcpFin' })
    expect(error.message).toMatch(/leave it out to keep it/)
  })
})

describe('options', () => {
  it('takes a signal by its shape', () => {
    const half = { aborted: false, addEventListener() {} }
    const signal = { ...half, removeEventListener() {} }
    expect(refusal(() => checkCallOptions({ signal: half })).code).toBe(TYPE)
    expect(checkCallOptions({ signal, timeout: 1 })).toEqual({ signal, timeout: 1 })
    expect(checkCallOptions({ signal: new AbortController().signal }).timeout).toBeUndefined()
    expect(checkCallOptions(undefined)).toEqual({ signal: undefined, timeout: undefined })
    expect(refusal(() => checkCallOptions({ signal: {} }))).toMatchObject({
      code: TYPE,
      field: 'options.signal',
    })
    expect(refusal(() => checkCallOptions({ signal: null })).code).toBe(TYPE)
    expect(refusal(() => checkCallOptions({ timeout: -1 })).code).toBe(RANGE)
    expect(checkCallOptions({ timeout: 0 }).timeout).toBe(0)
    expect(refusal(() => checkCallOptions({ timeout: 2147483648 })).code).toBe(RANGE)
    expect(refusal(() => checkCallOptions({ timeout: Number.POSITIVE_INFINITY })).code).toBe(RANGE)
    expect(refusal(() => checkCallOptions({ timout: 5 })).message).toMatch(/did you mean 'timeout'/)
    expect(refusal(() => checkCallOptions(() => {})).code).toBe(TYPE)
  })

  it('opens with defaults', () => {
    const defaults = { transport: 'auto', netns: undefined, timeout: 5000, signal: undefined }
    expect(checkOpenOptions(undefined)).toEqual({
      ...defaults,
      loadModule: false,
      force: false,
      unprivileged: false,
    })
    expect(checkOpenOptions({})).toEqual(checkOpenOptions(undefined))
  })

  it('takes a namespace as name, path or process', () => {
    expect(checkOpenOptions({ netns: 'blue' }).netns).toBe('/run/netns/blue')
    expect(checkOpenOptions({ netns: '/proc/1/ns/net' }).netns).toBe('/proc/1/ns/net')
    expect(checkOpenOptions({ netns: 42 }).netns).toBe('/proc/42/ns/net')
    for (const netns of ['', '.', '..', 'a\0b'])
      expect(refusal(() => checkOpenOptions({ netns })).code).toBe(VALUE)
    expect(refusal(() => checkOpenOptions({ netns: 0 })).code).toBe(RANGE)
    expect(refusal(() => checkOpenOptions({ netns: true })).code).toBe(TYPE)
  })

  it('takes a transport of one’s own', () => {
    const transport = { run: async () => {} }
    expect(checkOpenOptions({ transport }).transport).toBe(transport)
    expect(refusal(() => checkOpenOptions({ transport: {} })).field).toBe('options.transport.run')
    expect(refusal(() => checkOpenOptions({ transport: 'ioctl' })).code).toBe(VALUE)
    expect(refusal(() => checkOpenOptions({ force: 1 })).field).toBe('options.force')
  })
})
