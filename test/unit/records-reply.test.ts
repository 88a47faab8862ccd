import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeDaemon,
  decodeDestination,
  decodeDestinationConfig,
  decodeInfo,
  decodeLocalAddress,
  decodeService,
  decodeServiceConfig,
  decodeTimeouts,
} from '../../lib/border/decode'
import {
  DaemonConfigLayout,
  DaemonLayout,
  InfoLayout,
  presence,
  ReplyHeaderLayout,
  SECTIONS,
  ServiceConfigLayout,
  ServiceLayout,
} from '../../lib/border/layout.gen'
import { Reply } from '../../lib/border/reply'
import type { IpvsError } from '../../lib/errors/ipvs-error'
import type { DestinationConfigRecord } from '../../lib/model/records.gen'
import { type RecordOf, recordsOf, type Some, type SomeSections, writeReply } from './support/border'
import { destinationRecord, localAddressRecord, packed, serviceRecord } from './support/scripted-transport'

const reply = (sections: SomeSections, more = false) => new Reply(writeReply(sections, more))
const service = (fields: Some<RecordOf<'services'>>) => decodeService(reply({ services: [fields] }), 0)
const destination = (fields: Some<RecordOf<'destinations'>>) =>
  decodeDestination(reply({ destinations: [fields] }), 0)
const configured = (config: Partial<DestinationConfigRecord>) =>
  destination(destinationRecord('10.0.0.5', 1, { config }))

describe('Reply', () => {
  it('finds the records of every section, in the order of native/abi/records.h', () => {
    const sections = Object.fromEntries(
      SECTIONS.map(({ name }, i) => [
        name,
        Array.from({ length: i + 1 }, (_, n) => ({ requestIndex: 100 * i + n })),
      ]),
    )
    const read = reply(sections)
    SECTIONS.forEach(({ name }, i) => {
      expect(read[name].count).toBe(i + 1)
      if (name === 'outcomes') expect(read.outcome(0).requestIndex).toBe(0)
      expect(read.requestOf(read[name], i)).toBe(100 * i + i)
    })
    expect(read.more).toBe(false)
    expect(reply({}, true).more).toBe(true)
  })

  it('reads outcomes', () => {
    const outcomes = [
      { requestIndex: 7, error: 17, syscall: 3, flags: 1 },
      { requestIndex: 65536, error: 0, syscall: 0, flags: 0x7f },
    ]
    const read = reply({ outcomes })
    expect([read.outcome(0), read.outcome(1)]).toEqual(outcomes)
  })

  const broken = (change: (view: DataView) => ArrayBuffer | undefined) => {
    const buffer = writeReply({ outcomes: [{}], services: [serviceRecord('192.0.2.1', 80)] })
    return change(new DataView(buffer)) ?? buffer
  }
  it.each<[string, ArrayBuffer]>([
    ['nothing', new ArrayBuffer(0)],
    ['half a header', broken((view) => view.buffer.slice(0, 40) as ArrayBuffer)],
    [
      'a header of another build',
      broken((view) => void view.setUint32(ReplyHeaderLayout.layoutHash, 1, true)),
    ],
    ['another magic', broken((view) => void view.setUint32(ReplyHeaderLayout.magic, 0, true))],
    ['one byte less', broken((view) => view.buffer.slice(0, -1) as ArrayBuffer)],
    ['one record less than it says', broken((view) => view.buffer.slice(0, -176) as ArrayBuffer)],
    [
      'one record more than it says',
      broken((view) => void view.setUint32(ReplyHeaderLayout.services, 0, true)),
    ],
    [
      'a count beyond everything',
      broken((view) => void view.setUint32(ReplyHeaderLayout.probes, 0xffffffff, true)),
    ],
  ])('refuses %s', (_, buffer) => {
    try {
      new Reply(buffer)
    } catch (error) {
      expect((error as IpvsError).code).toBe('ERR_IPVS_MALFORMED_REPLY')
      return
    }
    expect.unreachable('it was accepted')
  })

  it('property: refuses every prefix of a reply', () => {
    const whole = writeReply({
      outcomes: [{}],
      localAddresses: [localAddressRecord('10.1.0.1')],
      infos: [{}],
    })
    for (let length = 0; length < whole.byteLength; length++) {
      expect(() => new Reply(whole.slice(0, length))).toThrow(/ERR_IPVS_MALFORMED_REPLY/)
    }
  })
})

