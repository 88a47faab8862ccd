// Both halves of the border records: what one packs the other reads.

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
  Border,
  Operation,
  presence,
  RequestHeaderLayout,
  RequestLayout,
  SECTIONS,
} from '../../lib/border/layout.gen'
import { emptySections, packReply, type ReplySections } from '../../lib/border/pack-reply'
import { Reply } from '../../lib/border/reply'
import type { RequestFields } from '../../lib/border/request'
import { packRequests } from '../../lib/border/request'
import { unpackRequests } from '../../lib/border/unpack-request'
import type { PackedAddress } from '../../lib/model/address'
import { formatIpv4Mask, formatPacked } from '../../lib/model/address'
import type {
  DaemonConfigRecord,
  DestinationConfigRecord,
  ServiceConfigRecord,
  StatsRecord,
  TimeoutConfigRecord,
} from '../../lib/model/records.gen'
import { recordsOf } from './support/border'

const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const name = fc.stringMatching(/^[a-z0-9_-]{1,15}$/)
const address4: fc.Arbitrary<PackedAddress> = u32.map((a) => ({ family: 2, a, b: 0, c: 0, d: 0 }))
const address6: fc.Arbitrary<PackedAddress> = fc
  .tuple(u32, u32, u32, u32)
  .map(([a, b, c, d]) => ({ family: 10, a, b, c, d }))
const address = fc.oneof(address4, address6)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

const serviceConfig = fc.record<ServiceConfigRecord>({
  flags: u32,
  persistenceTimeout: u32,
  netmask: u32,
  establishedTimeout: optional(u32),
  scheduler: name,
  engine: optional(name),
})
const destinationConfig = fc.record<DestinationConfigRecord>({
  forwarding: fc.nat(7),
  weight: i32,
  upperThreshold: u32,
  lowerThreshold: u32,
  tunnel: optional(fc.record({ type: fc.nat(2), port: u16, flags: fc.nat(2) })),
})
const daemonConfig = fc.record<DaemonConfigRecord>({
  state: fc.constantFrom(1, 2),
  syncId: u32,
  interface: name,
  multicastGroup: optional(address),
  multicastPort: optional(u16),
  multicastTtl: optional(u16),
  syncMaxLength: optional(u16),
})
const timeoutConfig = fc.record<TimeoutConfigRecord>({
  tcp: optional(u32),
  tcpFin: optional(u32),
  udp: optional(u32),
})

const service = fc.oneof(
  fc
    .record({ address, protocol: fc.constantFrom(6 as const, 17 as const, 132 as const), port: u16 })
    .map((key) => ({
      normalized: {
        kind: 'address' as const,
        ...key,
        family: key.address.family,
        key: { protocol: 'tcp' as const, address: '', port: 0 },
      },
      read: { ...key, fwmark: undefined },
    })),
  fc.record({ fwmark: u32, family: fc.constantFrom(2 as const, 10 as const) }).map((key) => ({
    normalized: { kind: 'fwmark' as const, ...key, key: { fwmark: 1 } },
    read: {
      address: { family: key.family, a: 0, b: 0, c: 0, d: 0 },
      protocol: 0,
      port: 0,
      fwmark: key.fwmark,
    },
  })),
)

const request = fc
  .record({
    operation: fc.constantFrom(...Object.values(Operation)),
    service: optional(service),
    config: optional(serviceConfig),
    flagsMask: u32,
    target: optional(fc.record({ address, port: u16 })),
    destination: optional(destinationConfig),
    daemon: optional(daemonConfig),
    timeouts: optional(timeoutConfig),
    localAddresses: fc.boolean(),
    transport: fc.constantFrom(1, 2),
    timeout: u32,
  })
  .map(({ service: key, transport, timeout, ...fields }) => ({
    key,
    packed: {
      fields: { ...fields, service: key?.normalized } as RequestFields,
      transport,
      timeout,
    },
  }))

