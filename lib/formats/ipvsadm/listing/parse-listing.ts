/** What ipvsadm -L and -G print, for people who have nothing else. */

import type { DaemonInfo, Timeouts } from '../../../model/types'
import type { IpvsTextError } from '../../text/problems'
import { Problems } from '../../text/problems'
import { readText } from '../../text/read-text'
import type { SourceText } from '../../text/source-text'
import { Complaints } from '../complaints'
import type { RulesDialect } from '../dialects'
import { checkDialect, forEachLine } from '../parse-rules'
import type { Word } from '../words'
import { wordAt } from '../words'
import type { LocalAddresses } from './other-rows'
import {
  readConnectionRow,
  readDaemonLine,
  readLocalAddressRow,
  readLocalAddressService,
  readTimeoutLine,
} from './other-rows'
import type { ServiceTitle } from './service-rows'
import { readDestinationRow, readServiceRow, readTitle } from './service-rows'
import type {
  ListedConnection,
  ListedDestination,
  ListedLocalAddresses,
  ListedService,
  Listing,
} from './types'

/** Rows of one text. */
export const MOST_ROWS = 1_000_000

/** Options of `parseListing`. */
export interface ParseListingOptions {
  /**
   * Only `'dpvs'` makes a difference: IPv4 local addresses of an IPv6 service are right there. Default: they are errors, as
   * Alibaba's ipvsadm prints IPv6 ones so.
   */
  readonly dialect?: RulesDialect | undefined
  /** Name of the file, for positions. */
  readonly file?: string | undefined
}

/** A listing, and what could not be read of it. */
export interface ParsedListing extends Listing {
  readonly errors: readonly IpvsTextError[]
  readonly warnings: readonly IpvsTextError[]
  /** Problems beyond the first 1,000 errors and 1,000 warnings. */
  readonly omitted: number
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] }
type Destinations = ListedDestination[]

/** Columns are set apart by any blanks: listings are pasted from mails and pages. */
function cellsOf(source: SourceText, start: number, end: number): Word[] {
  const cells: Word[] = []
  const line = source.text.slice(start, end)
  for (const match of allMatches(/\S+/g, line)) cells.push(wordAt(source, start + match.index, match[0]))
  return cells
}

function* allMatches(pattern: RegExp, text: string): Generator<RegExpExecArray> {
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) yield match
}

