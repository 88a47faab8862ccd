/** The machine around the fake kernel: which addresses are its own. */

import type { PackedAddress } from '../../model/address'
import { AF_INET, AF_INET6, addressKind, parseAddress } from '../../model/address'

export type RouteKind = 'local' | 'unicast' | 'broadcast' | 'multicast'

interface Network {
  readonly address: PackedAddress
  readonly prefix: number
}

const LOOPBACK = 127

function parseNetwork(text: string): Network {
  const [address, prefix] = text.split('/')
  const parsed = parseAddress(address as string) as PackedAddress
  return {
    address: parsed,
    prefix: prefix === undefined ? (parsed.family === AF_INET ? 32 : 128) : Number(prefix),
  }
}

/** The first `bits` bits of a word. */
function masked(word: number, bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? word >>> 0 : (word & (0xffffffff << (32 - bits))) >>> 0
}

export function applyPrefix(address: PackedAddress, prefix: number): PackedAddress {
  const { family, a, b, c, d } = address
  return {
    family,
    a: masked(a, prefix),
    b: masked(b, prefix - 32),
    c: masked(c, prefix - 64),
    d: masked(d, prefix - 96),
  }
}

export function sameAddress(one: PackedAddress, other: PackedAddress): boolean {
  return (
    one.family === other.family &&
    one.a === other.a &&
    one.b === other.b &&
    one.c === other.c &&
    one.d === other.d
  )
}

function contains({ address, prefix }: Network, other: PackedAddress): boolean {
  return (
    address.family === other.family && sameAddress(applyPrefix(address, prefix), applyPrefix(other, prefix))
  )
}

export class Host {
  private readonly own: readonly Network[]
  private readonly routes: readonly Network[]

  /**
   * `ancient`: all of 0.0.0.0/8 is broadcast, as it was before Linux 5.3 (linux/in.h:ipv4_is_zeronet), and so is the
   * first address of a network, as it was before Linux 5.14 (fib_frontend.c:fib_add_ifaddr).
   */
  constructor(
    addresses: readonly string[],
    routes: readonly string[],
    readonly interfaces: readonly string[],
    private readonly ancient: boolean,
  ) {
    this.own = addresses.map(parseNetwork)
    this.routes = routes.map(parseNetwork)
  }

  private owns(address: PackedAddress): boolean {
    return this.own.some((network) => sameAddress(network.address, address))
  }

  /** fib_frontend.c:__inet_dev_addr_type for IPv4: what has no route counts as unicast. */
  private ipv4Kind(address: PackedAddress): RouteKind {
    const kind = addressKind(address)
    if (kind === 'multicast') return 'multicast'
    if (kind !== 'unicast' || (this.ancient && address.a >>> 24 === 0)) return 'broadcast'
    if (this.owns(address)) return 'local'
    // fib_frontend.c:fib_add_ifaddr, for the loopback network as for others: a route of 32 bits, so it wins.
    const edge = this.own.some(({ address: own, prefix }) => {
      if (own.family !== AF_INET || prefix > 30) return false
      const first = masked(own.a, prefix)
      const last = (first | (0xffffffff >>> prefix)) >>> 0
      return address.a === last || (this.ancient && address.a === first)
    })
    if (!edge && address.a >>> 24 === LOOPBACK) return 'local'
    return edge ? 'broadcast' : 'unicast'
  }

  /**
   * `noRouteIsLocal`: IPv6 without a route ends at the loopback device, which 2.6.32 takes for local
   * (ip_vs_ctl.c:__ip_vs_addr_is_local_v6).
   */
  isLocal(address: PackedAddress, noRouteIsLocal: boolean): boolean {
    if (address.family === AF_INET) return this.ipv4Kind(address) === 'local'
    if (this.owns(address)) return true
    return noRouteIsLocal && !this.routes.some((route) => contains(route, address))
  }

  /** Whether ip_vs_ctl.c:ip_vs_new_dest takes the address: local, or unicast and not of a link. */
  takesDestination(address: PackedAddress, noRouteIsLocal: boolean): boolean {
    if (address.family !== AF_INET6) {
      const kind = this.ipv4Kind(address)
      return kind === 'local' || kind === 'unicast'
    }
    // addrconf_core.c:__ipv6_addr_type: fe80::/10, and neither ::ffff:0:0/96 nor the unspecified address is unicast.
    const linkLocal = (address.a & 0xffc00000) >>> 0 === 0xfe800000
    const mapped = address.a === 0 && address.b === 0 && address.c === 0xffff
    if (addressKind(address) === 'unicast' && !linkLocal && !mapped) return true
    return this.isLocal(address, noRouteIsLocal)
  }
}