describe('request records', () => {
  it('unpack ∘ pack is the identity', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 5 }), fc.nat(3), (requests, dialect) => {
        const job = unpackRequests(
          packRequests(
            requests.map(({ packed }) => packed),
            dialect,
          ),
        )
        expect(job.dialect).toBe(dialect)
        expect(job.requests).toHaveLength(requests.length)
        job.requests.forEach((read, i) => {
          const { key, packed } = requests[i] as (typeof requests)[number]
          const { operation, config, flagsMask, target, destination, daemon, timeouts } = packed.fields
          expect(read).toMatchObject({ operation, transport: packed.transport, timeoutMs: packed.timeout })
          expect(read.service).toEqual(key?.read)
          expect(read.localAddresses).toBe(packed.fields.localAddresses)
          if (config) {
            const flags = (config.flags & (flagsMask as number)) >>> 0
            expect(read.config).toEqual({ ...config, flags })
            expect(read.flagsMask).toBe(flagsMask)
          } else {
            expect(read).toMatchObject({ config: { scheduler: '', flags: 0 }, flagsMask: 0 })
            expect(read.config.establishedTimeout).toBeUndefined()
            expect(read.config.engine).toBeUndefined()
          }
          if (target) {
            expect(read.target).toEqual(target)
            const other = key !== undefined && key.read.address.family !== target.address.family
            expect(read.targetFamily).toBe(other)
          }
          if (destination) expect(read.destination).toEqual(destination)
          else expect(read.destination.tunnel).toBeUndefined()
          if (daemon) expect(read.daemon).toEqual(daemon)
          expect(read.timeouts).toEqual(timeouts ?? { tcp: undefined, tcpFin: undefined, udp: undefined })
        })
      }),
    )
  })

  it('names of 15 bytes and names in UTF-8 come back', () => {
    for (const text of ['abcdefghijklmno', 'größe0']) {
      const daemon = {
        state: 1,
        interface: text,
        syncId: 0,
        syncMaxLength: undefined,
        multicastGroup: undefined,
        multicastPort: undefined,
        multicastTtl: undefined,
      } as const
      const packed = { fields: { operation: Operation.daemonStart, daemon }, transport: 1, timeout: 1 }
      expect(unpackRequests(packRequests([packed], 0)).requests[0]?.daemon.interface).toBe(text)
    }
  })

  it('a buffer that is no job of this build is refused', () => {
    const good = packRequests([{ fields: { operation: 1 }, transport: 1, timeout: 1 }], 0)
    expect(good.byteLength).toBe(RequestHeaderLayout.size + RequestLayout.size)
    expect(unpackRequests(good).requests).toHaveLength(1)
    expect(() => unpackRequests(good.slice(0, RequestHeaderLayout.size - 1))).toThrow('not a request')
    expect(() => unpackRequests(good.slice(0, -1))).toThrow('shorter than its header says')
    for (const at of [RequestHeaderLayout.magic, RequestHeaderLayout.layoutHash]) {
      const other = good.slice(0)
      new DataView(other).setUint8(at, new DataView(other).getUint8(at) ^ 1)
      expect(() => unpackRequests(other)).toThrow('not a request of this build')
    }
  })
})

const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const
const RATES = [
  'connectionsPerSecond',
  'inPacketsPerSecond',
  'outPacketsPerSecond',
  'inBytesPerSecond',
  'outBytesPerSecond',
] as const
const stats = fc.record<StatsRecord>({
  connections: u64,
  inPackets: u64,
  outPackets: u64,
  inBytes: u64,
  outBytes: u64,
  connectionsPerSecond: u64,
  inPacketsPerSecond: u64,
  outPacketsPerSecond: u64,
  inBytesPerSecond: u64,
  outBytesPerSecond: u64,
})
/** Without or with rates, and with the bit of 64 bits. */
const present = fc.constantFrom(
  presence.stats,
  presence.stats | presence.rates,
  presence.stats | presence.rates | presence.stats64,
)
/** As the API has them. */
function seen({ stats: from, present: bits }: { stats: StatsRecord; present: number }) {
  const named = (fields: readonly (keyof StatsRecord)[]) =>
    Object.fromEntries(COUNTERS.map((counter, i) => [counter, from[fields[i] as keyof StatsRecord]]))
  return { ...named(COUNTERS), rates: (bits & presence.rates) === 0 ? undefined : named(RATES) }
}

const records = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 })
const requestIndex = u32
const sections = fc.record<ReplySections>({
  outcomes: records(fc.record({ requestIndex, error: i32, syscall: u16, flags: u16 })),
  services: records(
    fc.record({
      stats,
      requestIndex,
      key: fc.record({
        address: address4,
        protocol: fc.constantFrom(6, 17, 132),
        port: u16,
        fwmark: optional(u32),
      }),
      config: serviceConfig,
      destinationCount: optional(u32),
      localAddressCount: optional(u32),
      present,
    }),
  ),
  destinations: records(
    fc.record({
      stats,
      requestIndex,
      parent: u32,
      key: fc.record({ address, port: u16 }),
      config: destinationConfig,
      activeConnections: u32,
      inactiveConnections: u32,
      persistentConnections: u32,
      present: present.map((bits) => bits | presence.targetFamily),
    }),
  ),
  localAddresses: records(
    fc.record({
      portConflicts: u64,
      requestIndex,
      parent: u32,
      key: fc.record({ address, port: u16 }),
      connections: u32,
    }),
  ),
  daemons: records(fc.record({ requestIndex, config: daemonConfig })),
  timeouts: records(fc.record({ requestIndex, config: timeoutConfig })),
  infos: records(
    fc.record({
      requestIndex,
      version: fc.nat(0xffffff),
      connectionTableSize: u32,
      serviceCount: optional(u32),
    }),
  ),
  probes: records(
    fc.record({
      commands: u64,
      requestIndex,
      netlinkError: i32,
      familyId: u32,
      familyVersion: u32,
      maxAttribute: u32,
      sockoptVersionError: i32,
      sockoptLocalAddressError: i32,
      netlinkSyscall: u32,
    }),
  ),
  messages: records(fc.record({ requestIndex, text: fc.string({ maxLength: 100, unit: 'grapheme-ascii' }) })),
})