describe('decodeService', () => {
  it('decodes everything that a service can have', () => {
    const fields = serviceRecord('192.0.2.1', 443, {
      config: {
        flags: 0x1 | 0x2 | 0x8 | 0x20 | 0x8000,
        persistenceTimeout: 300,
        netmask: 0xffffff00,
        establishedTimeout: 900,
        scheduler: 'wrr',
        engine: 'sip',
      },
      stats: { connections: BigInt(1), inPackets: BigInt('18446744073709551615') },
    })
    expect(service(fields)).toEqual({
      protocol: 'tcp',
      address: '192.0.2.1',
      port: 443,
      family: 'ipv4',
      scheduler: 'wrr',
      schedulerFlags: ['flag-1', 'flag-3'],
      persistence: { timeout: 300, netmask: '255.255.255.0', engine: 'sip' },
      onePacket: false,
      synproxy: true,
      establishedTimeout: 900,
      flags: 0x802b,
      stats: {
        connections: BigInt(1),
        inPackets: BigInt('18446744073709551615'),
        outPackets: BigInt(0),
        inBytes: BigInt(0),
        outBytes: BigInt(0),
        rates: undefined,
      },
    })
  })

  it('decodes fwmark services without an address', () => {
    const info = service({
      key: { fwmark: 0xffffffff, address: { family: 10 } },
      config: { flags: 4, netmask: 64 },
      present: presence.stats,
    })
    expect(info).toMatchObject({
      fwmark: 4294967295,
      family: 'ipv6',
      onePacket: true,
      persistence: undefined,
    })
    expect('address' in info).toBe(false)
  })

  it('gives the prefix length of an IPv6 service as a number', () => {
    const fields = serviceRecord('2001:db8::1', 80, {
      config: { flags: 1, netmask: 64, persistenceTimeout: 1 },
    })
    expect(service(fields)).toMatchObject({
      address: '2001:db8::1',
      family: 'ipv6',
      persistence: { timeout: 1, netmask: 64 },
    })
  })

  it.each([
    [6, 'tcp'],
    [17, 'udp'],
    [132, 'sctp'],
    [50, 50],
    [65535, 65535],
  ])('keeps protocol %i as %s', (protocol, expected) => {
    expect(service(serviceRecord('192.0.2.1', 0, { key: { protocol } })).protocol).toBe(expected)
  })

  it('says nothing of what the kernel did not send', () => {
    // Its bytes are there all the same.
    const bare = writeReply({
      services: [
        serviceRecord('192.0.2.1', 80, { config: { establishedTimeout: 900, engine: 'sip', flags: 1 } }),
      ],
    })
    new DataView(bare).setUint32(ReplyHeaderLayout.size + ServiceLayout.presence, presence.stats, true)
    const info = decodeService(new Reply(bare), 0)
    expect(info.establishedTimeout).toBeUndefined()
    expect(info.persistence).toEqual({ timeout: 0, netmask: '255.255.255.255' })
    expect(info.persistence?.engine).toBeUndefined()
    expect(info.stats.rates).toBeUndefined()
    // trap: v3 sends an established timeout of 0 where the protocol has none
    const zero = serviceRecord('192.0.2.1', 80, { config: { establishedTimeout: 0 } })
    expect(service(zero).establishedTimeout).toBeUndefined()
    expect(decodeServiceConfig(reply({ services: [zero] }), 0).establishedTimeout).toBeUndefined()
  })

  it('decodes rates where they were sent', () => {
    const fields = serviceRecord('192.0.2.1', 80, {
      present: presence.rates,
      stats: {
        connectionsPerSecond: BigInt(1),
        inPacketsPerSecond: BigInt(2),
        outPacketsPerSecond: BigInt(3),
        inBytesPerSecond: BigInt(4),
        outBytesPerSecond: BigInt(5),
      },
    })
    expect(service(fields).stats.rates).toEqual({
      connections: BigInt(1),
      inPackets: BigInt(2),
      outPackets: BigInt(3),
      inBytes: BigInt(4),
      outBytes: BigInt(5),
    })
  })

  it('reads a name up to its NUL, and no further than its field', () => {
    const full = serviceRecord('192.0.2.1', 80, { config: { scheduler: 'x'.repeat(15) } })
    expect(service(full).scheduler).toBe('x'.repeat(15))
    const buffer = writeReply({ services: [full] })
    const at = ReplyHeaderLayout.size + ServiceLayout.config + ServiceConfigLayout.scheduler
    new Uint8Array(buffer).fill(0x61, at, at + 16)
    expect(decodeService(new Reply(buffer), 0).scheduler).toBe('a'.repeat(16))
  })
})

