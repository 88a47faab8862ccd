// Both halves of the border records: what one packs the other reads.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeDaemon,
  decodeDestination,
  decodeInfo,
  decodeLocalAddress,
  decodeProbe,
  decodeService,
  decodeTimeouts,
} from '../../lib/border/decode'
import { Border, Operation, Request, RequestHeader } from '../../lib/border/layout.gen'
import { packReply } from '../../lib/border/pack-reply'
import { Reply } from '../../lib/border/reply'
import type { ReplySections, StatsFields } from '../../lib/border/reply-fields'
import { emptySections } from '../../lib/border/reply-fields'
import type { RequestFields } from '../../lib/border/request'
import { packRequests } from '../../lib/border/request'
import { unpackRequests } from '../../lib/border/unpack-request'
import type { PackedAddress } from '../../lib/model/address'
import { formatIpv4Mask, formatPacked } from '../../lib/model/address'

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
      read: { family: key.address.family, ...key },
    })),
  fc.record({ fwmark: u32, family: fc.constantFrom(2 as const, 10 as const) }).map((key) => ({
    normalized: { kind: 'fwmark' as const, ...key, key: { fwmark: 1 } },
    read: { family: key.family, fwmark: key.fwmark },
  })),
)

const request = fc
  .record({
    operation: fc.constantFrom(...Object.values(Operation)),
    service: optional(service),
    config: optional(
      fc.record({
        scheduler: name,
        persistent: fc.boolean(),
        persistenceTimeout: u32,
        netmask: u32,
        engine: optional(name),
        onePacket: fc.boolean(),
        synproxy: fc.boolean(),
        schedulerFlags: u32,
        establishedTimeout: optional(u32),
      }),
    ),
    flags: u32,
    flagsMask: u32,
    target: optional(fc.record({ address, port: u16 })),
    destination: optional(
      fc.record({
        forwarding: fc.nat(7),
        weight: i32,
        upperThreshold: u32,
        lowerThreshold: u32,
        tunnel: optional(
          fc.record({ type: fc.constantFrom(0 as const, 1 as const, 2 as const), port: u16, flags: u16 }),
        ),
      }),
    ),
    daemon: optional(
      fc.record({
        state: fc.constantFrom(1 as const, 2 as const),
        interface: name,
        syncId: fc.nat(255),
        syncMaxLength: optional(u16),
        multicastGroup: optional(address),
        multicastPort: optional(u16),
        multicastTtl: optional(u16),
      }),
    ),
    timeouts: optional(fc.record({ tcp: u32, tcpFin: u32, udp: u32 }, { requiredKeys: [] })),
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
          const { operation, config, flags, flagsMask, target, destination, daemon, timeouts } = packed.fields
          expect(read).toMatchObject({ operation, transport: packed.transport, timeout: packed.timeout })
          expect(read.service).toEqual(key?.read)
          expect(read.localAddresses).toBe(packed.fields.localAddresses)
          expect(read.establishedTimeout).toBe(config?.establishedTimeout)
          expect(read.engine).toBe(config?.engine)
          if (config) {
            const { scheduler, persistenceTimeout, netmask } = config
            expect(read).toMatchObject({ scheduler, persistenceTimeout, netmask, flags, flagsMask })
          } else {
            expect(read).toMatchObject({ scheduler: '', flags: 0, flagsMask: 0 })
          }
          if (target) {
            const named = key !== undefined && key.read.family !== target.address.family
            expect(read.target).toEqual({ ...target, named })
          }
          expect(read.tunnel).toEqual(destination?.tunnel)
          if (destination) {
            const { tunnel: _, ...rest } = destination
            expect(read).toMatchObject(rest)
          }
          if (daemon) expect(read.daemon).toEqual(daemon)
          expect(read.timeouts).toEqual({ tcp: undefined, tcpFin: undefined, udp: undefined, ...timeouts })
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
    expect(good.byteLength).toBe(RequestHeader.size + Request.size)
    expect(unpackRequests(good).requests).toHaveLength(1)
    expect(() => unpackRequests(good.slice(0, RequestHeader.size - 1))).toThrow('not a request')
    expect(() => unpackRequests(good.slice(0, -1))).toThrow('shorter than its header says')
    for (const at of [RequestHeader.magic, RequestHeader.layoutHash]) {
      const other = good.slice(0)
      new DataView(other).setUint8(at, new DataView(other).getUint8(at) ^ 1)
      expect(() => unpackRequests(other)).toThrow('not a request of this build')
    }
  })
})

const counters = fc.record({ connections: u64, inPackets: u64, outPackets: u64, inBytes: u64, outBytes: u64 })
const stats: fc.Arbitrary<StatsFields> = fc
  .record({ counters, rates: optional(counters), wide: fc.boolean() })
  .map(({ counters: own, ...rest }) => ({ ...own, ...rest }))
const seen = ({ wide: _, ...fields }: StatsFields) => fields

