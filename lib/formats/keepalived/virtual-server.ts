/** `virtual_server`: what its block says, as it stands; what becomes of it is seen when the whole file is read. */

import type { AddressFamily, PackedAddress } from '../../model/address'
import type { Family, SchedulerFlag } from '../../model/types'
import type { Method } from './forwarding'
import { readFwmark } from './groups'
import { SERVICE_KEYWORDS } from './keywords'
import type { RealServer } from './real-server'
import type { Report } from './report'
import { readStatements } from './statements'
import type { Statement } from './tree'
import type { CheckerParameter, SorryServer } from './types'
import { readAddress, readPort } from './values'
import { SERVICE_READERS } from './virtual-server-keywords'
import type { Word } from './words'

export type Target =
  | {
      readonly kind: 'address'
      readonly packed: PackedAddress
      readonly text: string
      readonly family: AddressFamily
      readonly port: number
    }
  | { readonly kind: 'fwmark'; readonly fwmark: number }
  | { readonly kind: 'group'; readonly name: string; readonly word: Word }

export interface Persistent {
  timeout: number | undefined
  granularity: Word | undefined
  engine: Word | undefined
}

/** Filled in keyword by keyword. */
export interface VirtualServer {
  readonly statement: Statement
  readonly target: Target
  protocol: Word | undefined
  scheduler: Word | undefined
  readonly flags: Set<SchedulerFlag>
  onePacket: Word | undefined
  method: Method | undefined
  readonly persistent: Persistent
  synproxy: boolean
  establishedTimeout: { readonly seconds: number; readonly word: Word } | undefined
  localGroup: Word | undefined
  family: Family | undefined
  weight: number
  quorum: number
  hysteresis: number
  alpha: boolean
  omega: boolean
  inhibit: boolean
  quorumUp: string | undefined
  quorumDown: string | undefined
  sorry:
    | (Omit<SorryServer, 'forwarding' | 'tunnel'> & {
        readonly method: Method | undefined
        readonly word: Word
      })
    | undefined
  readonly realServers: RealServer[]
  readonly parameters: CheckerParameter[]
}

function readTarget({ words, block }: Statement, report: Report): Target | undefined {
  const [keyword, first, second] = words as [Word, Word | undefined, Word | undefined]
  if (!first)
    return report.error('missing-value', 'virtual_server needs an address, a fwmark or a group', keyword.span)
  if (first.text === 'group') {
    if (second) return { kind: 'group', name: second.text, word: second }
    return report.error('missing-value', 'virtual_server group needs a name', first.span)
  }
  if (first.text === 'fwmark') {
    const fwmark = readFwmark(second, first, report)
    return fwmark === undefined ? undefined : { kind: 'fwmark', fwmark }
  }
  if (first.text === 'match' && report.dialect === 'dpvs') {
    return report.error('snat', 'virtual_server match is SNAT of dpvs, and nothing of IPVS', first.span)
  }
  const address = readAddress(first, keyword, report)
  const port = readPort(second, keyword, block !== undefined, report)
  return address && port !== undefined ? { kind: 'address', port, ...address } : undefined
}

/** Undefined where its head has an error: the block is then read for its problems only. */
export function readVirtualServer(statement: Statement, report: Report): VirtualServer | undefined {
  const target = readTarget(statement, report)
  const extra = statement.words[3]
  if (extra) report.warn('extra-words', `${report.program} does not read '${extra.text}' here`, extra.span)
  const server: VirtualServer = {
    statement,
    target: target ?? { kind: 'fwmark', fwmark: 0 },
    protocol: undefined,
    scheduler: undefined,
    flags: new Set(),
    onePacket: undefined,
    method: undefined,
    persistent: { timeout: undefined, granularity: undefined, engine: undefined },
    synproxy: false,
    establishedTimeout: undefined,
    localGroup: undefined,
    family: undefined,
    weight: 1,
    quorum: 1,
    hysteresis: 0,
    alpha: false,
    omega: false,
    inhibit: false,
    quorumUp: undefined,
    quorumDown: undefined,
    sorry: undefined,
    realServers: [],
    parameters: [],
  }
  if (!statement.block) report.error('missing-block', 'virtual_server has no block', statement.span)
  const known = SERVICE_KEYWORDS[report.dialect]
  readStatements(
    server,
    statement.block ?? [],
    SERVICE_READERS,
    (word) => known.has(word),
    'virtual_server',
    report,
  )
  return target && server
}
