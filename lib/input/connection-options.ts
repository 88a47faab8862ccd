/** Which connections are asked for. Nothing is opened before all of it is right. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import type { AddressFamily, PackedAddress } from '../model/address'
import { formatPacked } from '../model/address'
import type {
  ConnectionCountBy,
  NormalizedConnectionFilter,
  NormalizedEndpointFilter,
} from '../model/connection-filter'
import { familyName } from '../model/numbers'
import type { NormalizedCallOptions } from './call-options'
import { checkCallOptions } from './call-options'
import { checkProperties, PropertyNames } from './properties'
import { checkServiceKey } from './services'
import { checkAddress, checkBoolean, checkInteger, checkName } from './values'

const NAMES = [
  'service',
  'client',
  'destination',
  'localAddress',
  'states',
  'templates',
  'limit',
  'origin',
  'signal',
  'timeout',
]
const OPTIONS = new PropertyNames(NAMES)
const COUNT_OPTIONS = new PropertyNames([...NAMES, 'by'])
const ENDPOINT = new PropertyNames(['address', 'port'])
const COUNT_BY: Readonly<Record<ConnectionCountBy, ConnectionCountBy>> = {
  state: 'state',
  destination: 'destination',
  localAddress: 'localAddress',
}
/** What a word of a state consists of; the kernel's own are in capitals, with `_`. */
const STATE = /^[^A-Z_\s]+$/

export interface NormalizedConnectionOptions {
  readonly filter: NormalizedConnectionFilter
  readonly limit: number
  readonly origin: boolean
  readonly by: ConnectionCountBy | undefined
  readonly call: NormalizedCallOptions
}

function checkEndpoint(value: unknown, field: string): NormalizedEndpointFilter | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string') return { address: checkAddress(value, field), port: undefined }
  const { address, port } = checkProperties(value, field, ENDPOINT)
  return {
    address: checkAddress(address, `${field}.address`),
    port: port === undefined ? undefined : checkInteger(port, `${field}.port`, 0, 65535),
  }
}

function checkStates(value: unknown, field: string): ReadonlySet<string> | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  if (value.length === 0) throw invalidValue(field, 'must name one state at least', value)
  value.forEach((state: unknown, i) => {
    if (typeof state !== 'string') throw invalidType(`${field}[${i}]`, 'string', state)
    if (!STATE.test(state)) {
      throw invalidValue(`${field}[${i}]`, "must be a word in lower case, such as 'syn-recv'", state)
    }
  })
  return new Set(value as string[])
}

interface Named {
  readonly field: string
  readonly address: PackedAddress
}

/** No row has addresses of two families, but for the destination of a tunnel on mainline. */
function checkSameFamily(family: AddressFamily | undefined, { field, address }: Named): AddressFamily {
  if (family !== undefined && address.family !== family) {
    throw invalidValue(
      field,
      `must be an address of the family of the other filters, ${familyName(family)}`,
      formatPacked(address),
    )
  }
  return address.family
}

/** `destinationFamily`: capabilities.destinationFamily of the kernel. */
export function checkConnectionOptions(
  value: unknown,
  destinationFamily: boolean,
  counted = false,
): NormalizedConnectionOptions {
  const given =
    value === undefined ? {} : checkProperties(value, 'options', counted ? COUNT_OPTIONS : OPTIONS)
  const { signal, timeout } = given
  const call = checkCallOptions({ signal, timeout })
  const service = given.service === undefined ? undefined : checkServiceKey(given.service, 'options.service')
  const client = checkEndpoint(given.client, 'options.client')
  const destination = checkEndpoint(given.destination, 'options.destination')
  const localAddress =
    given.localAddress === undefined ? undefined : checkAddress(given.localAddress, 'options.localAddress')

  let family = service?.family
  if (client) family = checkSameFamily(family, { field: 'options.client', address: client.address })
  if (localAddress) family = checkSameFamily(family, { field: 'options.localAddress', address: localAddress })
  if (destination && !destinationFamily) {
    family = checkSameFamily(family, { field: 'options.destination', address: destination.address })
  }
  const address = service?.kind === 'address' ? service : undefined
  return {
    filter: {
      family: service?.family,
      protocol: address?.protocol,
      virtual: address && { address: address.address, port: address.port === 0 ? undefined : address.port },
      fwmark: service?.kind === 'fwmark' ? service.fwmark : undefined,
      client,
      destination,
      localAddress,
      states: checkStates(given.states, 'options.states'),
      templates:
        given.templates === undefined ? undefined : checkBoolean(given.templates, 'options.templates'),
    },
    limit:
      given.limit === undefined
        ? Number.POSITIVE_INFINITY
        : checkInteger(given.limit, 'options.limit', 1, Number.MAX_SAFE_INTEGER),
    origin: given.origin === undefined ? false : checkBoolean(given.origin, 'options.origin'),
    by: given.by === undefined ? undefined : checkName(given.by, 'options.by', COUNT_BY),
    call,
  }
}
