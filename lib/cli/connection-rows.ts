/** Connections as they come, one line each: a table of a million of them is in no memory at once. */

import { toJson } from '../model/json'
import type { ConnectionInfo } from '../model/observed'
import type { Invocation } from './command'
import { Progress } from './progress'

export interface ConnectionLayout {
  readonly titles: string
  readonly row: (one: ConnectionInfo) => string
}

/** Rows that go out together. */
const ROWS = 200

/** As text, or as a JSON array with a connection in each line. */
export async function writeConnections(
  connections: AsyncIterableIterator<ConnectionInfo>,
  { out, err, json }: Invocation,
  { titles, row }: ConnectionLayout,
): Promise<void> {
  // Of what goes to a terminal the terminal shows how far it is.
  const progress = out.isTerminal ? undefined : new Progress(err)
  let text = json ? '[' : titles
  let count = 0
  for await (const one of connections) {
    if (json) text += `${count === 0 ? '\n' : ',\n'}${toJson(one)}`
    else text += row(one)
    count++
    if (count % ROWS !== 0) continue
    await out.write(text)
    text = ''
    await progress?.show(() => `${count} connections`)
    if (out.gone) break
  }
  await progress?.end()
  await out.write(json ? `${text}${count === 0 ? '' : '\n'}]\n` : text)
}
