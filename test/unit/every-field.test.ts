// Nothing that records.h declares can be forgotten in TypeScript: a field that gets lost on its way, that no property
// sets or that the fake kernel does not keep is named.

import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Capabilities, DestinationInput, FwmarkServiceKey } from '../../lib'
import { Ipvs } from '../../lib'
import {
  decodeDaemon,
  decodeDestinationConfig,
  decodeServiceConfig,
  decodeTimeouts,
} from '../../lib/border/decode'
import { Dialect, Operation, Transport } from '../../lib/border/layout.gen'
import { RecordMemory } from '../../lib/border/record-memory'
import {
  readDaemonConfig,
  readDestinationConfig,
  readServiceConfig,
  readTimeoutConfig,
  writeDaemonConfig,
  writeDestinationConfig,
  writeServiceConfig,
  writeTimeoutConfig,
} from '../../lib/border/records.gen'
import { Reply } from '../../lib/border/reply'
import { packRequests } from '../../lib/border/request'
import { unpackRequests } from '../../lib/border/unpack-request'
import {
  checkDaemonInput,
  checkDestinationInput,
  checkServiceInput,
  checkServiceKey,
  checkTimeouts,
} from '../../lib/input'
import { parseAddress } from '../../lib/model/address'
import { DAEMON_STATES, FORWARDING_METHODS, SCHEDULER_FLAGS, SERVICE_FLAGS } from '../../lib/model/numbers'
import {
  DAEMON_FIELDS,
  type DaemonConfigRecord,
  DESTINATION_FIELDS,
  type DestinationConfigRecord,
  SERVICE_FIELDS,
  type ServiceConfigRecord,
  TIMEOUT_FIELDS,
  type TimeoutConfigRecord,
} from '../../lib/model/records.gen'
import type {
  DaemonInput,
  DestinationConfig,
  Persistence,
  ServiceConfig,
  Timeouts,
  Tunnel,
} from '../../lib/model/types'
import { FakeKernel } from '../../lib/testing'
// @ts-expect-error: a script without types
import { isReserved, parseRecords } from '../../scripts/layout/parse.mjs'
import { DIALECTS } from './fake-support'
import { writeReply } from './support/border'

interface Field {
  name: string
  kind: string
  struct?: Struct
}
interface Struct {
  name: string
  fields: Field[]
}

const RECORDS = readFileSync(new URL('../../native/abi/records.h', import.meta.url), 'utf8')
const STRUCTS: Struct[] = parseRecords(RECORDS).structs

/** Names of what is not the same in both. */
const differing = <T extends object>(
  names: readonly (keyof T)[],
  one: T,
  other: T | undefined,
): (keyof T)[] => names.filter((name) => !isDeepStrictEqual(one[name], other?.[name]))

let last = 100

/** No other field has this value. */
function uniqueValue({ kind, struct }: Field): unknown {
  if (struct)
    return struct.name === 'Address' ? { family: 10, a: ++last, b: 0, c: 0, d: ++last } : distinct(struct)
  last++
  if (kind === 'name') return `name-${last}`
  return kind === 'u64' ? BigInt(last) : last
}

const distinct = ({ fields }: Struct): object =>
  Object.fromEntries(
    fields.filter((field) => !isReserved(field)).map((field) => [field.name, uniqueValue(field)]),
  )

/** A record of which every field has a value of its own. */
const distinctRecord = <T>(name: string) =>
  distinct(STRUCTS.find((struct) => struct.name === name) as Struct) as T

/** Every field of the four records that say what something is set to. */
const SET = {
  service: distinctRecord<ServiceConfigRecord>('ServiceConfig'),
  // Nothing else has a tunnel.
  destination: {
    ...distinctRecord<DestinationConfigRecord>('DestinationConfig'),
    forwarding: FORWARDING_METHODS.tunnel,
  },
  daemon: { ...distinctRecord<DaemonConfigRecord>('DaemonConfig'), state: DAEMON_STATES.backup as number },
  timeouts: distinctRecord<TimeoutConfigRecord>('TimeoutConfig'),
}
const FIELDS = {
  service: SERVICE_FIELDS,
  destination: DESTINATION_FIELDS,
  daemon: DAEMON_FIELDS,
  timeouts: TIMEOUT_FIELDS,
} as const
type Kind = keyof typeof SET