describe('reply records', () => {
  it('read ∘ pack is the identity, in every section', () => {
    fc.assert(
      fc.property(sections, fc.boolean(), (all, more) => {
        const reply = new Reply(packReply(all, more))
        expect(reply.more).toBe(more)
        expect(all.outcomes.map((_, i) => reply.outcome(i))).toEqual(all.outcomes)
        for (const { name: kind } of SECTIONS) {
          expect(reply[kind].count).toBe(all[kind].length)
          all[kind].forEach((from, i) => {
            expect(reply.requestOf(reply[kind], i)).toBe(from.requestIndex)
          })
          const written = all[kind].map((from) => ('present' in from ? { ...from, present: 0 } : from))
          expect(recordsOf(reply, kind)).toEqual(written)
        }
      }),
    )
  })

  it('decode ∘ pack says the same', () => {
    fc.assert(
      fc.property(sections, (all) => {
        const reply = new Reply(packReply(all, false))
        all.services.forEach((from, i) => {
          const { key, config } = from
          const info = decodeService(reply, i)
          const established = config.establishedTimeout || undefined
          expect(info).toMatchObject({
            scheduler: config.scheduler,
            flags: config.flags,
            stats: seen(from),
          })
          expect(info.establishedTimeout).toBe(established)
          expect(info.fwmark).toBe(key.fwmark)
          if (key.fwmark === undefined) {
            expect(info).toMatchObject({ address: formatPacked(key.address), port: key.port })
          }
          const persistent = (config.flags & 1) !== 0
          const netmask = formatIpv4Mask(config.netmask)
          const engine = config.engine === undefined ? {} : { engine: config.engine }
          expect(info.persistence).toEqual(
            persistent ? { timeout: config.persistenceTimeout, netmask, ...engine } : undefined,
          )
          expect(decodeServiceConfig(reply, i)).toEqual({ ...config, establishedTimeout: established })
        })
        all.destinations.forEach((from, i) => {
          const info = decodeDestination(reply, i)
          const { key, config, activeConnections, inactiveConnections, persistentConnections } = from
          const { weight, upperThreshold, lowerThreshold, tunnel } = config
          expect(info).toMatchObject({
            address: formatPacked(key.address),
            port: key.port,
            weight,
            upperThreshold,
            lowerThreshold,
            activeConnections,
            inactiveConnections,
            persistentConnections,
            stats: seen(from),
          })
          const tunnelled = config.forwarding === 2
          expect(info.tunnel !== undefined).toBe(tunnelled && tunnel !== undefined)
          if (info.tunnel?.type === 'gue') expect(info.tunnel.port).toBe(tunnel?.port)
          expect(decodeDestinationConfig(reply, i)).toEqual({
            ...config,
            tunnel: tunnelled ? tunnel : undefined,
          })
        })
        all.localAddresses.forEach(({ key, portConflicts, connections }, i) => {
          expect(decodeLocalAddress(reply, i)).toEqual({
            address: formatPacked(key.address),
            portConflicts,
            connections,
          })
        })
        all.daemons.forEach(({ config: { state, multicastGroup, ...rest } }, i) => {
          expect(decodeDaemon(reply, i)).toEqual({
            ...rest,
            state: state === 1 ? 'master' : 'backup',
            multicastGroup: multicastGroup && formatPacked(multicastGroup),
          })
        })
        all.timeouts.forEach(({ config: { tcp = 0, tcpFin = 0, udp = 0 } }, i) => {
          expect(decodeTimeouts(reply, i)).toEqual({ tcp, tcpFin, udp })
        })
        all.infos.forEach(({ version, connectionTableSize, serviceCount }, i) => {
          const text = [version >> 16, (version >> 8) & 255, version & 255].join('.')
          expect(decodeInfo(reply, i)).toEqual({ version: text, connectionTableSize, serviceCount })
        })
      }),
    )
  })

  it('an empty reply is a header', () => {
    const reply = new Reply(packReply(emptySections(), false))
    expect(reply.more).toBe(false)
    expect(reply.outcomes.count).toBe(0)
    expect(new DataView(packReply(emptySections(), true)).getUint32(0, true)).toBe(Border.magic)
  })
})
