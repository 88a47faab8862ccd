/** `ipvs-fullnat/formats`: the text of other tools ↔ states. docs/ipvsadm.md and docs/keepalived.md are the guides. */

export type {
  DesiredDestination,
  DesiredLocalAddressDrain,
  DesiredPool,
  DesiredService,
  DesiredState,
} from '../model/desired-state'
export type * from './ipvsadm/command-types'
export type { DetectedDialect, DialectMark } from './ipvsadm/detect-dialect'
export { detectDialect } from './ipvsadm/detect-dialect'
export type { RulesDialect } from './ipvsadm/dialects'
export type { FormatRulesOptions, FormattedRules } from './ipvsadm/format-rules'
export { formatRules } from './ipvsadm/format-rules'
export type { ParsedListing, ParseListingOptions } from './ipvsadm/listing/parse-listing'
export { MOST_ROWS, parseListing } from './ipvsadm/listing/parse-listing'
export type * from './ipvsadm/listing/types'
export type { RulesLoss } from './ipvsadm/losses'
export type {
  ParsedCommand,
  ParsedRules,
  ParseRulesOptions,
  RulesOptions,
} from './ipvsadm/parse-rules'
export { MOST_RULES, parseCommand, parseRules } from './ipvsadm/parse-rules'
export { MOST_POOL_ADDRESSES } from './ipvsadm/pool-addresses'
export type { RulesResolver } from './ipvsadm/resolver'
export type { RulesSnapshot, RulesSource } from './ipvsadm/rules-source'
export * from './keepalived'
export type { Severity } from './text/problems'
export { IpvsTextError, MOST_PROBLEMS } from './text/problems'
export { MOST_LINE, MOST_TEXT } from './text/read-text'