/** What does not come back as it was written. */
const lost = (kind: Kind, found: object | undefined) =>
  differing<object>(FIELDS[kind] as readonly never[], SET[kind], found)

describe('every field', () => {
  const memory = () => new RecordMemory(new ArrayBuffer(256))

  it.each(Object.keys(SET) as Kind[])('of %s is among those that are compared and copied', (kind) => {
    const declared = Object.keys(SET[kind])
    const listed: readonly string[] = FIELDS[kind]
    expect(declared.filter((name) => !listed.includes(name))).toEqual([])
    expect(listed.filter((name) => !declared.includes(name))).toEqual([])
  })

  it.each<[Kind, () => object]>([
    [
      'service',
      () => {
        const at = memory()
        return readServiceConfig(at, 0, writeServiceConfig(at, 0, SET.service))
      },
    ],
    [
      'destination',
      () => {
        const at = memory()
        return readDestinationConfig(at, 0, writeDestinationConfig(at, 0, SET.destination))
      },
    ],
    [
      'daemon',
      () => {
        const at = memory()
        return readDaemonConfig(at, 0, writeDaemonConfig(at, 0, SET.daemon))
      },
    ],
    [
      'timeouts',
      () => {
        const at = memory()
        return readTimeoutConfig(at, 0, writeTimeoutConfig(at, 0, SET.timeouts))
      },
    ],
  ])('of %s is written and read', (kind, written) => {
    expect(lost(kind, written())).toEqual([])
  })

  it('of a request is packed and unpacked', () => {
    const { service: config, destination, daemon, timeouts } = SET
    const fields = {
      operation: Operation.probe,
      config,
      flagsMask: 0xffffffff,
      destination,
      daemon,
      timeouts,
    }
    const job = packRequests([{ fields, transport: Transport.netlink, timeout: 1 }], Dialect.mainline)
    const [read] = unpackRequests(job).requests
    expect(lost('service', read?.config)).toEqual([])
    expect(lost('destination', read?.destination)).toEqual([])
    expect(lost('daemon', read?.daemon)).toEqual([])
    expect(lost('timeouts', read?.timeouts)).toEqual([])
  })

  it('of a reply is packed and decoded', () => {
    const reply = new Reply(
      writeReply({
        services: [{ config: SET.service }],
        destinations: [{ config: SET.destination }],
        daemons: [{ config: SET.daemon }],
        timeouts: [{ config: SET.timeouts }],
      }),
    )
    expect(lost('service', decodeServiceConfig(reply, 0))).toEqual([])
    expect(lost('destination', decodeDestinationConfig(reply, 0))).toEqual([])
    const { state, multicastGroup, ...daemon } = decodeDaemon(reply, 0)
    const numbers = { state: DAEMON_STATES[state], multicastGroup: parseAddress(multicastGroup as string) }
    expect(lost('daemon', { ...daemon, ...numbers })).toEqual([])
    expect(lost('timeouts', decodeTimeouts(reply, 0))).toEqual([])
  })
})

// ---- what callers can name: the compiler refuses these lists where a property of the API is not among them

type All<T> = { readonly [name in keyof Required<T>]: T[name] }
/** By the path of a property: the least that makes it another one. */
type Changes<T, Nested extends keyof T, Inner> = {
  readonly [path in
    | Exclude<keyof T, Nested>
    | `${Nested & string}.${keyof Required<Inner> & string}`]: Partial<T>
}

