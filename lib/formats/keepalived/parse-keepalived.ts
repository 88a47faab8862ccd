/** keepalived.conf → a desired state, and what goes with it. */

import { invalidType } from '../../errors/argument-errors'
import { checkObject } from '../../input'
import type { DesiredPool } from '../../model/desired-state'
import { Problems } from '../text/problems'
import { readText } from '../text/read-text'
import { Definitions } from './definitions'
import { checkersOf, detailsOf } from './details'
import type { KeepalivedDialect } from './dialects'
import { checkKeepalivedDialect } from './dialects'
import type { GlobalSettings } from './global-defs'
import { noSettings, readGlobalDefs, readVrrpDaemon } from './global-defs'
import type { ServerGroup } from './groups'
import { readLocalGroup, readServerGroup } from './groups'
import type { IncludeResolver } from './includes'
import { Includes } from './includes'
import { IGNORED_ROOT } from './keywords'
import { MOST_KEEPALIVED_SERVICES } from './limits'
import { LineReader } from './line-reader'
import { Report } from './report'
import { ServiceMaker } from './services'
import type { Keyword } from './statements'
import { readStatements } from './statements'
import { readTree } from './tree'
import type { Checker, ParsedKeepalived, ServiceDetails } from './types'
import type { VirtualServer } from './virtual-server'
import { readVirtualServer } from './virtual-server'

/** Options of `parseKeepalived`. */
export interface ParseKeepalivedOptions {
  /** Whose keepalived the text is for: the same text means other things elsewhere. */
  readonly dialect: KeepalivedDialect
  /** Name of the file, for positions and for `include`. */
  readonly file?: string | undefined
  /** Brings the files of `include`. Default: every `include` is an error; no file is ever read here. */
  readonly include?: IncludeResolver | undefined
  /** What keepalived is given as `-i`, for lines that begin with `@id`. Default: such lines are errors. */
  readonly configId?: string | undefined
  /** What `${_ENV NAME}` may name. Default: nothing. */
  readonly env?: { readonly [name: string]: string | undefined } | undefined
  /** Keywords and blocks that the program does not know are errors, not warnings. Default false. */
  readonly strict?: boolean | undefined
}

function checkOptions(
  options: ParseKeepalivedOptions,
): ParseKeepalivedOptions & { readonly dialect: KeepalivedDialect } {
  checkObject(options, 'options')
  const { include, configId, env, strict } = options
  const dialect = checkKeepalivedDialect(options.dialect)
  if (include !== undefined && typeof include !== 'function')
    throw invalidType('options.include', 'function', include)
  if (configId !== undefined && typeof configId !== 'string')
    throw invalidType('options.configId', 'string', configId)
  if (strict !== undefined && typeof strict !== 'boolean')
    throw invalidType('options.strict', 'boolean', strict)
  if (env !== undefined) checkObject(env, 'options.env')
  return { ...options, dialect }
}

/** What stands at the top, before anything is made of it: groups may come after those who name them. */
interface Root {
  readonly settings: GlobalSettings
  readonly groups: Map<string, ServerGroup>
  readonly pools: Map<string, DesiredPool>
  readonly servers: VirtualServer[]
}

const block = (read: Keyword<Root>['read']): Keyword<Root> => ({
  values: Number.POSITIVE_INFINITY,
  block: true,
  read,
})

function keep<T extends { readonly name: string }, V>(
  map: Map<string, V>,
  found: T | undefined,
  value: (found: T) => V,
  twice: () => void,
): void {
  if (!found) return
  if (map.has(found.name)) twice()
  else map.set(found.name, value(found))
}

const ROOT: readonly (readonly [string, Keyword<Root>])[] = [
  [
    'global_defs',
    block(({ settings }, { block: inner }, report) => readGlobalDefs(settings, inner ?? [], report)),
  ],
  [
    'virtual_server_group',
    block((to, statement, report) =>
      keep(
        to.groups,
        readServerGroup(statement, report),
        (group) => group,
        () =>
          report.warn(
            'duplicate-group',
            'a group of this name is there already: the first one counts',
            statement.span,
          ),
      ),
    ),
  ],
  [
    'local_address_group',
    block((to, statement, report) =>
      keep(
        to.pools,
        readLocalGroup(statement, report),
        ({ pool }) => pool,
        () =>
          report.warn(
            'duplicate-group',
            'a group of this name is there already: the first one counts',
            statement.span,
          ),
      ),
    ),
  ],
  [
    'virtual_server',
    block(({ servers }, statement, report) => {
      const server = readVirtualServer(statement, report)
      if (server && servers.length < MOST_KEEPALIVED_SERVICES) servers.push(server)
      else if (server) {
        const description = `more than ${MOST_KEEPALIVED_SERVICES} virtual servers: this one is left out`
        report.error('too-many-services', description, statement.span)
      }
    }),
  ],
  [
    'net_namespace_ipvs',
    block((_, { words: [keyword] }, report) =>
      report.warn(
        'net-namespace',
        `${keyword.text}: the services are in another network namespace`,
        keyword.span,
      ),
    ),
  ],
]

