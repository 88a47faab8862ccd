// Compiled, never run: every `@ts-expect-error` is a use that must not compile, everything else one that must.
import {
  type AddressServiceInfo,
  type AddressServiceKey,
  type ArgumentError,
  type BatchOutcome,
  type CallOptions,
  type Capabilities,
  type DaemonInput,
  type DestinationChange,
  type DestinationConfig,
  type DestinationInfo,
  type DestinationInput,
  type EnsureResult,
  type Forwarding,
  type FwmarkServiceKey,
  formatServiceKey,
  fromJson,
  Ipvs,
  IpvsError,
  type IpvsErrorCode,
  IpvsErrorCodes,
  type LocalAddressChanges,
  type LocalAddressInfo,
  type OpenOptions,
  type Persistence,
  type Protocol,
  type parseServiceKey,
  type ServiceConfig,
  type ServiceInfo,
  type ServiceInput,
  type ServiceKey,
  type SnapshotOptions,
  type Stats,
  type SysctlInfo,
  type TimeoutMethods,
  type Timeouts,
  type Transport,
  type Tunnel,
  toJson,
} from 'ipvs-fullnat'
import type { ConnectOptions, FakeKernelOptions, FaultOptions, TrafficCounts } from 'ipvs-fullnat/testing'

/** Fails to compile unless both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Same<A, B>): void {}

declare const ipvs: Ipvs
declare const info: ServiceInfo
declare const destination: DestinationInfo
declare const transport: Transport

// ---- identity is a union
const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const keys: ServiceKey[] = [
  web,
  { fwmark: 7 },
  { fwmark: 7, family: 'ipv6' },
  { fwmark: 7, family: undefined },
]
// @ts-expect-error: no port
const noPort: ServiceKey = { protocol: 'tcp', address: '192.0.2.1' }
// @ts-expect-error: not a string
const text: ServiceKey = 'tcp 192.0.2.1:80'
// A protocol without a name, as list gives it.
const number: ServiceKey = { protocol: 50, address: '192.0.2.1', port: 0 }
// @ts-expect-error: one kind or the other
const both: ServiceKey = { ...web, fwmark: 7 }
// @ts-expect-error: not that family
const inet: ServiceKey = { fwmark: 7, family: 'inet6' }
same<ReturnType<typeof parseServiceKey>, ServiceKey | undefined>(true)
const formatted: string = formatServiceKey(web)

// ---- the same narrowing for what is passed in and for what was read
function narrow(key: ServiceKey, read: ServiceInfo): void {
  if (key.fwmark === undefined) same<typeof key, AddressServiceKey>(true)
  else same<typeof key, FwmarkServiceKey>(true)
  if (key.address === undefined) same<typeof key, FwmarkServiceKey>(true)
  else same<typeof key.port, number>(true)
  if (read.address === undefined) same<typeof read.fwmark, number>(true)
  else same<typeof read.protocol, Protocol | number>(true)
  const { fwmark, address, port, protocol } = key
  void [fwmark, address, port, protocol]
}

// ---- a service that was read tells its kinds apart
if (info.fwmark === undefined) {
  const address: string = info.address
  same<typeof info, AddressServiceInfo>(true)
  void address
} else {
  const mark: number = info.fwmark
  same<typeof info.address, undefined>(true)
  void mark
}

// ---- what was read goes back in, as it is and with changes
const again: ServiceInput = info
const changed: ServiceInput = { ...(info as AddressServiceInfo), scheduler: 'mine', persistence: null }
void ipvs.services.add(info)
void ipvs.services.set(info)
void ipvs.services.ensure(info)
void ipvs.services.remove(info)
void ipvs.services.update(info, {
  persistence: info.persistence,
  establishedTimeout: info.establishedTimeout,
})
const listed: DestinationInput = destination
void ipvs.destinations.add(web, destination)
void ipvs.destinations.set(web, { ...destination, weight: 0 })
void ipvs.destinations.ensure(web, { ...destination, tunnel: null })
void ipvs.destinations.set(web, { ...destination, tunnel: { type: 'gue', port: 6080 } })
// @ts-expect-error: a method without a name cannot be asked for
void ipvs.destinations.add(web, { address: '10.0.0.1', port: 80, forwarding: 6 })
// @ts-expect-error: nor changed to
void ipvs.destinations.update(web, destination, { forwarding: destination.forwarding })
void ipvs.destinations.remove(info, destination)
// @ts-expect-error: forwarding has no default
void ipvs.destinations.add(web, { address: '10.0.0.1', port: 80 })
// @ts-expect-error: no such method
void ipvs.destinations.add(web, { address: '10.0.0.1', port: 80, forwarding: 'nat' })
void ipvs.destinations.update(web, destination, { weight: 0, tunnel: null })
void ipvs.services.update(web, { persistence: null, scheduler: undefined })
// @ts-expect-error: read-only
void ipvs.services.update(web, { flags: 1 })
// @ts-expect-error: read-only
void ipvs.destinations.update(web, destination, { activeConnections: 5 })
// @ts-expect-error: misspelt
void ipvs.services.add({ ...web, schedular: 'rr' })
// @ts-expect-error: an array of them
void ipvs.localAddresses.set(web, '10.1.0.1')
void ipvs.localAddresses.set(web, ['10.1.0.1'] as const)

// ---- counters are bigint, gauges numbers
same<Stats['inBytes'], bigint>(true)
same<NonNullable<Stats['rates']>['inBytes'], bigint>(true)
same<LocalAddressInfo['portConflicts'], bigint>(true)
same<LocalAddressInfo['connections'], number>(true)
same<DestinationInfo['activeConnections'], number>(true)
same<DestinationInfo['forwarding'], Forwarding | number>(true)

// ---- what was read is readonly
// @ts-expect-error
info.scheduler = 'rr'
// @ts-expect-error
destination.stats.inBytes = info.stats.inBytes
// @ts-expect-error
info.schedulerFlags.push('flag-1')
// @ts-expect-error
ipvs.dialect = 'mainline'
// @ts-expect-error
ipvs.capabilities.writes = true

// ---- promises of what
async function results(): Promise<void> {
  same<Awaited<ReturnType<typeof ipvs.services.list>>, ServiceInfo[]>(true)
  same<Awaited<ReturnType<typeof ipvs.services.get>>, ServiceInfo | undefined>(true)
  same<Awaited<ReturnType<typeof ipvs.services.ensure>>, EnsureResult>(true)
  same<Awaited<ReturnType<typeof ipvs.services.add>>, void>(true)
  for await (const one of ipvs.destinations.iterate(web)) same<typeof one, DestinationInfo>(true)
  const outcomes = await ipvs.batch((batch) => {
    batch.services.add(web)
    batch.localAddresses.set(web, ['10.1.0.1'])
    // @ts-expect-error: reading is not for batches
    batch.services.list()
  })
  for (const outcome of outcomes) {
    same<typeof outcome, BatchOutcome>(true)
    if (outcome.status === 'rejected') void outcome.error.code
    // @ts-expect-error: only where it was fulfilled
    else void outcome.error
    if (outcome.status === 'fulfilled') {
      if (outcome.operation === 'services.ensure') same<typeof outcome.value, EnsureResult>(true)
      if (outcome.operation === 'localAddresses.set') same<typeof outcome.value, LocalAddressChanges>(true)
      if (outcome.operation === 'destinations.add') same<typeof outcome.value, undefined>(true)
    }
    // @ts-expect-error: no such operation
    if (outcome.operation === 'services.list') void outcome
  }
  const { services, consistent } = await ipvs.snapshot({ consistent: true, timeout: 1000 })
  same<typeof consistent, boolean | undefined>(true)
  void services[0]?.localAddresses
  const lean = await ipvs.snapshot({ stats: false })
  for (const { service, destinations } of lean.services) {
    same<typeof service.stats.inBytes, undefined>(true)
    await ipvs.services.set(service)
    for (const one of destinations) await ipvs.destinations.set(service, one)
  }
  const capabilities: Capabilities = ipvs.capabilities
  const perCpu: boolean = capabilities.perCpuLocalAddresses
  void perCpu
}

// ---- opening, options, closing
async function life(): Promise<void> {
  await using client = await Ipvs.open()
  const disposable: AsyncDisposable = client
  void disposable
  const { signal } = new AbortController()
  await Ipvs.open({ transport: 'sockopt', netns: 'blue', timeout: 1, signal, loadModule: true, force: false })
  await Ipvs.open({ transport, netns: undefined, signal: undefined })
  await client.services.list({ signal, timeout: undefined })
  // @ts-expect-error: no such transport
  await Ipvs.open({ transport: 'ioctl' })
  // @ts-expect-error: opened, not made
  new Ipvs()
  // @ts-expect-error: not part of the API
  client.dispatcher
}

// ---- errors
function errors(error: unknown): void {
  if (error instanceof IpvsError) {
    const errno: number | undefined = error.errno
    const sent: boolean = error.sent
    if (error.code === IpvsErrorCodes.TIMEOUT || error.code === 'EEXIST') void [errno, sent]
    // @ts-expect-error
    error.code = 'EPERM'
  }
  const codes: IpvsErrorCode[] = ['ERR_IPVS_CLOSED', IpvsErrorCodes.ABORT]
  // @ts-expect-error: none of ours
  codes.push('EEXIST')
  const argument = error as ArgumentError
  void argument.field
}

// ---- every optional property of what is passed in takes undefined, with exactOptionalPropertyTypes too
type Optional<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? K : never }[keyof T]
/** Optional properties that undefined cannot be given to. */
type Closed<T> = T extends unknown
  ? { [K in Optional<T>]: undefined extends Required<T>[K] ? never : K }[Optional<T>]
  : never