/** It can have everything. */
const KEY: FwmarkServiceKey = { fwmark: 7 }
const PERSISTENCE: All<Persistence> = { timeout: 60, netmask: '255.255.255.0', engine: 'sip' }
const SERVICE: All<ServiceConfig> = {
  scheduler: 'wrr',
  schedulerFlags: ['flag-1', 'flag-2', 'flag-3'],
  persistence: PERSISTENCE,
  onePacket: true,
  synproxy: true,
  establishedTimeout: 900,
}
const SERVICE_CHANGES: Changes<ServiceConfig, 'persistence', Persistence> = {
  scheduler: { scheduler: 'rr' },
  schedulerFlags: { schedulerFlags: ['flag-1', 'flag-3'] },
  'persistence.timeout': { persistence: { ...PERSISTENCE, timeout: 61 } },
  'persistence.netmask': { persistence: { ...PERSISTENCE, netmask: '255.255.0.0' } },
  // There is one engine.
  'persistence.engine': { persistence: { timeout: 60, netmask: '255.255.255.0' } },
  onePacket: { onePacket: false },
  synproxy: { synproxy: false },
  establishedTimeout: { establishedTimeout: 901 },
}

const REAL = { address: '10.0.0.5', port: 8080 } as const
const TUNNEL: All<Tunnel> = { type: 'gue', port: 6080, checksum: 'full' }
const DESTINATION: All<DestinationConfig> = {
  forwarding: 'tunnel',
  weight: 7,
  upperThreshold: 90,
  lowerThreshold: 80,
  tunnel: TUNNEL,
}
const DESTINATION_CHANGES: Changes<DestinationConfig, 'tunnel', Tunnel> = {
  forwarding: { forwarding: 'masquerade', tunnel: null },
  weight: { weight: 8 },
  upperThreshold: { upperThreshold: 91 },
  lowerThreshold: { lowerThreshold: 81 },
  'tunnel.type': { tunnel: { type: 'gre', checksum: 'full' } },
  'tunnel.port': { tunnel: { ...TUNNEL, port: 6081 } },
  'tunnel.checksum': { tunnel: { ...TUNNEL, checksum: 'remote' } },
}

const DAEMON: All<DaemonInput> = {
  state: 'backup',
  interface: 'eth0',
  syncId: 7,
  syncMaxLength: 1400,
  multicastGroup: '239.0.0.1',
  multicastPort: 9000,
  multicastTtl: 3,
}
const TIMEOUTS: All<Timeouts> = { tcp: 901, tcpFin: 121, udp: 301 }

const paths = <T extends object>(changes: T) => Object.entries(changes) as [string, T[keyof T]][]

describe('every field can be set by a caller', () => {
  const key = checkServiceKey(KEY)
  const service = (config: ServiceConfig) => checkServiceInput({ ...KEY, ...config }).config
  const destination = (config: DestinationConfig) => checkDestinationInput({ ...REAL, ...config }, key).config
  const unset = <T extends object>(fields: readonly (keyof T)[], defaults: T, set: T) => {
    const changed = differing(fields, defaults, set)
    return fields.filter((field) => !changed.includes(field))
  }

  it('of a service, with every bit of its flags', () => {
    const set = service(SERVICE)
    expect(unset(SERVICE_FIELDS, service({}), set)).toEqual([])
    const bits = { ...SERVICE_FLAGS, ...SCHEDULER_FLAGS }
    const missing = Object.entries(bits).filter(([, bit]) => (set.flags & bit) === 0)
    expect(missing.map(([name]) => name)).toEqual([])
  })

  it('of a destination, a daemon and the timeouts', () => {
    const masquerade = destination({ forwarding: 'masquerade' })
    expect(unset(DESTINATION_FIELDS, masquerade, destination(DESTINATION))).toEqual([])
    const master = checkDaemonInput({ state: 'master', interface: 'lo' })
    expect(unset(DAEMON_FIELDS, master, checkDaemonInput(DAEMON))).toEqual([])
    expect(unset(TIMEOUT_FIELDS, checkTimeouts({}), checkTimeouts(TIMEOUTS))).toEqual([])
  })

  it('and every property sets one', () => {
    const idle = [
      ...paths(SERVICE_CHANGES).filter(([, change]) =>
        isDeepStrictEqual(service({ ...SERVICE, ...change }), service(SERVICE)),
      ),
      ...paths(DESTINATION_CHANGES).filter(([, change]) =>
        isDeepStrictEqual(destination({ ...DESTINATION, ...change }), destination(DESTINATION)),
      ),
    ]
    expect(idle.map(([path]) => path)).toEqual([])
    const needed = { state: 'master', interface: 'lo' }
    const daemons = Object.entries(DAEMON).filter(([name, value]) =>
      isDeepStrictEqual(checkDaemonInput({ ...needed, [name]: value }), checkDaemonInput(needed)),
    )
    expect(daemons.map(([name]) => name)).toEqual([])
    const timeouts = Object.entries(TIMEOUTS).filter(([name, value]) =>
      isDeepStrictEqual(checkTimeouts({ [name]: value }), checkTimeouts({})),
    )
    expect(timeouts.map(([name]) => name)).toEqual([])
  })
})

