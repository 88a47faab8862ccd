import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dialect, LAYOUT_HASH, Operation, Transport } from '../../lib/border/layout.gen'
import { packRequests, type RequestFields } from '../../lib/border/request'
import {
  checkDaemonInput,
  checkDestinationInput,
  checkLocalAddress,
  checkServiceInput,
  checkServiceKey,
  checkTimeouts,
} from '../../lib/input'
import { serviceFlagsMask } from '../../lib/kernel/rules'
import { type ReadRequest, readJob } from './support/border'

const HEADER = 16
const STRIDE = 196

function pack(fields: RequestFields, timeout = 5000): DataView {
  return new DataView(packRequests([{ fields, transport: Transport.netlink, timeout }], Dialect.fullnatV3))
}

/** The packed request, read back by the decoder of the tests. */
function readBack(fields: RequestFields): ReadRequest {
  const { buffer } = pack(fields)
  return readJob(buffer as ArrayBuffer).requests[0] as ReadRequest
}

/** [offset, bytes] of everything in a request that is not 0, after operation, transport and timeout. */
function nonZero(view: DataView): [number, string][] {
  const bytes = Buffer.from(view.buffer).subarray(HEADER + 8)
  const runs: [number, string][] = []
  for (let i = 0; i < bytes.length; i += 4) {
    const word = bytes.subarray(i, i + 4)
    if (word.some((byte) => byte !== 0)) runs.push([i + 8, word.toString('hex')])
  }
  return runs
}

describe('packRequests', () => {
  it('writes the header', () => {
    const view = new DataView(
      packRequests(
        [
          { fields: { operation: Operation.flush }, transport: Transport.sockopt, timeout: 258 },
          { fields: { operation: Operation.info }, transport: Transport.netlink, timeout: 1 },
        ],
        Dialect.fullnatV2,
      ),
    )
    expect(view.byteLength).toBe(HEADER + 2 * STRIDE)
    expect(Buffer.from(view.buffer, 0, 4).toString('latin1')).toBe('IPVS')
    expect(view.getUint32(4, true)).toBe(LAYOUT_HASH)
    expect([view.getUint32(8, true), view.getUint16(12, true), view.getUint16(14, true)]).toEqual([2, 2, 0])
    expect(Buffer.from(view.buffer, HEADER, 8).toString('hex')).toBe('1500020002010000')
    expect(Buffer.from(view.buffer, HEADER + STRIDE, 8).toString('hex')).toBe('1300010001000000')
  })

  it('puts a service where native/abi/records.h has it', () => {
    const { service, config } = checkServiceInput({
      protocol: 'tcp',
      address: '192.0.2.1',
      port: 0x1234,
      scheduler: 'wrr',
      persistence: { timeout: 258, netmask: '255.255.0.0', engine: 'sip' },
      synproxy: true,
      establishedTimeout: 900,
    })
    const flagsMask = serviceFlagsMask('fullnat-v3')
    const view = pack({ operation: Operation.serviceAdd, service, config, flagsMask })
    expect(nonZero(view)).toEqual([
      [8, '0d000000'], // presence: service, establishedTimeout, engine
      [12, '05800000'],
      [16, 'c0000201'],
      [32, '02000600'],
      [36, '34120000'],
      [44, '01800000'],
      [48, '02010000'],
      [52, '0000ffff'],
      [56, '84030000'],
      [60, '77727200'],
      [76, '73697000'],
    ])
  })

  it('puts a fwmark and an IPv6 service where they belong', () => {
    const six = checkServiceKey({ protocol: 'sctp', address: '2001:db8::ff', port: 1 })
    expect(nonZero(pack({ operation: Operation.serviceGet, service: six }))).toEqual([
      [8, '01000000'],
      [16, '20010db8'],
      [28, '000000ff'],
      [32, '0a008400'],
      [36, '01000000'],
    ])
    const mark = checkServiceKey({ fwmark: 0x01020304, family: 'ipv6' })
    expect(nonZero(pack({ operation: Operation.serviceGet, service: mark }))).toEqual([
      [8, '03000000'],
      [32, '0a000000'],
      [40, '04030201'],
    ])
  })

  it('puts a destination where it belongs, its family only where it differs', () => {
    const service = checkServiceKey({ protocol: 'tcp', address: '192.0.2.1', port: 80 })
    const input = {
      address: '2001:db8::5',
      port: 0x1f90,
      forwarding: 'tunnel',
      weight: 0x01020304,
      upperThreshold: 9,
      lowerThreshold: 8,
      tunnel: { type: 'gue', port: 6080, checksum: 'remote' },
    }
    const { destination, config } = checkDestinationInput(input, service)
    const fields = { operation: Operation.destinationAdd, service, target: destination, destination: config }
    expect(nonZero(pack(fields))).toEqual([
      [8, '31000000'], // service, tunnel, targetFamily
      [16, 'c0000201'],
      [32, '02000600'],
      [36, '50000000'],
      [92, '20010db8'],
      [104, '00000005'],
      [108, '0a00901f'],
      [112, '02000000'],
      [116, '04030201'],
      [120, '09000000'],
      [124, '08000000'],
      [128, '0100c017'],
      [132, '02000000'],
    ])
    const same = checkDestinationInput({ address: '10.0.0.5', port: 1, forwarding: 'local' }, service)
    expect(readBack({ ...fields, target: same.destination, destination: same.config }).presence).toEqual([
      'service',
    ])
  })

  it('puts local addresses, daemons and timeouts where they belong', () => {
    const service = checkServiceKey({ fwmark: 1 })
    const target = checkLocalAddress('10.1.0.1', service)
    expect(nonZero(pack({ operation: Operation.localAddressAdd, service, target }))).toEqual([
      [8, '03000000'],
      [32, '02000000'],
      [40, '01000000'],
      [92, '0a010001'],
      [108, '02000000'],
    ])
    const daemon = checkDaemonInput({
      state: 'backup',
      interface: 'é0',
      syncId: 255,
      syncMaxLength: 1400,
      multicastGroup: '239.0.0.1',
      multicastPort: 8848,
      multicastTtl: 2,
    })
    expect(nonZero(pack({ operation: Operation.daemonStart, daemon }))).toEqual([
      [8, '001e0000'],
      [136, '02000000'],
      [140, 'ff000000'],
      [144, 'c3a93000'],
      [160, 'ef000001'],
      [176, '02009022'],
      [180, '02007805'],
    ])
    expect(nonZero(pack({ operation: Operation.daemonStop, daemonState: 1 }))).toEqual([[136, '01000000']])
    const timeouts = checkTimeouts({ tcp: 900, udp: 0x010203 })
    expect(nonZero(pack({ operation: Operation.timeoutsSet, timeouts }))).toEqual([
      [8, '40010000'],
      [184, '84030000'],
      [192, '03020100'],
    ])
  })

  it('asks for local addresses in a snapshot, and for another transport, only when told', () => {
    expect(readBack({ operation: Operation.snapshot, localAddresses: true }).presence).toEqual([
      'localAddresses',
    ])
    expect(readBack({ operation: Operation.snapshot, localAddresses: false }).presence).toEqual([])
    expect(readBack({ operation: Operation.serviceRemove, transport: Transport.sockopt }).transport).toBe(
      'sockopt',
    )
  })

  it('leaves nothing of one request in the next', () => {
    const { service, config } = checkServiceInput({ fwmark: 7, scheduler: 'x'.repeat(15) })
    const full = { fields: { operation: Operation.serviceAdd, service, config }, transport: 1, timeout: 1 }
    const empty = { fields: { operation: Operation.flush }, transport: 1, timeout: 1 }
    const alone = packRequests([empty], 1).slice(HEADER)
    const behind = packRequests([full, empty], 1).slice(HEADER + STRIDE)
    expect(Buffer.from(behind).equals(Buffer.from(alone))).toBe(true)
  })
})