describe('decodeDestination', () => {
  it('decodes everything', () => {
    const fields = destinationRecord('10.0.0.5', 8080, {
      config: { forwarding: 5, weight: 2147483647, upperThreshold: 4294967295, lowerThreshold: 7 },
      activeConnections: 1,
      inactiveConnections: 2,
      persistentConnections: 3,
      stats: { outBytes: BigInt(9) },
    })
    expect(destination(fields)).toMatchObject({
      address: '10.0.0.5',
      port: 8080,
      family: 'ipv4',
      forwarding: 'fullnat',
      weight: 2147483647,
      upperThreshold: 4294967295,
      lowerThreshold: 7,
      tunnel: undefined,
      activeConnections: 1,
      inactiveConnections: 2,
      persistentConnections: 3,
      stats: { outBytes: BigInt(9), rates: undefined },
    })
    // netlink takes a weight below 0 on FULLNAT kernels from other tools
    expect(configured({ weight: -1 }).weight).toBe(-1)
  })

  it.each([
    [0, 'masquerade'],
    [1, 'local'],
    [2, 'tunnel'],
    [3, 'direct-route'],
    [4, 'bypass'],
    [5, 'fullnat'],
    [6, 6],
    [7, 7],
  ])('keeps method %i as %s', (forwarding, expected) => {
    expect(configured({ forwarding }).forwarding).toBe(expected)
  })

  it('decodes tunnels, unknown ones as numbers, none where the kernel sent none', () => {
    const tunnel = (type: number, port: number, flags: number, forwarding = 2) =>
      configured({ forwarding, tunnel: { type, port, flags } }).tunnel
    expect(tunnel(0, 0, 0)).toEqual({ type: 'ipip', checksum: 'none' })
    expect(tunnel(1, 6080, 2)).toEqual({ type: 'gue', port: 6080, checksum: 'remote' })
    expect(tunnel(2, 0, 1)).toEqual({ type: 'gre', checksum: 'full' })
    expect(tunnel(9, 0, 3)).toEqual({ type: 9, checksum: 3 })
    expect(configured({ forwarding: 2 }).tunnel).toBeUndefined()
    // Sent with every method by mainline.
    expect(tunnel(0, 0, 0, 0)).toBeUndefined()
    const local = destinationRecord('10.0.0.5', 1, { config: { tunnel: { type: 0, port: 0, flags: 0 } } })
    expect(decodeDestinationConfig(reply({ destinations: [local] }), 0).tunnel).toBeUndefined()
  })

  it('takes the family of the destination, not that of its service', () => {
    expect(destination(destinationRecord('2001:db8::5', 1))).toMatchObject({
      address: '2001:db8::5',
      family: 'ipv6',
    })
  })
})

