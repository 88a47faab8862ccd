/** Synchronisation daemons. */

import { invalidValue } from '../errors/argument-errors'
import type { PackedAddress } from '../model/address'
import { addressKind } from '../model/address'
import type { NormalizedDaemon } from '../model/normalized'
import { DAEMON_STATES } from '../model/numbers'
import type { DaemonInput } from '../model/types'
import { checkProperties, PropertyNames } from './properties'
import { checkAddress, checkInteger, checkName, checkString } from './values'

export function checkDaemonState(value: unknown, field = 'state'): 1 | 2 {
  return checkName(value, field, DAEMON_STATES)
}

type Property = (value: unknown, field: string) => string | number | PackedAddress

function checkInterface(value: unknown, field: string): string {
  const name = checkString(value, field)
  // net/core/dev.c:dev_valid_name; 2.6.32 reads past an unterminated name.
  if (!/^[^\s/:\0]+$/.test(name) || name === '.' || name === '..' || Buffer.byteLength(name) > 15) {
    throw invalidValue(field, 'must be the name of a network interface, 1 to 15 bytes', name)
  }
  return name
}

function checkGroup(value: unknown, field: string): PackedAddress {
  const group = checkAddress(value, field)
  if (addressKind(group) !== 'multicast') throw invalidValue(field, 'must be a multicast address', value)
  return group
}

const upTo =
  (max: number, min = 1): Property =>
  (value, field) =>
    checkInteger(value, field, min, max)

/** What each property of a caller becomes. */
const PROPERTIES: { readonly [name in keyof Required<DaemonInput>]: Property } = {
  state: checkDaemonState,
  interface: checkInterface,
  syncId: upTo(255, 0),
  syncMaxLength: upTo(65535),
  multicastGroup: checkGroup,
  multicastPort: upTo(65535),
  multicastTtl: upTo(255),
}

const NAMES = Object.keys(PROPERTIES) as (keyof DaemonInput)[]
const DAEMON_INPUT = new PropertyNames(NAMES)
/** Those without a default. */
const NEEDED: readonly (keyof DaemonInput)[] = ['state', 'interface']

export function checkDaemonInput(value: unknown, field = 'daemon'): NormalizedDaemon {
  const properties = checkProperties(value, field, DAEMON_INPUT)
  const config: { -readonly [name in keyof NormalizedDaemon]: unknown } = {
    state: undefined,
    interface: undefined,
    syncId: 0,
    syncMaxLength: undefined,
    multicastGroup: undefined,
    multicastPort: undefined,
    multicastTtl: undefined,
  }
  for (const name of NAMES) {
    const given = properties[name]
    if (given !== undefined || NEEDED.includes(name))
      config[name] = PROPERTIES[name](given, `${field}.${name}`)
  }
  return config as NormalizedDaemon
}