describe('property: packed fields read back are what went in', () => {
  const port = fc.nat(65535)
  const u31 = fc.nat(2147483647)
  const seconds = fc.integer({ min: 1, max: 2147483 })
  const name = fc.stringMatching(/^[a-z0-9_-]{1,15}$/)
  const v4 = fc.ipV4()

  it('of services', () => {
    const input = fc.record({
      protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
      address: v4.filter((text) => !text.startsWith('0.')),
      port,
      scheduler: name,
      persistence: fc.option(fc.record({ timeout: seconds, engine: name }), { nil: undefined }),
      schedulerFlags: fc.subarray(['flag-1', 'flag-2', 'flag-3']),
    })
    fc.assert(
      fc.property(input, (value) => {
        const { service, config } = checkServiceInput(value)
        const read = readBack({ operation: Operation.serviceSet, service, config, flagsMask: 0x3d })
        expect(read).toMatchObject({
          operation: 'serviceSet',
          serviceAddress: value.address,
          service: { port: value.port, protocol: { tcp: 6, udp: 17, sctp: 132 }[value.protocol as 'tcp'] },
          config: {
            scheduler: value.scheduler,
            persistenceTimeout: value.persistence?.timeout ?? 0,
            engine: value.persistence?.engine,
            netmask: 0xffffffff,
          },
          flagsMask: 0x3d,
        })
        const bits = { 'flag-1': 8, 'flag-2': 16, 'flag-3': 32 }
        const scheduling = value.schedulerFlags.reduce((sum, flag) => sum + bits[flag as 'flag-1'], 0)
        expect(read.config.flags).toBe(scheduling + (value.persistence ? 1 : 0))
        expect(read.presence).toEqual(value.persistence ? ['service', 'engine'] : ['service'])
      }),
    )
  })

  it('of destinations of either family', () => {
    const input = fc.record({
      address: fc.oneof(v4, fc.ipV6()),
      port,
      forwarding: fc.constant('tunnel'),
      weight: u31,
      upperThreshold: u31,
    })
    const service = checkServiceKey({ fwmark: 0xffffffff, family: 'ipv4' })
    fc.assert(
      fc.property(input, (value) => {
        const { destination, config } = checkDestinationInput(value, service)
        const fields = {
          operation: Operation.destinationSet,
          service,
          target: destination,
          destination: config,
        }
        const read = readBack(fields)
        expect(read).toMatchObject({
          service: { fwmark: 0xffffffff },
          targetAddress: destination.key.address,
          target: { port: value.port },
          destination: {
            weight: value.weight,
            upperThreshold: value.upperThreshold,
            lowerThreshold: 0,
            forwarding: 2,
          },
        })
        expect(read.presence.includes('targetFamily')).toBe(value.address.includes(':'))
      }),
    )
  })

  it('of timeouts', () => {
    const input = fc.record({ tcp: seconds, tcpFin: seconds, udp: seconds }, { requiredKeys: [] })
    fc.assert(
      fc.property(input, (timeouts) => {
        const read = readBack({ operation: Operation.timeoutsSet, timeouts: checkTimeouts(timeouts) })
        expect(read.timeouts).toEqual({ tcp: undefined, tcpFin: undefined, udp: undefined, ...timeouts })
        const present = (['tcp', 'tcpFin', 'udp'] as const).filter((key) => timeouts[key] !== undefined)
        expect(read.presence).toEqual(present)
      }),
    )
  })
})