function rootKeywords(dialect: KeepalivedDialect): Map<string, Keyword<Root>> {
  const keywords = new Map(ROOT)
  if (dialect === 'mainline') keywords.delete('local_address_group')
  else keywords.delete('net_namespace_ipvs')
  if (dialect !== 'alibaba') keywords.set('net_namespace', ROOT[ROOT.length - 1]?.[1] as Keyword<Root>)
  for (const [name, reason] of Array.from(IGNORED_ROOT[dialect])) {
    keywords.set(
      name,
      block(({ settings }, statement, report) => {
        report.ignore(name, '', reason, statement.span)
        if (name === 'vrrp_instance') readVrrpDaemon(settings, statement, report)
      }),
    )
  }
  return keywords
}

function tellNftables({ settings, servers }: Root, report: Report): void {
  const { nftables } = settings
  const named = servers.filter(({ target }) => target.kind === 'group')
  if (!nftables || named.length === 0) return
  const description = `${nftables.text}: the kernel has one fwmark service for each group and protocol, with marks that keepalived gives out, and none of the addresses that are read here`
  report.warn('nftables-ipvs', description, nftables.span)
}

/**
 * Reads a configuration of keepalived. Never stops at the first error: what has one is left out, all are reported, and the
 * rest goes on; what is unknown is skipped with its block. No file is read: `options.include` brings them.
 *
 * Throws an `IpvsTextError` where the text cannot be read at all (see `readText`), and an argument error for wrong options.
 * Limits (limits.ts, each with an error of its own): 64 Mi characters with all included files, 1,000 of them and 16 within
 * each other, 65,536 values of a sequence, 500,000 lines of all sequences, 65,536 addresses of a range and of a local group,
 * 100,000 services and 2,000,000 destinations.
 */
export function parseKeepalived(
  text: string | Uint8Array,
  options: ParseKeepalivedOptions,
): ParsedKeepalived {
  const { dialect, file, include, configId, env = {}, strict = false } = checkOptions(options)
  const source = readText(text, file)
  const problems = new Problems()
  const report = new Report(problems, dialect, strict)
  const includes = new Includes(report, include, source.text.length)
  const reader = new LineReader(source, report, new Definitions(report, env), includes, configId)
  const root: Root = { settings: noSettings(), groups: new Map(), pools: new Map(), servers: [] }
  const keywords = rootKeywords(dialect)
  const knows = (word: string) => keywords.has(word)
  readTree(reader, report, (statement) => {
    readStatements(root, [statement], keywords, knows, 'the configuration', report)
    // What was made of it keeps its words, and nothing needs its block any more.
    statement.block = undefined
  })
  tellNftables(root, report)
  const maker = new ServiceMaker(
    { servers: root.groups, local: new Set(Array.from(root.pools.keys())) },
    report,
  )
  const serviceDetails: ServiceDetails[] = []
  const checkers: Checker[] = []
  for (const server of root.servers) {
    const keys = maker.make(server)
    serviceDetails.push(detailsOf(server, keys))
    for (const checker of checkersOf(server, keys)) checkers.push(checker)
  }
  const { timeouts, daemons, following } = root.settings
  const pools: Record<string, DesiredPool> = {}
  for (const [name, pool] of Array.from(root.pools)) {
    Object.defineProperty(pools, name, { value: pool, enumerable: true, configurable: true, writable: true })
  }
  const { errors, warnings, omitted } = problems
  return {
    state: {
      ...(root.pools.size > 0 ? { pools } : {}),
      services: maker.services,
      ...(Object.keys(timeouts).length > 0 ? { timeouts } : {}),
      ...(daemons ? { daemons } : {}),
    },
    serviceDetails,
    checkers,
    syncDaemons: following,
    ignored: report.ignored,
    files: includes.files,
    errors,
    warnings,
    omitted,
  }
}
