/** A table with everything that the rules of a kernel's own ipvsadm can say. */

import type { Capabilities, Ipvs, ServiceInfo, SnapshotService } from '../../../lib'
import type { DesiredDestination, DesiredService, RulesDialect } from '../../../lib/formats'

export function dialectOf({ dialect }: Capabilities): RulesDialect {
  const names: Readonly<Record<string, RulesDialect>> = {
    mainline: 'mainline',
    'fullnat-v2': 'alibaba-v2',
    'fullnat-v3': 'alibaba-v3',
  }
  return names[dialect] as RulesDialect
}

const only = <T>(condition: boolean, ...list: T[]): T[] => (condition ? list : [])

function destinations(can: Capabilities, port: number, ipv6: boolean): DesiredDestination[] {
  const address = (last: number) => (ipv6 ? `fd00:77::${last}` : `198.51.100.${last}`)
  return [
    { address: address(2), port: 8080, forwarding: 'masquerade', weight: 65535 },
    {
      address: address(3),
      port: 0,
      forwarding: 'masquerade',
      weight: 0,
      upperThreshold: 100,
      lowerThreshold: 40,
    },
    { address: address(4), port, forwarding: 'direct-route', weight: 7, upperThreshold: 9 },
    { address: address(5), port, forwarding: 'tunnel', weight: 3 },
    ...only<DesiredDestination>(can.fullnat, {
      address: address(6),
      port: 81,
      forwarding: 'fullnat',
      weight: 2,
    }),
    ...only<DesiredDestination>(
      can.tunnelTypes,
      { address: address(7), port, forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080 } },
      {
        address: address(8),
        port,
        forwarding: 'tunnel',
        tunnel: { type: 'gue', port: 6081, checksum: 'remote' },
      },
      { address: address(9), port, forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'full' } },
    ),
    ...only<DesiredDestination>(can.destinationFamily, {
      address: ipv6 ? '198.51.100.10' : 'fd00:77::a',
      port,
      forwarding: 'tunnel',
    }),
  ]
}

export function everything(can: Capabilities): DesiredService[] {
  const local = (...addresses: string[]) => (can.localAddresses ? { localAddresses: addresses } : {})
  const synproxy = can.synproxy ? { synproxy: true } : {}
  const established = can.establishedTimeout ? { establishedTimeout: 77 } : {}
  return [
    {
      protocol: 'tcp',
      address: '192.0.2.1',
      port: 80,
      scheduler: 'wrr',
      persistence: { timeout: 300, netmask: '255.255.255.0' },
      ...synproxy,
      ...established,
      destinations: destinations(can, 80, false),
      ...local('10.77.0.9', '10.77.0.10'),
    },
    { protocol: 'tcp', address: '192.0.2.2', port: 0, scheduler: 'lc', persistence: { timeout: 360 } },
    { protocol: 'udp', address: '192.0.2.1', port: 53, scheduler: 'rr', onePacket: true, destinations: [] },
    {
      protocol: 'tcp',
      address: '2001:db8::1',
      port: 443,
      scheduler: 'wlc',
      persistence: { timeout: 60, netmask: 64 },
      destinations: destinations(can, 443, true).filter(
        ({ forwarding }) => can.dialect === 'mainline' || forwarding !== 'fullnat',
      ),
      ...local('fd00:77::9'),
    },
    {
      fwmark: 7,
      scheduler: 'sed',
      ...established,
      destinations: [{ address: '198.51.100.2', port: 8080, forwarding: 'direct-route', weight: 1 }],
      ...local('10.77.0.11'),
    },
    { fwmark: 4294967291, scheduler: 'wlc', persistence: { timeout: 1 } },
    { fwmark: 8, family: 'ipv6', scheduler: 'nq', persistence: { timeout: 9, netmask: 1 } },
    ...only<DesiredService>(
      can.sctp,
      {
        protocol: 'sctp',
        address: '192.0.2.1',
        port: 80,
        scheduler: 'sh',
        schedulerFlags: ['flag-1', 'flag-2'],
      },
      {
        protocol: 'tcp',
        address: '192.0.2.3',
        port: 80,
        scheduler: 'mh',
        schedulerFlags: ['flag-1', 'flag-2'],
      },
      {
        protocol: 'tcp',
        address: '192.0.2.4',
        port: 80,
        scheduler: 'rr',
        schedulerFlags: ['flag-2', 'flag-3'],
      },
      {
        protocol: 'udp',
        address: '192.0.2.5',
        port: 5060,
        scheduler: 'rr',
        persistence: { timeout: 60, engine: 'sip' },
      },
    ),
  ]
}

/** Adds them to an empty table. */
export async function fill(ipvs: Ipvs, services: readonly DesiredService[]): Promise<void> {
  for (const { destinations: real = [], localAddresses = [], name: _, ...service } of services) {
    await ipvs.services.add(service)
    for (const address of localAddresses as readonly string[]) await ipvs.localAddresses.add(service, address)
    for (const { state: _state, reason: _reason, ...one } of real) await ipvs.destinations.add(service, one)
  }
}

/** What is left out of a comparison. */
export interface Silence {
  readonly thresholds?: boolean
  readonly synproxy?: boolean
  readonly localAddresses?: (service: ServiceInfo) => boolean
}

const plainMask = (mask: unknown) => (mask === '255.255.255.255' || mask === 128 ? undefined : mask)

/** The same of a snapshot and of a state: defaults filled in, numbers that change and the order left out. */
export function viewOf(
  services: readonly (SnapshotService | DesiredService)[],
  silent: Silence = {},
): object {
  const entries = services.map((given) => {
    const one = { ...given, ...('service' in given ? given.service : {}) } as Record<string, never> &
      ServiceInfo
    const { persistence, schedulerFlags = [], onePacket = false, synproxy = false, establishedTimeout } = one
    const key =
      one.fwmark === undefined
        ? `${one.protocol} ${one.address} ${one.port}`
        : `${one.fwmark} ${one.family ?? 'ipv4'}`
    const real = ((one as { destinations?: DesiredDestination[] }).destinations ?? []).map((item) => {
      const { tunnel, upperThreshold = 0, lowerThreshold = 0, forwarding, weight = 1 } = item
      return [
        `${item.address} ${item.port}`,
        {
          forwarding,
          weight,
          tunnel: tunnel && tunnel.type !== 'ipip' ? { checksum: 'none', ...tunnel } : undefined,
          ...(silent.thresholds ? {} : { upperThreshold, lowerThreshold }),
        },
      ]
    })
    const local = (one as { localAddresses?: (string | { address: string })[] }).localAddresses ?? []
    return [
      key,
      {
        scheduler: one.scheduler,
        persistence: persistence ? { ...persistence, netmask: plainMask(persistence.netmask) } : undefined,
        schedulerFlags,
        onePacket,
        ...(silent.synproxy ? {} : { synproxy }),
        establishedTimeout,
        destinations: Object.fromEntries(real),
        ...(silent.localAddresses?.(one)
          ? {}
          : { localAddresses: local.map((item) => (typeof item === 'string' ? item : item.address)).sort() }),
      },
    ]
  })
  return Object.fromEntries(entries)
}
