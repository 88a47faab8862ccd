/** keepalived.conf ↔ states. docs/keepalived.md is the guide. */

export type { KeepalivedDialect } from './dialects'
export type { FormatKeepalivedOptions, FormattedKeepalived } from './format-keepalived'
export { formatKeepalived } from './format-keepalived'
export type { IncludedFile, IncludeRequest, IncludeResolver } from './includes'
export {
  MOST_BLOCK_STATEMENTS,
  MOST_EXPANDED_LINES,
  MOST_INCLUDE_DEPTH,
  MOST_INCLUDES,
  MOST_KEEPALIVED_DESTINATIONS,
  MOST_KEEPALIVED_SERVICES,
  MOST_RANGE,
  MOST_SEQUENCE_VALUES,
  MOST_STATEMENTS,
} from './limits'
export type { ParseKeepalivedOptions } from './parse-keepalived'
export { parseKeepalived } from './parse-keepalived'
export type * from './types'