same<Closed<{ open?: number | undefined; shut?: number }>, 'shut'>(true)
same<Closed<ServiceKey>, never>(true)
same<Closed<ServiceConfig>, never>(true)
same<Closed<ServiceInput>, never>(true)
same<Closed<Persistence>, never>(true)
same<Closed<DestinationConfig>, never>(true)
same<Closed<DestinationInput>, never>(true)
same<Closed<DestinationChange>, never>(true)
void ipvs.destinations.update(web, destination, { forwarding: undefined })
same<Closed<Tunnel>, never>(true)
same<Closed<DaemonInput>, never>(true)
same<Closed<CallOptions>, never>(true)
same<Closed<SnapshotOptions>, never>(true)
same<Closed<OpenOptions>, never>(true)
same<Closed<FakeKernelOptions>, never>(true)
same<Closed<NonNullable<FakeKernelOptions['localPorts']>>, never>(true)
same<Closed<FaultOptions>, never>(true)
same<Closed<ConnectOptions>, never>(true)
same<Closed<TrafficCounts>, never>(true)
void ipvs.timeouts.set({ tcp: undefined, udp: 300 })

// ---- one name for one thing
same<typeof ipvs.timeouts, TimeoutMethods>(true)

// Sysctls: a value of the type of its name.
void ipvs.sysctl.set('reserve_core', 2, { timeout: 1000 })
void ipvs.sysctl.set('sync_threshold', [3, 50])
void ipvs.sysctl.set('est_cpulist', '0-3')
void ipvs.sysctl.set('of_a_newer_kernel', 'text')
// @ts-expect-error: a number
void ipvs.sysctl.set('reserve_core', '2')
// @ts-expect-error: two numbers
void ipvs.sysctl.set('sync_threshold', 3)
void ipvs.sysctl.setLocalPorts({ min: 5000, max: undefined })
// @ts-expect-error: named min and max
void ipvs.sysctl.setLocalPorts({ first: 5000 })
void ipvs.sysctl.get('timeout_close').then(({ value }) => same<typeof value, number>(true))
void ipvs.sysctl
  .get('sync_threshold')
  .then(({ value }) => same<typeof value, readonly [number, number]>(true))
