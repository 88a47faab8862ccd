/** JSON Schema of the desired state. What it cannot say, and the check does, stands in docs/save-restore.md. */

import type {
  DesiredDestination,
  DesiredDestinationConfig,
  DesiredDestinationState,
  DesiredLocalAddressDrain,
  DesiredPool,
  DesiredServiceConfig,
  DesiredState,
} from '../model/desired-state'
import type {
  AddressServiceKey,
  DaemonInput,
  FwmarkServiceKey,
  Persistence,
  Timeouts,
  Tunnel,
} from '../model/types'
import * as common from './schema-common'
import type { JsonSchema } from './schema-parts'
import {
  address,
  either,
  flag,
  INT_MAX,
  INTERFACE,
  integer,
  listOf,
  MODULE,
  NOTHING,
  objectOf,
  port,
  QUAD,
  SECONDS_MAX,
  text,
  time,
  wordsOf,
} from './schema-parts'

const tunnel = objectOf<Tunnel>('Of forwarding tunnel on mainline')(
  { type: common.TUNNEL_TYPE, port: port('UDP port of GUE', 1), checksum: common.CHECKSUM },
  { type: true },
)

const destination = objectOf<DesiredDestination>('A destination (real server)')(
  {
    address: common.REAL_ADDRESS,
    port: common.REAL_PORT,
    forwarding: common.FORWARDING,
    weight: integer('0 takes no new connections; default 1', 0, INT_MAX),
    upperThreshold: integer(
      'Connections above which no new ones come, 0 for no limit; default 0',
      0,
      INT_MAX,
    ),
    lowerThreshold: integer(
      'Connections below which new ones come again, at most upperThreshold; default 0',
      0,
      INT_MAX,
    ),
    tunnel: either('Null, the default, is plain IP-in-IP', tunnel, NOTHING),
    state: wordsOf<DesiredDestinationState>(
      'drain: no new connections, and gone when it has none; default on',
    )({
      on: true,
      drain: true,
      off: true,
    }),
    reason: wordsOf<NonNullable<DesiredDestinationConfig['reason']>>('Why it is not on')({
      drain: true,
      health: true,
      maintenance: true,
    }),
    until: time('With state drain: when it goes whatever it still has'),
  },
  { address: true, port: true, forwarding: true },
)

const persistence = objectOf<Persistence>('Clients stick to a destination')(
  {
    timeout: integer('Seconds that a client sticks after its last connection', 1, SECONDS_MAX),
    netmask: either(
      'Clients of the same network stick together: an IPv4 mask, or an IPv6 prefix length; default a single client',
      text("'255.255.255.0'", QUAD),
      integer('Bits', 1, 128),
    ),
    engine: text("Persistence engine, mainline only: 'sip'", MODULE),
  },
  { timeout: true },
)

const config = {
  name: text('For people'),
  scheduler: text('Scheduler; default wlc', MODULE),
  schedulerFlags: common.SCHEDULER_FLAGS,
  persistence: either('Null, the default: not persistent', persistence, NOTHING),
  onePacket: flag(`${common.ONE_PACKET}; default false`),
  synproxy: flag(`${common.SYNPROXY}; default false`),
  establishedTimeout: integer(
    'Seconds that an established connection may be idle; fullnat-v3 only',
    1,
    SECONDS_MAX,
  ),
  destinations: listOf('Absent: what is there stays. Empty: there are none', destination),
  localAddresses: either(
    'Where FULLNAT connections come from. Absent: what is there stays. Empty: there are none',
    listOf('Of the family of the service', address('A local address')),
    objectOf<{ readonly pool: string }>('Those of a pool')(
      { pool: text('Its name in pools') },
      { pool: true },
    ),
  ),
  drainLocalAddresses: listOf(
    'Those that go when their connections are gone',
    objectOf<DesiredLocalAddressDrain>('A local address that is not wanted any more')(
      {
        address: address('Of the family of the service, and not in localAddresses'),
        until: time('When it goes whatever it still has'),
      },
      { address: true },
    ),
  ),
} as const

const addressService = objectOf<Omit<AddressServiceKey, 'fwmark'> & DesiredServiceConfig>(
  'A service by its address',
)(
  { protocol: common.PROTOCOL, address: common.VIP, port: common.VIP_PORT, ...config },
  { protocol: true, address: true, port: true },
)
const fwmarkService = objectOf<Pick<FwmarkServiceKey, 'fwmark' | 'family'> & DesiredServiceConfig>(
  'A service by the mark of its packets',
)({ fwmark: common.FWMARK, family: common.FAMILY, ...config }, { fwmark: true })

const daemon = objectOf<DaemonInput>('A sync daemon')(
  {
    state: common.DAEMON_STATE,
    interface: text('Network interface of the multicast, at most 15 bytes', INTERFACE),
    syncId: common.SYNC_ID,
    syncMaxLength: common.SYNC_MAX_LENGTH,
    multicastGroup: common.MULTICAST_GROUP,
    multicastPort: common.MULTICAST_PORT,
    multicastTtl: common.MULTICAST_TTL,
  },
  { state: true, interface: true },
)

const seconds = (name: keyof Timeouts): JsonSchema => integer(common.TIMEOUT_TEXTS[name], 1, SECONDS_MAX)

/** JSON Schema (draft 2020-12) of a `DesiredState`. */
export const desiredStateSchema: JsonSchema = Object.freeze({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'ipvs-fullnat: desired state',
  ...objectOf<DesiredState>('What a director should be. What is absent stays as it is')(
    {
      pools: {
        description: 'Local addresses that services share, by name',
        type: 'object',
        additionalProperties: objectOf<DesiredPool>('A pool')(
          {
            addresses: listOf(
              'At most 4096 addresses',
              text(
                "An address, a range '10.1.0.1-10.1.0.20' or a network '10.1.0.0/28'",
                '^[0-9A-Fa-f:./-]{2,91}$',
              ),
            ),
          },
          { addresses: true },
        ),
      },
      services: listOf('Empty: there are none', either('A service', addressService, fwmarkService)),
      timeouts: objectOf<NonNullable<DesiredState['timeouts']>>('Those of all services')(
        { tcp: seconds('tcp'), tcpFin: seconds('tcpFin'), udp: seconds('udp') },
        {},
      ),
      daemons: listOf('Empty: there are none', daemon),
    },
    {},
  ),
})