const sections = fc.record<ReplySections>({
  outcomes: fc.array(fc.record({ operation: u32, error: i32, syscall: u16, flags: u16 }), { maxLength: 3 }),
  services: fc.array(
    fc.record({
      operation: u32,
      family: fc.constant(2 as const),
      fwmark: optional(u32),
      protocol: fc.constantFrom(6, 17, 132),
      address: address4,
      port: u16,
      scheduler: name,
      flags: u32,
      persistenceTimeout: u32,
      netmask: u32,
      establishedTimeout: optional(fc.integer({ min: 1, max: 0xffffffff })),
      engine: optional(name),
      destinationCount: optional(u32),
      localAddressCount: optional(u32),
      stats,
    }),
    { maxLength: 3 },
  ),
  destinations: fc.array(
    fc.record({
      operation: u32,
      parent: u32,
      address,
      port: u16,
      forwarding: fc.nat(7),
      weight: i32,
      upperThreshold: u32,
      lowerThreshold: u32,
      tunnel: optional(fc.record({ type: fc.nat(2), port: u16, flags: fc.nat(2) })),
      named: fc.boolean(),
      activeConnections: u32,
      inactiveConnections: u32,
      persistentConnections: u32,
      stats,
    }),
    { maxLength: 3 },
  ),
  localAddresses: fc.array(
    fc.record({ operation: u32, parent: u32, address, portConflicts: u64, connections: u32 }),
    { maxLength: 3 },
  ),
  daemons: fc.array(
    fc.record({
      operation: u32,
      state: fc.constantFrom(1, 2),
      interface: name,
      syncId: u32,
      syncMaxLength: optional(u16),
      multicastGroup: optional(address),
      multicastPort: optional(u16),
      multicastTtl: optional(u16),
    }),
    { maxLength: 3 },
  ),
  timeouts: fc.array(fc.record({ operation: u32, tcp: u32, tcpFin: u32, udp: u32 }), { maxLength: 3 }),
  infos: fc.array(
    fc.record({
      operation: u32,
      version: fc.nat(0xffffff),
      connectionTableSize: u32,
      serviceCount: optional(u32),
    }),
    { maxLength: 3 },
  ),
  probes: fc.array(
    fc.record({
      operation: u32,
      commands: u64,
      netlinkError: i32,
      familyId: u32,
      familyVersion: u32,
      maxAttribute: u32,
      sockoptVersionError: i32,
      sockoptLocalAddressError: i32,
      netlinkSyscall: u32,
    }),
    { maxLength: 3 },
  ),
})

describe('reply records', () => {
  it('decode ∘ pack says the same', () => {
    fc.assert(
      fc.property(sections, fc.boolean(), (all, more) => {
        const reply = new Reply(packReply(all, more))
        expect(reply.more).toBe(more)
        expect(all.outcomes.map((_, i) => reply.outcome(i))).toEqual(all.outcomes)
        for (const kind of [
          'services',
          'destinations',
          'localAddresses',
          'daemons',
          'timeouts',
          'infos',
        ] as const) {
          expect(reply[kind].count).toBe(all[kind].length)
          all[kind].forEach(({ operation }, i) => {
            expect(reply.operationOf(reply[kind], i)).toBe(operation)
          })
        }
        all.services.forEach((from, i) => {
          const info = decodeService(reply, i)
          expect(info).toMatchObject({
            scheduler: from.scheduler,
            flags: from.flags,
            establishedTimeout: from.establishedTimeout,
            stats: seen(from.stats),
          })
          expect(info.fwmark).toBe(from.fwmark)
          if (from.fwmark === undefined) {
            expect(info).toMatchObject({
              address: formatPacked(from.address as PackedAddress),
              port: from.port,
            })
          }
          const persistent = (from.flags & 1) !== 0
          const netmask = formatIpv4Mask(from.netmask)
          const engine = from.engine === undefined ? {} : { engine: from.engine }
          expect(info.persistence).toEqual(
            persistent ? { timeout: from.persistenceTimeout, netmask, ...engine } : undefined,
          )
        })
        all.destinations.forEach((from, i) => {
          const info = decodeDestination(reply, i)
          const {
            operation: _,
            parent: __,
            named: ___,
            stats: own,
            tunnel,
            forwarding,
            address: at,
            ...rest
          } = from
          expect(info).toMatchObject({ ...rest, address: formatPacked(at), stats: seen(own) })
          expect(info.tunnel !== undefined).toBe(forwarding === 2 && tunnel !== undefined)
          if (info.tunnel?.type === 'gue') expect(info.tunnel.port).toBe(tunnel?.port)
        })
        all.localAddresses.forEach(({ address: at, portConflicts, connections }, i) => {
          expect(decodeLocalAddress(reply, i)).toEqual({
            address: formatPacked(at),
            portConflicts,
            connections,
          })
        })
        all.daemons.forEach(({ operation: _, state, multicastGroup, ...rest }, i) => {
          expect(decodeDaemon(reply, i)).toEqual({
            ...rest,
            state: state === 1 ? 'master' : 'backup',
            multicastGroup: multicastGroup && formatPacked(multicastGroup),
          })
        })
        all.timeouts.forEach(({ operation: _, ...rest }, i) => {
          expect(decodeTimeouts(reply, i)).toEqual(rest)
        })
        all.infos.forEach(({ version, connectionTableSize, serviceCount }, i) => {
          const text = [version >> 16, (version >> 8) & 255, version & 255].join('.')
          expect(decodeInfo(reply, i)).toEqual({ version: text, connectionTableSize, serviceCount })
        })
        all.probes.forEach(({ operation: _, familyVersion: __, maxAttribute: ___, ...rest }, i) => {
          expect(decodeProbe(reply, i)).toEqual(rest)
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
