import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalAddress } from '../../lib/model/address'
import {
  destinationKeyId,
  formatDestinationKey,
  formatServiceKey,
  parseDestinationKey,
  parseServiceKey,
  serviceKeyId,
} from '../../lib/model/keys'
import type { DestinationKey, ServiceKey } from '../../lib/model/types'

const sameService = (one: ServiceKey, other: ServiceKey) => serviceKeyId(one) === serviceKeyId(other)
const sameDestination = (one: DestinationKey, other: DestinationKey) =>
  destinationKeyId(one) === destinationKeyId(other)

const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => canonicalAddress(text) as string)
const port = fc.nat(65535)
const service: fc.Arbitrary<ServiceKey> = fc.oneof(
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const), address, port }),
  // Those that list gives as numbers.
  fc.record({
    protocol: fc.nat(65535).filter((number) => ![6, 17, 132].includes(number)),
    address,
    port,
  }),
  fc.record({
    fwmark: fc.integer({ min: 1, max: 4294967295 }),
    family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
  }),
)

describe('service keys', () => {
  it.each([
    ['tcp 192.0.2.1:80', { protocol: 'tcp', address: '192.0.2.1', port: 80 }],
    ['udp [2001:db8::1]:53', { protocol: 'udp', address: '2001:db8::1', port: 53 }],
    ['sctp 10.0.0.1:0', { protocol: 'sctp', address: '10.0.0.1', port: 0 }],
    ['50 192.0.2.1:0', { protocol: 50, address: '192.0.2.1', port: 0 }],
    ['0 [::1]:65535', { protocol: 0, address: '::1', port: 65535 }],
    ['fwmark 7', { fwmark: 7, family: 'ipv4' }],
    ['fwmark 4294967295 ipv6', { fwmark: 4294967295, family: 'ipv6' }],
  ] as const)('reads and writes %s', (text, key) => {
    expect(parseServiceKey(text)).toEqual(key)
    expect(formatServiceKey(key)).toBe(text)
  })

  it.each([
    '',
    'tcp',
    'tcp://192.0.2.1:80',
    'TCP 192.0.2.1:80',
    'icmp 192.0.2.1:80',
    'tcp 192.0.2.1',
    'tcp 192.0.2.1:65536',
    'tcp 192.0.2.1:080',
    'tcp 192.0.2.1:-1',
    'tcp 192.0.2.1:80 ',
    'tcp  192.0.2.1:80',
    'tcp 300.0.2.1:80',
    'tcp 2001:db8::1:80',
    'tcp [192.0.2.1]:80',
    'tcp [::1]80',
    '65536 192.0.2.1:80',
    '06 192.0.2.1:80',
    '-1 192.0.2.1:80',
    'fwmark',
    'fwmark 0',
    'fwmark 07',
    'fwmark 4294967296',
    'fwmark 7 ipv5',
    'tcp 192.0.2.1:80\n',
  ])('refuses %j', (text) => {
    expect(parseServiceKey(text)).toBeUndefined()
  })

  it('property: parse∘format is the identity', () => {
    fc.assert(
      fc.property(service, (key) => {
        expect(parseServiceKey(formatServiceKey(key))).toEqual(key)
      }),
    )
  })

  it('identifies a service however it is written', () => {
    expect(sameService({ fwmark: 7 }, { fwmark: 7, family: 'ipv4' })).toBe(true)
    expect(sameService({ fwmark: 7 }, { fwmark: 7, family: 'ipv6' })).toBe(false)
    const one = { protocol: 'tcp', address: '2001:DB8:0::1', port: 80 } as const
    expect(serviceKeyId(one)).toBe('tcp [2001:db8::1]:80')
    expect(sameService(one, { ...one, address: '2001:db8::1' })).toBe(true)
    expect(sameService(one, { ...one, protocol: 'udp' })).toBe(false)
    // A number that has a name is that name.
    expect(sameService(one, { ...one, protocol: 6 })).toBe(true)
    expect(parseServiceKey('17 192.0.2.1:53')).toMatchObject({ protocol: 'udp' })
  })

  it('property: different services have different identities', () => {
    fc.assert(
      fc.property(service, service, (one, other) => {
        expect(sameService(one, other)).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
    )
  })

  it('writes an unnamed protocol as a number and never throws', () => {
    expect(formatServiceKey({ protocol: 50, address: '192.0.2.1', port: 0 })).toBe('50 192.0.2.1:0')
    expect(formatServiceKey({ protocol: 'tcp', address: 'nonsense', port: 1 })).toBe('tcp nonsense:1')
  })
})

describe('destination keys', () => {
  it('property: parse∘format is the identity', () => {
    fc.assert(
      fc.property(fc.record({ address, port }), (key) => {
        expect(parseDestinationKey(formatDestinationKey(key))).toEqual(key)
      }),
    )
  })

  it('identifies a destination however it is written', () => {
    expect(destinationKeyId({ address: '0:0::1', port: 80 })).toBe('[::1]:80')
    expect(sameDestination({ address: '::1', port: 80 }, { address: '0:0:0:0:0:0:0:1', port: 80 })).toBe(true)
    expect(sameDestination({ address: '::1', port: 80 }, { address: '::1', port: 81 })).toBe(false)
    expect(parseDestinationKey('::1:80')).toBeUndefined()
  })
})
