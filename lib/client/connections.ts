/** Connections that a kernel lists. */

import { withCallerStack } from '../dispatch/caller-stack'
import type { NormalizedConnectionOptions } from '../input/connection-options'
import { checkConnectionOptions } from '../input/connection-options'
import { ruleConnections } from '../kernel/rules'
import type { ConnectionCountBy, ConnectionCountOptions, ConnectionOptions } from '../model/connection-filter'
import type { ConnectionInfo } from '../model/observed'
import type { ConnectionRow } from '../procfs/connection-row'
import { ConnectionObjects } from '../procfs/connection-row'
import type { ConnectionTally } from '../procfs/connection-tally'
import { tallyBy } from '../procfs/connection-tally'
import { ConnectionIterator } from './connection-iterator'
import { ConnectionReading } from './connection-reading'
import type { FileClient } from './file-call'

function checked(
  source: FileClient,
  options: ConnectionCountOptions | undefined,
  operation: string,
  counted: boolean,
): NormalizedConnectionOptions {
  const capabilities = source.context().capabilities
  const asked = checkConnectionOptions(options, capabilities.destinationFamily, counted)
  const byLocalAddress = asked.filter.localAddress !== undefined || asked.by === 'localAddress'
  ruleConnections(capabilities, byLocalAddress, operation)
  return asked
}

async function readAll(
  source: FileClient,
  asked: NormalizedConnectionOptions,
  operation: string,
  visit: (row: ConnectionRow) => void,
): Promise<void> {
  const reading = await ConnectionReading.open({ source, asked, operation, visit })
  while (await reading.step());
}

async function listConnections(
  source: FileClient,
  options: ConnectionOptions | undefined,
): Promise<ConnectionInfo[]> {
  const operation = 'connections.list'
  const asked = checked(source, options, operation, false)
  const objects = new ConnectionObjects()
  const found: ConnectionInfo[] = []
  await readAll(source, asked, operation, (row) => found.push(objects.of(row)))
  return found
}

async function countConnections(
  source: FileClient,
  options: ConnectionCountOptions | undefined,
): Promise<number | Map<string, number>> {
  const operation = 'connections.count'
  const asked = checked(source, options, operation, true)
  const tally: ConnectionTally | undefined = asked.by && tallyBy(asked.by)
  let count = 0
  await readAll(source, asked, operation, (row) => {
    count++
    tally?.add(row)
  })
  return tally ? tally.result() : count
}

/**
 * `ipvs.connections`: what /proc/net/ip_vs_conn says, with every column where this kernel has it. fullnat-v3 has no such file:
 * everything rejects with `ERR_IPVS_UNSUPPORTED` there (`capabilities.connectionList`).
 *
 * It is no snapshot. The kernel finds its place again for each page by counting (ip_vs_conn.c:ip_vs_conn_array), so what goes
 * meanwhile makes it skip others, and what comes makes it repeat some; of repeats the last 8,192 connections are known
 * and left out. Each page walks through the table from its start (not on Linux 7), so the work grows with the square of the table:
 * docs/connections.md says what that costs.
 *
 * A line that no kernel writes rejects with `ERR_IPVS_MALFORMED_FILE`, with `file`, `line` and `text`. `timeout` is for each
 * read. What is wrong with the options rejects before anything is opened. A service that does not exist has no connections.
 */
export class Connections {
  /** @internal */
  constructor(private readonly source: FileClient) {}

  /**
   * One after the other, as they are asked for; at most two pages are read ahead. The file is closed at the end, at
   * `limit`, by an error, by an abort, and by `return()`, which loops call when they are left.
   */
  iterate(options?: ConnectionOptions): AsyncIterableIterator<ConnectionInfo> {
    const operation = 'connections.iterate'
    let asked: NormalizedConnectionOptions
    try {
      asked = checked(this.source, options, operation, false)
    } catch (error) {
      return new ConnectionIterator(() => Promise.reject(error))
    }
    return new ConnectionIterator((visit, aborted) =>
      ConnectionReading.open({ source: this.source, asked, operation, visit, aborted }),
    )
  }

  /** All of them at once: some 500 bytes each. */
  list(options?: ConnectionOptions): Promise<ConnectionInfo[]> {
    return withCallerStack(listConnections(this.source, options))
  }

  /** How many; nothing is made of a row. */
  count(options?: ConnectionOptions & { readonly by?: undefined }): Promise<number>
  /**
   * How many of each, the most first. `'state'`: by its word. `'destination'`: by `'10.0.0.5:8080'`, `'[2001:db8::5]:8080'`.
   * `'localAddress'`: by the address, of FULLNAT connections alone.
   */
  count(options: ConnectionOptions & { readonly by: ConnectionCountBy }): Promise<Map<string, number>>
  count(options?: ConnectionCountOptions): Promise<number | Map<string, number>> {
    return withCallerStack(countConnections(this.source, options))
  }
}
