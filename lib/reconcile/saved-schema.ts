/** JSON Schema of a saved state: every value that a kernel can hold. */

import { SYSCTLS } from '../kernel/sysctls'
import type { SysctlFacts } from '../kernel/sysctls/facts'
import type { Persistence, Timeouts, TunnelInfo } from '../model/types'
import type {
  SavedAddressService,
  SavedDaemon,
  SavedDestination,
  SavedDialect,
  SavedFwmarkService,
  SavedState,
} from './saved-types'
import { SAVED_FORMAT, SAVED_VERSION } from './saved-types'
import * as common from './schema-common'
import type { JsonSchema } from './schema-parts'
import {
  address,
  either,
  flag,
  HELD_MODULE,
  INT_MAX,
  INTERFACE,
  integer,
  listOf,
  NOTHING,
  objectOf,
  orNumber,
  port,
  QUAD,
  text,
  time,
  U32_MAX,
  wordsOf,
} from './schema-parts'

const tunnel = objectOf<TunnelInfo>('Of forwarding tunnel on mainline')(
  {
    type: orNumber(common.TUNNEL_TYPE, 0, 65535),
    port: port('UDP port of GUE'),
    checksum: orNumber(common.CHECKSUM, 0, 65535),
  },
  { type: true },
)

const destination = objectOf<SavedDestination>('A destination (real server)')(
  {
    address: common.REAL_ADDRESS,
    port: common.REAL_PORT,
    forwarding: orNumber(common.FORWARDING, 0, 7),
    weight: integer('0 takes no new connections', -INT_MAX - 1, INT_MAX),
    upperThreshold: integer('Connections above which no new ones come, 0 for no limit', 0, U32_MAX),
    lowerThreshold: integer('Connections below which new ones come again', 0, U32_MAX),
    tunnel: either('Absent: none', tunnel, NOTHING),
  },
  {
    address: true,
    port: true,
    forwarding: true,
    weight: true,
    upperThreshold: true,
    lowerThreshold: true,
  },
)

const persistence = objectOf<Persistence>('Clients stick to a destination')(
  {
    timeout: integer('Seconds that a client sticks after its last connection', 0, U32_MAX),
    netmask: either(
      'An IPv4 mask, or an IPv6 prefix length',
      text("'255.255.255.0'", QUAD),
      integer('Bits', 0, U32_MAX),
    ),
    engine: text("Persistence engine, mainline only: 'sip'", HELD_MODULE),
  },
  { timeout: true },
)

const config = {
  scheduler: text('Scheduler', HELD_MODULE),
  schedulerFlags: common.SCHEDULER_FLAGS,
  persistence: either('Null: not persistent', persistence, NOTHING),
  onePacket: flag(common.ONE_PACKET),
  synproxy: flag(common.SYNPROXY),
  establishedTimeout: integer(
    'Seconds that an established connection may be idle; fullnat-v3 only',
    1,
    U32_MAX,
  ),
  destinations: listOf("In the kernel's order", destination),
  localAddresses: listOf(
    'Where FULLNAT connections come from; of the family of the service',
    address('A local address'),
  ),
} as const

const NEEDED = {
  scheduler: true,
  schedulerFlags: true,
  persistence: true,
  onePacket: true,
  synproxy: true,
  destinations: true,
  localAddresses: true,
} as const

const addressService = objectOf<SavedAddressService>('A service by its address')(
  { protocol: orNumber(common.PROTOCOL, 0, 65535), address: common.VIP, port: common.VIP_PORT, ...config },
  { protocol: true, address: true, port: true, ...NEEDED },
)
const fwmarkService = objectOf<SavedFwmarkService>('A service by the mark of its packets')(
  { fwmark: common.FWMARK, family: common.FAMILY, ...config },
  { fwmark: true, family: true, ...NEEDED },
)

const daemon = objectOf<SavedDaemon>('A sync daemon')(
  {
    state: common.DAEMON_STATE,
    interface: text('Network interface of the multicast', INTERFACE),
    syncId: common.SYNC_ID,
    syncMaxLength: common.SYNC_MAX_LENGTH,
    multicastGroup: common.MULTICAST_GROUP,
    multicastPort: common.MULTICAST_PORT,
    multicastTtl: common.MULTICAST_TTL,
  },
  { state: true, interface: true, syncId: true },
)

const seconds = (name: keyof Timeouts): JsonSchema => integer(common.TIMEOUT_TEXTS[name], 0, U32_MAX)

/** What the kernel holds, which can be outside of what may be written. */
function sysctl({ type, unit, meaning }: SysctlFacts): JsonSchema {
  const description = unit === undefined ? meaning : `${meaning} In ${unit}.`
  if (type === 'cpu-list') return text(description)
  const number = integer(description, -INT_MAX - 1, INT_MAX)
  if (type === 'integer') return number
  return { description, type: 'array', items: number, minItems: 2, maxItems: 2 }
}

const sysctls: { [name: string]: JsonSchema } = {}
for (const name of Object.keys(SYSCTLS) as (keyof typeof SYSCTLS)[]) sysctls[name] = sysctl(SYSCTLS[name])

/** JSON Schema (draft 2020-12) of a `SavedState`. */
export const savedStateSchema: JsonSchema = Object.freeze({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'ipvs-fullnat: saved state',
  ...objectOf<SavedState>('A director as it was, without counters')(
    {
      format: { description: 'What this is', const: SAVED_FORMAT },
      version: { description: 'Of the format', const: SAVED_VERSION },
      dialect: wordsOf<SavedDialect>('Of the kernel that was saved')({
        mainline: true,
        'fullnat-v2': true,
        'fullnat-v3': true,
      }),
      savedAt: time('When it was read'),
      consistent: flag('Two reads agreed; false: something can be missing'),
      services: listOf("In the kernel's order", either('A service', addressService, fwmarkService)),
      timeouts: objectOf<Timeouts>('Those of all services; absent: they stay')(
        { tcp: seconds('tcp'), tcpFin: seconds('tcpFin'), udp: seconds('udp') },
        { tcp: true, tcpFin: true, udp: true },
      ),
      daemons: listOf('Absent: they stay. Empty: there are none', daemon),
      sysctls: {
        description: 'By name; those that are not named stay',
        type: 'object',
        properties: sysctls,
        additionalProperties: false,
      },
    },
    { format: true, version: true, dialect: true, savedAt: true, consistent: true, services: true },
  ),
})