// ---- and comes back from a kernel that has it

type Able = Pick<
  Capabilities,
  'schedulerFlags' | 'synproxy' | 'establishedTimeout' | 'persistenceEngine' | 'tunnelTypes' | 'daemonOptions'
>

/** What of it this kernel has. */
function serviceFor(able: Able, { persistence, ...config }: ServiceConfig): ServiceConfig {
  const kept: { -readonly [name in keyof ServiceConfig]: ServiceConfig[name] } = { ...config, persistence }
  if (persistence && !able.persistenceEngine) {
    const { engine: _, ...plain } = persistence
    kept.persistence = plain
  }
  for (const name of ['schedulerFlags', 'synproxy', 'establishedTimeout'] as const) {
    if (!able[name]) delete kept[name]
  }
  return kept
}

const destinationFor = ({ tunnelTypes }: Able, config: DestinationConfig): DestinationConfig =>
  tunnelTypes ? config : { ...config, tunnel: undefined }

function daemonFor({ daemonOptions }: Able, daemon: DaemonInput): DaemonInput {
  const { state, interface: name, syncId } = daemon
  return daemonOptions ? daemon : { state, interface: name, syncId }
}

/** What a caller ends with null is not there. */
const withoutNull = (input: object): object =>
  Object.fromEntries(Object.entries(input).map(([name, value]) => [name, value ?? undefined]))

/** Names of the properties of `input` that `found` has not, or otherwise. */
const forgotten = (input: object, found: object | undefined) =>
  differing<object>(Object.keys(input) as never[], withoutNull(input), found)

const INTERFACES = ['netlink', 'sockopt'] as const
const KERNELS = DIALECTS.flatMap((dialect) => INTERFACES.map((over) => [dialect, over] as const))