const CONNECTIONS = /^pro expire state +source +virtual +destination/
const LOCAL_ADDRESSES = /^VIP:VPORT +TOTAL +SNAT_IP +CONFLICTS +CONNS$/
const VERSION = /^IP Virtual Server version (\S+)(?: \(size=(\d+)\))?$/
const PROMPT = /^(?:\[.*\][#$]|[\w.@:~/-]*[#$%]|[\w.@:~/]*>)\s|^\s*(?:sudo\s+)?ipvsadm\s/

type Section =
  | { readonly kind: 'none' }
  | { readonly kind: 'services'; readonly title: ServiceTitle }
  | { readonly kind: 'connections' }
  | { readonly kind: 'localAddresses' }

class ListingReader {
  readonly problems = new Problems()
  readonly found: Mutable<Listing> = {
    services: undefined,
    connections: undefined,
    localAddresses: undefined,
    timeouts: undefined,
    daemons: undefined,
    version: undefined,
    connectionTableSize: undefined,
  }
  private section: Section = { kind: 'none' }
  /** Of the last service; undefined where that could not be read: its destinations belong to nobody. */
  private destinations: Destinations | undefined
  private owner: LocalAddresses | undefined
  private lines = 0

  constructor(private readonly dialect: RulesDialect | undefined) {}

  /** False where no more is read. */
  line(source: SourceText, start: number, end: number): boolean {
    const complaints = new Complaints(this.problems)
    const text = source.text.slice(start, end)
    const row = wordAt(source, start, text.trimEnd())
    const number = ++this.lines
    if (number > MOST_ROWS) {
      complaints.error('too-many-rows', `more than ${MOST_ROWS} lines: the rest is not read`, row.span)
      return false
    }
    if (row.text === '' || this.heading(row.text) || this.single(row.text)) return true
    if (PROMPT.test(text)) {
      complaints.error(
        'prompt',
        'this is a prompt or a command, not what it printed',
        row.span,
        'Leave it out.',
      )
      return true
    }
    const cells = cellsOf(source, start, end)
    switch (this.section.kind) {
      case 'services':
        this.serviceOrDestination(cells, row, number, this.section.title, complaints)
        return true
      case 'connections': {
        const connection = readConnectionRow(cells, row, number, complaints)
        if (connection) (this.found.connections as ListedConnection[]).push(connection)
        return true
      }
      case 'localAddresses':
        this.localAddress(cells, row, number, complaints)
        return true
      default:
        complaints.error(
          'no-title',
          'this belongs to no list: there is no title above',
          row.span,
          'Keep the titles.',
        )
        return true
    }
  }

  private heading(text: string): boolean {
    const version = VERSION.exec(text)
    if (version) {
      this.found.version = version[1]
      this.found.connectionTableSize = version[2] === undefined ? undefined : Number(version[2])
      return true
    }
    const title = readTitle(text)
    if (title) {
      this.section = { kind: 'services', title }
      this.found.services ??= []
      this.destinations = undefined
      return true
    }
    if (this.section.kind === 'services' && /^ *-> RemoteAddress:Port/.test(text)) {
      if (/ TunnelInfo /.test(text))
        this.section = { kind: 'services', title: { ...this.section.title, columns: 'tunnels' } }
      return true
    }
    if (text === 'IPVS connection entries') return true
    if (CONNECTIONS.test(text)) {
      this.section = { kind: 'connections' }
      this.found.connections ??= []
      return true
    }
    if (!LOCAL_ADDRESSES.test(text)) return false
    this.section = { kind: 'localAddresses' }
    this.found.localAddresses ??= []
    this.owner = undefined
    return true
  }

  /** Lines that tell everything by themselves. */
  private single(text: string): boolean {
    const timeouts: Timeouts | undefined = readTimeoutLine(text)
    if (timeouts) {
      this.found.timeouts = timeouts
      return true
    }
    const daemon: DaemonInfo | undefined = readDaemonLine(text)
    if (daemon) this.found.daemons = [...(this.found.daemons ?? []), daemon]
    return daemon !== undefined
  }

  private serviceOrDestination(
    cells: readonly Word[],
    row: Word,
    line: number,
    title: ServiceTitle,
    complaints: Complaints,
  ): void {
    const [arrow, ...rest] = cells
    if (arrow?.text === '->') {
      const destination = readDestinationRow(rest, row, line, title, complaints)
      if (destination) this.destinations?.push(destination)
      return
    }
    const service = readServiceRow(cells, row, line, title, complaints)
    this.destinations = undefined
    if (!service) return
    const destinations: Destinations = []
    this.destinations = destinations
    const services = this.found.services as ListedService[]
    services.push({ ...service, destinations })
  }

  private localAddress(cells: readonly Word[], row: Word, line: number, complaints: Complaints): void {
    if (!/^\s/.test(row.text)) {
      this.checkTotal(complaints, row)
      this.owner = readLocalAddressService(cells, row, line, complaints)
      if (this.owner) (this.found.localAddresses as ListedLocalAddresses[]).push(this.owner)
    } else if (this.owner) {
      readLocalAddressRow(cells, row, line, this.owner, this.dialect, complaints)
    }
  }

  /** Of the service that ends here. */
  checkTotal(complaints: Complaints, row: Word): void {
    const { owner } = this
    if (!owner || owner.localAddresses.length === owner.total) return
    const description = `the service above has ${owner.localAddresses.length} local addresses here, and says ${owner.total}`
    complaints.warn('wrong-total', description, row.span)
  }

  end(source: SourceText): void {
    const { length } = source.text
    this.checkTotal(new Complaints(this.problems), wordAt(source, length, ''))
  }
}

/**
 * Reads listings of all dialects: `-L -n` with `--stats`, `--rate`, `--thresholds`, `--persistent-conn`, `--tun-info`, `-c`,
 * `--timeout`, `--daemon`, and `-G`; several one after the other, too. What is a list is told by its title, so titles must be
 * there; names, masked addresses and prompts are errors. Blanks between columns may be more or fewer.
 *
 * Collects all problems: a row with one is left out, and so are the destinations of a service that is. Throws an
 * `IpvsTextError` where the text cannot be read at all (see `readText`). Limit: 1,000,000 lines (`too-many-rows`).
 */
export function parseListing(
  text: string | Uint8Array,
  { file, dialect }: ParseListingOptions = {},
): ParsedListing {
  const source = readText(text, file)
  const reader = new ListingReader(dialect === undefined ? undefined : checkDialect(dialect))
  forEachLine(source.text, (start, end) => reader.line(source, start, end))
  reader.end(source)
  const { errors, warnings, omitted } = reader.problems
  return { ...reader.found, errors, warnings, omitted }
}
