/** What a fake kernel can be told about itself and the machine around it. */

import { invalidValue, outOfRange } from '../../errors/argument-errors'
import { checkProperties, PropertyNames } from '../../input/properties'
import { checkBoolean, checkInteger, checkName, INT_MAX } from '../../input/values'
import { AF_INET6, parseAddress } from '../../model/address'
import type { Dialect } from '../../model/call-types'
import type { MachineSocket } from '../../model/machine'

/** Dialects that there is a fake kernel of. */
export type FakeDialect = Exclude<Dialect, 'unknown'>

/** Its interfaces and addresses are `interfaces` and `addresses` of the kernel. */
export interface FakeMachine {
  /** It forwards packets for others, IPv4 and IPv6. Default true. */
  readonly forwarding?: boolean | undefined
  /** `rp_filter` of every interface. Default 0. */
  readonly reversePathFilter?: number | undefined
  /** Its devices compute checksums of IPv6. Default true. */
  readonly ipv6Checksums?: boolean | undefined
  /** TCP sockets of its programs, such as that of sshd. Default none. */
  readonly sockets?: readonly MachineSocket[] | undefined
}

/** Options of a `FakeKernel`, each with its default. */
export interface FakeKernelOptions {
  /** Which kernel. Default `'fullnat-v2'`. */
  readonly dialect?: FakeDialect | undefined
  /** Online CPUs; only fullnat-v3 keeps anything per CPU. Default 1. */
  readonly cpus?: number | undefined
  /** The sysctl `reserve_core` (fullnat-v3): the first CPUs, which get no local addresses. Default 0. */
  readonly reserveCore?: number | undefined
  /**
   * Addresses of the machine, `'10.0.0.1/24'` or without a prefix. With a prefix, the last address of the network
   * is a broadcast address, on FULLNAT kernels the first, too. Default `['127.0.0.1/8', '::1']`, which are always there;
   * `ipvs.machine()` shows virtual and local addresses of all services beside these, unless `addresses` is given.
   */
  readonly addresses?: readonly string[] | undefined
  /**
   * IPv6 networks that there is a route to: FULLNAT kernels take an address without a route for a local one
   * (ip_vs_ctl.c:__ip_vs_addr_is_local_v6). Default `['::/0']`.
   */
  readonly routes?: readonly string[] | undefined
  /** Network interfaces, for sync daemons. Default `['lo', 'eth0']`. */
  readonly interfaces?: readonly string[] | undefined
  /** The sysctls fullnat_lport_min, _max and _tries. Default 5000, 65535 and 10000. */
  readonly localPorts?:
    | {
        readonly min?: number | undefined
        readonly max?: number | undefined
        readonly tries?: number | undefined
      }
    | undefined
  /** Entries that a dump hands over at once, before another writer can come in between. Default: as the kernel. */
  readonly chunkSize?: number | undefined
  /** Buckets of the connection table, as `info()` says. Default: as the kernel that the library is tested on. */
  readonly connectionTableSize?: number | undefined
  /**
   * A mainline kernel whose tables grow with what is in them: it has /proc/net/ip_vs_status, as that of Linux 7.2. Default
   * false.
   */
  readonly resizableTables?: boolean | undefined
  /** What it shows of itself outside of IPVS, for `ipvs.machine()` and `ipvs-fullnat/diagnose`. */
  readonly machine?: FakeMachine | undefined
  /** For the scheduler `twos`, the only one that draws lots. Default 1. */
  readonly seed?: number | undefined
}

export interface CheckedOptions {
  readonly dialect: FakeDialect
  readonly cpus: number
  readonly reserveCore: number
  readonly addresses: readonly string[]
  readonly routes: readonly string[]
  readonly interfaces: readonly string[]
  readonly localPorts: { readonly min: number; readonly max: number; readonly tries: number }
  readonly chunkSize: number | undefined
  readonly connectionTableSize: number | undefined
  readonly resizableTables: boolean
  readonly machine: {
    readonly forwarding: boolean
    readonly reversePathFilter: number
    readonly ipv6Checksums: boolean
    readonly sockets: readonly MachineSocket[]
    /** Whatever the table holds is an address of the machine. */
    readonly hasAddressesOfTable: boolean
  }
  readonly seed: number
}

const DIALECTS = { mainline: 'mainline', 'fullnat-v2': 'fullnat-v2', 'fullnat-v3': 'fullnat-v3' } as const
const OPTIONS = new PropertyNames([
  'dialect',
  'cpus',
  'reserveCore',
  'addresses',
  'routes',
  'interfaces',
  'localPorts',
  'chunkSize',
  'connectionTableSize',
  'resizableTables',
  'machine',
  'seed',
])
const MACHINE = new PropertyNames(['forwarding', 'reversePathFilter', 'ipv6Checksums', 'sockets'])
const SOCKET = new PropertyNames(['state', 'local', 'remote'])
const ENDPOINT = new PropertyNames(['address', 'port'])
const SOCKET_STATES = { listen: 'listen', established: 'established' } as const
const LOCAL_PORTS = new PropertyNames(['min', 'max', 'tries'])
/** NR_CPUS of the shipped configuration. */
const CPUS_MAX = 4096