describe.each(KERNELS)('every property that a fake %s has comes back over %s:', (dialect, over) => {
  const open = (kernel: FakeKernel) =>
    Ipvs.open({ transport: kernel.transport({ netlink: over === 'netlink' }), force: true })

  async function setUp() {
    const kernel = new FakeKernel({ dialect })
    const ipvs = await open(kernel)
    return { kernel, ipvs, able: ipvs.capabilities }
  }

  /** The same table in another kernel. */
  async function reopen(kernel: FakeKernel) {
    const copy = new FakeKernel({ dialect })
    copy.load(JSON.parse(JSON.stringify(kernel.dump())))
    return open(copy)
  }

  it.each<[string, ServiceConfig]>([
    ['persistent', SERVICE],
    ['plain', { ...SERVICE, persistence: null }],
  ])('a %s service', async (_, base) => {
    const { kernel, ipvs, able } = await setUp()
    // trap: over sockopt fullnat-v3 gets a random established timeout.
    if (!able.serviceWrites) {
      await expect(ipvs.services.add(KEY)).rejects.toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED' })
      return
    }
    const config = serviceFor(able, base)
    await ipvs.services.add({ ...KEY, ...config })
    for (const client of [ipvs, await reopen(kernel)]) {
      const found = () => client.services.get(KEY)
      expect(forgotten(config, await found())).toEqual([])
      const [listed, ...others] = await client.services.list()
      expect(forgotten(config, listed)).toEqual([])
      expect(others).toEqual([])
      expect(await client.services.ensure({ ...KEY, ...config })).toBe('unchanged')
      for (const [path, change] of paths(SERVICE_CHANGES)) {
        const changed = serviceFor(able, { ...base, ...change })
        if (isDeepStrictEqual(changed, config)) continue
        // `ensure` sees the difference, `update` leaves all others, `set` takes them all.
        expect(await client.services.ensure({ ...KEY, ...changed }), path).toBe('changed')
        expect(forgotten(changed, await found()), path).toEqual([])
        const [name] = path.split('.') as [keyof ServiceConfig]
        await client.services.update(KEY, { [name]: config[name] })
        expect(forgotten(config, await found()), path).toEqual([])
        await client.services.set({ ...KEY, ...changed })
        expect(forgotten(changed, await found()), path).toEqual([])
        await client.services.set({ ...KEY, ...config })
      }
    }
  })

  it('a destination', async () => {
    const { kernel, ipvs, able } = await setUp()
    const full = await Ipvs.open({ transport: kernel.transport() })
    await full.services.add(KEY)
    const config = destinationFor(able, DESTINATION)
    await ipvs.destinations.add(KEY, { ...REAL, ...config })
    for (const client of [ipvs, await reopen(kernel)]) {
      const found = () => client.destinations.get(KEY, REAL)
      const ensure = (input: DestinationInput) => client.destinations.ensure(KEY, input)
      expect(forgotten(config, await found())).toEqual([])
      expect(await ensure({ ...REAL, ...config })).toBe('unchanged')
      for (const [path, change] of paths(DESTINATION_CHANGES)) {
        const changed = destinationFor(able, { ...DESTINATION, ...change })
        if (isDeepStrictEqual(changed, config)) continue
        expect(await ensure({ ...REAL, ...changed }), path).toBe('changed')
        expect(forgotten(changed, await found()), path).toEqual([])
        const back = Object.fromEntries(
          Object.keys(change).map((name) => [name, config[name as keyof DestinationConfig]]),
        )
        await client.destinations.update(KEY, REAL, back)
        expect(forgotten(config, await found()), path).toEqual([])
        await client.destinations.set(KEY, { ...REAL, ...changed })
        expect(forgotten(changed, await found()), path).toEqual([])
        await client.destinations.set(KEY, { ...REAL, ...config })
      }
    }
  })

  it('a daemon', async () => {
    const { kernel, ipvs, able } = await setUp()
    const daemon = daemonFor(able, DAEMON)
    await ipvs.daemons.start(daemon)
    for (const client of [ipvs, await reopen(kernel)]) {
      const [found, ...others] = await client.daemons.list()
      expect(forgotten(daemon, found)).toEqual([])
      expect(others).toEqual([])
    }
  })

  it('the timeouts', async () => {
    const { kernel, ipvs } = await setUp()
    await ipvs.timeouts.set(TIMEOUTS)
    for (const client of [ipvs, await reopen(kernel)]) {
      expect(forgotten(TIMEOUTS, await client.timeouts.get())).toEqual([])
    }
  })
})

it('every property is one that some kernel has', async () => {
  const had = new Set<string>()
  for (const dialect of DIALECTS) {
    const { capabilities } = await Ipvs.open({ transport: new FakeKernel({ dialect }).transport() })
    for (const part of [
      serviceFor(capabilities, SERVICE),
      serviceFor(capabilities, SERVICE).persistence as Persistence,
      destinationFor(capabilities, DESTINATION),
      destinationFor(capabilities, DESTINATION).tunnel ?? {},
      daemonFor(capabilities, DAEMON),
    ]) {
      for (const [name, value] of Object.entries(part)) if (value !== undefined) had.add(name)
    }
  }
  const all = [SERVICE, PERSISTENCE, DESTINATION, TUNNEL, DAEMON].flatMap((part) => Object.keys(part))
  expect(all.filter((name) => !had.has(name))).toEqual([])
})