void ipvs.sysctl.list().then((list) => same<typeof list, SysctlInfo[]>(true))
same<Awaited<ReturnType<TimeoutMethods['get']>>, Timeouts>(true)

// ---- JSON
const json: string = toJson(info, 2)
const read: ServiceInput = fromJson<ServiceInfo>(json)

void [keys, noPort, text, number, both, inet, narrow, formatted, again, changed, listed, read, results, life]
void errors

// ---- watch: an error tells the events apart
async function watching(): Promise<void> {
  for await (const event of ipvs.watch({ interval: 1000, connections: true })) {
    // @ts-expect-error: there may be none
    event.snapshot.services
    if (event.error) {
      same<number, typeof event.retryIn>(true)
      continue
    }
    same<number | undefined, typeof event.elapsed>(true)
    for (const change of event.changes) {
      if (change.kind === 'changed') same<string, typeof change.property>(true)
      if (change.object === 'destination') same<number, typeof change.destination.port>(true)
      if (change.object === 'local-address') same<string, typeof change.localAddress>(true)
    }
    event.rates?.destination(web, destination)?.inBytes.toFixed(1)
    // @ts-expect-error: what is handed out is not to be changed
    event.snapshot.services.length = 0
  }
  // @ts-expect-error: no interval
  ipvs.watch({})
}
void watching
