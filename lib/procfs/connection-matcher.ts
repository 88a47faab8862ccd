/** Rows of a list of connections that are asked for: numbers against numbers, before anything is made of a row. */

import type { PackedAddress } from '../model/address'
import type { NormalizedConnectionFilter, NormalizedEndpointFilter } from '../model/connection-filter'
import type { ConnectionRow } from './connection-row'
import { CLIENT, DESTINATION, LOCAL, VIRTUAL } from './connection-row'
import { FAMILY, PORT } from './hex'

type Test = (row: ConnectionRow) => boolean

function addressAt(at: number, { family, a, b, c, d }: PackedAddress): Test {
  // Words are signed.
  const [w, x, y, z] = [a | 0, b | 0, c | 0, d | 0]
  return ({ words }) =>
    words[at] === w &&
    words[at + 1] === x &&
    words[at + 2] === y &&
    words[at + 3] === z &&
    words[at + FAMILY] === family
}

function endpointAt(at: number, { address, port }: NormalizedEndpointFilter): Test[] {
  const tests = [addressAt(at, address)]
  if (port !== undefined) tests.push(({ words }) => words[at + PORT] === port)
  return tests
}

/** Undefined where every row is wanted. */
export function matcherOf(filter: NormalizedConnectionFilter): Test | undefined {
  const { family, protocol, virtual, fwmark, client, destination, localAddress, states, templates } = filter
  const tests: Test[] = []
  if (virtual) tests.push(...endpointAt(VIRTUAL, virtual))
  if (protocol !== undefined) tests.push((row) => row.protocol.number === protocol)
  if (fwmark !== undefined) tests.push((row) => row.fwmark === fwmark)
  if (family !== undefined) tests.push(({ words }) => words[CLIENT + FAMILY] === family)
  if (client) tests.push(...endpointAt(CLIENT, client))
  if (destination) tests.push(...endpointAt(DESTINATION, destination))
  if (states) tests.push((row) => states.has(row.state.state))
  if (templates !== undefined) tests.push((row) => row.template === templates)
  if (localAddress) {
    const same = addressAt(LOCAL, localAddress)
    tests.push((row) => same(row) && row.hasLocal)
  }
  if (tests.length === 0) return undefined
  return (row) => {
    for (const test of tests) if (!test(row)) return false
    return true
  }
}