describe('the other records', () => {
  it('decodes local addresses', () => {
    const records = [
      localAddressRecord('10.1.0.1', { portConflicts: BigInt('9007199254740993'), connections: 4294967295 }),
      localAddressRecord('fd00::1'),
    ]
    const read = reply({ localAddresses: records })
    expect(decodeLocalAddress(read, 0)).toEqual({
      address: '10.1.0.1',
      portConflicts: BigInt('9007199254740993'),
      connections: 4294967295,
    })
    expect(decodeLocalAddress(read, 1).address).toBe('fd00::1')
  })

  it('decodes daemons, with the options that the kernel sent', () => {
    const daemons: SomeSections['daemons'] = [
      { config: { state: 1, syncId: 255, interface: 'eth0' } },
      {
        config: {
          state: 2,
          interface: 'é0',
          syncMaxLength: 1400,
          multicastGroup: packed('ff02::1'),
          multicastPort: 8848,
          multicastTtl: 2,
        },
      },
      { config: { state: 3, interface: 'eth0' } },
    ]
    const buffer = writeReply({ daemons })
    // Its bytes are there all the same.
    const at = ReplyHeaderLayout.size + DaemonLayout.config + DaemonConfigLayout.syncMaxLength
    new DataView(buffer).setUint16(at, 9, true)
    const read = new Reply(buffer)
    expect(decodeDaemon(read, 0)).toEqual({
      state: 'master',
      interface: 'eth0',
      syncId: 255,
      syncMaxLength: undefined,
      multicastGroup: undefined,
      multicastPort: undefined,
      multicastTtl: undefined,
    })
    expect(decodeDaemon(read, 1)).toEqual({
      state: 'backup',
      interface: 'é0',
      syncId: 0,
      syncMaxLength: 1400,
      multicastGroup: 'ff02::1',
      multicastPort: 8848,
      multicastTtl: 2,
    })
    expect(decodeDaemon(read, 2).state).toBe(3)
  })

  it('decodes timeouts, info and probe', () => {
    const timeouts = { tcp: 90, tcpFin: 7, udp: 300 }
    expect(decodeTimeouts(reply({ timeouts: [{ config: timeouts }] }), 0)).toEqual(timeouts)
    const infos = [
      { version: 0x010201, connectionTableSize: 4194304, serviceCount: 5 },
      { version: 0x010202, serviceCount: 5 },
    ]
    const buffer = writeReply({ infos })
    const second = ReplyHeaderLayout.size + InfoLayout.size
    new DataView(buffer).setUint32(second + InfoLayout.presence, 0, true)
    const read = new Reply(buffer)
    expect(decodeInfo(read, 0)).toEqual({ version: '1.2.1', connectionTableSize: 4194304, serviceCount: 5 })
    expect(decodeInfo(read, 1)).toEqual({ version: '1.2.2', connectionTableSize: 0, serviceCount: undefined })
    const probe = {
      requestIndex: 0,
      commands: BigInt('0x1ffffe'),
      familyId: 0x12,
      familyVersion: 1,
      maxAttribute: 6,
      netlinkError: 1,
      netlinkSyscall: 8,
      sockoptVersionError: 92,
      sockoptLocalAddressError: 3,
    }
    expect(recordsOf(reply({ probes: [probe] }), 'probes')).toEqual([probe])
  })
})

describe('property', () => {
  it('what is written for a destination is what is decoded, at any place in any mix of records', () => {
    const one = fc.record({
      address: fc.oneof(fc.ipV4(), fc.ipV6()),
      port: fc.nat(65535),
      forwarding: fc.nat(7),
      weight: fc.nat(2147483647),
      activeConnections: fc.nat(4294967295),
      connections: fc.bigInt({ min: BigInt(0), max: BigInt('18446744073709551615') }),
    })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 20 }), fc.nat(5), fc.nat(5), (wanted, outcomes, services) => {
        const read = reply({
          outcomes: Array.from({ length: outcomes }, () => ({ requestIndex: 1 })),
          services: Array.from({ length: services }, () => serviceRecord('192.0.2.1', 80)),
          destinations: wanted.map(({ address, port, forwarding, weight, activeConnections, connections }) =>
            destinationRecord(address, port, {
              config: { forwarding, weight },
              activeConnections,
              stats: { connections },
            }),
          ),
        })
        wanted.forEach((expected, i) => {
          const info = decodeDestination(read, i)
          expect(packed(info.address)).toEqual(packed(expected.address))
          expect([info.port, info.weight, info.activeConnections, info.stats.connections]).toEqual([
            expected.port,
            expected.weight,
            expected.activeConnections,
            expected.connections,
          ])
        })
      }),
    )
  })
})
