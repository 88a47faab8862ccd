// Raw states of one service with one destination, put into the fake kernel behind its back: what no interface of it lets in, too.

import fc from 'fast-check'
import { Ipvs } from '../../../lib'
import { parseAddress } from '../../../lib/model/address'
import { PROTOCOLS } from '../../../lib/model/numbers'
import type { FakeDialect, KernelDump } from '../../../lib/testing'
import { FakeKernel } from '../../../lib/testing'
import { addressServiceId, fwmarkServiceId } from '../../../lib/testing/objects/table-objects'
import { WEB } from '../fake-support'

export type ServiceDump = KernelDump['services'][number]
export type DestinationDump = ServiceDump['destinations'][number]

const u16 = fc.oneof(fc.constantFrom(0, 1, 2, 3, 65535), fc.integer({ min: 0, max: 65535 }))
const u32 = fc.oneof(
  fc.constantFrom(0, 1, 60, 2147483, 2147484, 2147483647, 2147483648, 4294967295),
  fc.integer({ min: 0, max: 4294967295 }),
)
const IPV4 = ['192.0.2.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '127.0.0.1'] as const
const IPV6 = ['2001:db8::1', '::', 'ff02::1', '::ffff:192.0.2.1', 'fe80::1', '::1'] as const

export interface Raw {
  readonly ipv6: boolean
  readonly fwmark: number
  readonly protocol: number
  readonly address: number
  readonly port: number
  readonly flags: number
  readonly persistenceTimeout: number
  readonly netmask: number
  readonly establishedTimeout: number
  readonly scheduler: string
  readonly engine: boolean
  readonly destination: {
    readonly across: boolean
    readonly address: number
    readonly port: number
    readonly forwarding: number
    readonly weight: number
    readonly upperThreshold: number
    readonly lowerThreshold: number
    readonly tunnel: { readonly type: number; readonly port: number; readonly flags: number }
  }
  readonly localAddress: number
}

export const raws: fc.Arbitrary<Raw> = fc.record({
  ipv6: fc.boolean(),
  fwmark: fc.oneof(fc.constant(0), u32),
  protocol: fc.oneof(fc.constantFrom(6, 17, 132), u16),
  address: fc.nat({ max: 5 }),
  port: u16,
  flags: fc.oneof(fc.constantFrom(0, 1, 4, 0x8000, 0x38, 0xffffffff), u32),
  persistenceTimeout: u32,
  netmask: u32,
  establishedTimeout: u32,
  scheduler: fc.constantFrom('rr', 'wrr', 'wlc', 'sh', 'lblcr'),
  engine: fc.boolean(),
  destination: fc.record({
    across: fc.boolean(),
    address: fc.nat({ max: 5 }),
    port: u16,
    forwarding: fc.integer({ min: 0, max: 7 }),
    weight: fc.oneof(fc.constantFrom(0, 1, 2147483647, -1), fc.integer()),
    upperThreshold: u32,
    lowerThreshold: u32,
    tunnel: fc.record({ type: u16, port: u16, flags: u16 }),
  }),
  localAddress: fc.nat({ max: 5 }),
})

const pick = <T>(items: readonly T[], index: number): T => items[index % items.length] as T
const addressOf = (ipv6: boolean, index: number): string => pick<string>(ipv6 ? IPV6 : IPV4, index)

/** A kernel that holds one service with one destination, set to these numbers behind its back. */
export async function kernelWith(
  dialect: FakeDialect,
  raw: Raw,
): Promise<{ kernel: FakeKernel; open: () => Promise<Ipvs> }> {
  const kernel = new FakeKernel({ dialect, cpus: 4 })
  const open = () => Ipvs.open({ transport: kernel.transport() })
  const ipvs = await open()
  await ipvs.services.add(WEB)
  await ipvs.destinations.add(WEB, { address: '10.0.0.1', port: 1, forwarding: 'masquerade' })
  const mainline = dialect === 'mainline'
  if (!mainline) await ipvs.localAddresses.add(WEB, '10.1.0.1')
  const dump = kernel.dump()
  const [service] = dump.services as [ServiceDump]
  const [destination] = service.destinations as [DestinationDump]
  const { across, tunnel, ...config } = raw.destination
  const family = raw.ipv6 ? 10 : 2
  const address = raw.fwmark === 0 ? addressOf(raw.ipv6, raw.address) : raw.ipv6 ? '::' : '0.0.0.0'
  const protocol = raw.fwmark === 0 ? raw.protocol : PROTOCOLS.tcp
  const port = raw.fwmark === 0 ? raw.port : 0
  const packed = parseAddress(address)
  if (!packed) throw new Error(address)
  const key =
    raw.fwmark === 0 ? addressServiceId(protocol, packed, port) : fwmarkServiceId(family, raw.fwmark)
  const locals = service.localAddresses.map(
    (slot) =>
      slot && {
        ...slot,
        list: slot.list.map((local) => ({ ...local, address: addressOf(raw.ipv6, raw.localAddress) })),
      },
  )
  kernel.load({
    ...dump,
    services: [
      {
        ...service,
        ...{ key, family, fwmark: raw.fwmark, protocol, address, port },
        flags: (raw.flags | 2) >>> 0,
        // Kept as ticks in 32 bits (ip_vs_ctl.c:ip_vs_add_service).
        persistenceTimeout: raw.persistenceTimeout % (mainline ? 17179870 : 4294968),
        netmask: raw.netmask,
        scheduler: raw.scheduler,
        ...(dialect === 'fullnat-v3' ? { establishedTimeout: raw.establishedTimeout % 4294968 } : {}),
        ...(mainline && raw.engine ? { engine: 'sip' } : {}),
        localAddresses: locals,
        destinations: [
          {
            ...destination,
            ...config,
            owner: key,
            address: addressOf(mainline && across ? !raw.ipv6 : raw.ipv6, config.address),
            ...(mainline ? { tunnel } : {}),
          },
        ],
      },
    ],
  })
  return { kernel, open }
}
