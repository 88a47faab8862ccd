/** Synchronisation daemons. */

import { invalidValue } from '../errors/argument-errors'
import { addressKind } from '../model/address'
import type { NormalizedDaemon } from '../model/normalized'
import { DAEMON_STATES } from '../model/numbers'
import { checkProperties, PropertyNames } from './properties'
import { checkAddress, checkInteger, checkName, checkString } from './values'

export function checkDaemonState(value: unknown, field = 'state'): 1 | 2 {
  return checkName(value, field, DAEMON_STATES)
}

const DAEMON_INPUT = new PropertyNames([
  'state',
  'interface',
  'syncId',
  'syncMaxLength',
  'multicastGroup',
  'multicastPort',
  'multicastTtl',
])

export function checkDaemonInput(value: unknown, field = 'daemon'): NormalizedDaemon {
  const properties = checkProperties(value, field, DAEMON_INPUT)
  const name = checkString(properties.interface, `${field}.interface`)
  // net/core/dev.c:dev_valid_name; 2.6.32 reads past an unterminated name.
  if (!/^[^\s/:\0]+$/.test(name) || name === '.' || name === '..' || Buffer.byteLength(name) > 15) {
    throw invalidValue(`${field}.interface`, 'must be the name of a network interface, 1 to 15 bytes', name)
  }
  const optional = (property: string, max: number) =>
    properties[property] === undefined
      ? undefined
      : checkInteger(properties[property], `${field}.${property}`, 1, max)
  const group = properties.multicastGroup
  const multicastGroup = group === undefined ? undefined : checkAddress(group, `${field}.multicastGroup`)
  if (multicastGroup && addressKind(multicastGroup) !== 'multicast') {
    throw invalidValue(`${field}.multicastGroup`, 'must be a multicast address', group)
  }
  return {
    state: checkDaemonState(properties.state, `${field}.state`),
    interface: name,
    syncId: properties.syncId === undefined ? 0 : checkInteger(properties.syncId, `${field}.syncId`, 0, 255),
    syncMaxLength: optional('syncMaxLength', 65535),
    multicastGroup,
    multicastPort: optional('multicastPort', 65535),
    multicastTtl: optional('multicastTtl', 255),
  }
}