function checkNetworks(value: unknown, field: string): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidValue(field, 'must be an array of addresses', value)
  value.forEach((text: unknown, i) => {
    const [address, prefix, ...rest] = String(text).split('/')
    const parsed = parseAddress(address as string)
    const bits = parsed?.family === AF_INET6 ? 128 : 32
    const length = prefix === undefined ? bits : Number(prefix)
    if (!parsed || rest.length > 0 || !Number.isInteger(length) || length < 0 || length > bits) {
      throw invalidValue(`${field}[${i}]`, 'must be an address, or one with a prefix length', text)
    }
  })
  return value as string[]
}

function checkSockets(value: unknown, field: string): readonly MachineSocket[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidValue(field, 'must be an array of sockets', value)
  value.forEach((item: unknown, i) => {
    const { state, local, remote } = checkProperties(item, `${field}[${i}]`, SOCKET)
    checkName(state, `${field}[${i}].state`, SOCKET_STATES)
    for (const [name, endpoint] of [
      ['local', local],
      ['remote', remote],
    ] as const) {
      if (name === 'remote' && endpoint === undefined) continue
      const { address, port } = checkProperties(endpoint, `${field}[${i}].${name}`, ENDPOINT)
      if (!parseAddress(String(address))) {
        throw invalidValue(`${field}[${i}].${name}.address`, 'must be an address', address)
      }
      checkInteger(port, `${field}[${i}].${name}.port`, 0, 65535)
    }
  })
  return value as MachineSocket[]
}

function checkMachine(value: unknown, hasAddressesOfTable: boolean): CheckedOptions['machine'] {
  const field = 'options.machine'
  const { forwarding, reversePathFilter, ipv6Checksums, sockets } = checkProperties(
    value ?? {},
    field,
    MACHINE,
  )
  return {
    forwarding: checkBoolean(forwarding ?? true, `${field}.forwarding`),
    reversePathFilter: checkInteger(reversePathFilter ?? 0, `${field}.reversePathFilter`, 0, 2),
    ipv6Checksums: checkBoolean(ipv6Checksums ?? true, `${field}.ipv6Checksums`),
    sockets: checkSockets(sockets, `${field}.sockets`),
    hasAddressesOfTable,
  }
}

export function checkKernelOptions(value: unknown): CheckedOptions {
  const properties = value === undefined ? {} : checkProperties(value, 'options', OPTIONS)
  const integer = (name: string, fallback: number, min: number, max: number) =>
    properties[name] === undefined ? fallback : checkInteger(properties[name], `options.${name}`, min, max)
  const optional = (name: string) => {
    if (properties[name] === undefined) return undefined
    return checkInteger(properties[name], `options.${name}`, 1, INT_MAX)
  }
  const ports = checkProperties(properties.localPorts ?? {}, 'options.localPorts', LOCAL_PORTS)
  // ip_vs_ctl.c: ip_vs_port_min and the others, the ranges of the three sysctls.
  const port = (name: string, fallback: number, min: number, max: number) =>
    ports[name] === undefined ? fallback : checkInteger(ports[name], `options.localPorts.${name}`, min, max)
  const localPorts = {
    min: port('min', 5000, 1025, 65535),
    max: port('max', 65535, 1025, 65535),
    tries: port('tries', 10000, 1, 60000),
  }
  // ip_vs_conn.c:ip_vs_hbind_laddr divides by the size of the range.
  if (localPorts.max < localPorts.min) {
    throw outOfRange('options.localPorts.max', `>= min (${localPorts.min})`, localPorts.max)
  }
  const interfaces = properties.interfaces ?? ['lo', 'eth0']
  if (!Array.isArray(interfaces) || interfaces.some((name) => typeof name !== 'string')) {
    throw invalidValue('options.interfaces', 'must be an array of names', interfaces)
  }
  return {
    dialect:
      properties.dialect === undefined
        ? 'fullnat-v2'
        : checkName(properties.dialect, 'options.dialect', DIALECTS),
    cpus: integer('cpus', 1, 1, CPUS_MAX),
    reserveCore: integer('reserveCore', 0, 0, CPUS_MAX),
    addresses: ['127.0.0.1/8', '::1', ...checkNetworks(properties.addresses, 'options.addresses')],
    routes: properties.routes === undefined ? ['::/0'] : checkNetworks(properties.routes, 'options.routes'),
    interfaces: Array.from(interfaces as readonly string[]),
    localPorts,
    chunkSize: optional('chunkSize'),
    connectionTableSize: optional('connectionTableSize'),
    resizableTables: checkBoolean(properties.resizableTables ?? false, 'options.resizableTables'),
    machine: checkMachine(properties.machine, properties.addresses === undefined),
    seed: integer('seed', 1, 0, INT_MAX),
  }
}
