/** What a configuration may ask for. keepalived has hardly any of these, and ends with its memory. */

/** Files within each other. keepalived has no limit, and reads a cycle until it has no descriptors left. */
export const MOST_INCLUDE_DEPTH = 16
/** Included files of one configuration; their characters together count against `MOST_TEXT`. */
export const MOST_INCLUDES = 1000
/** Values of one `~SEQ` or `~LST`. */
export const MOST_SEQUENCE_VALUES = 65536
/** Lines that `~SEQ`, `~LST` and definitions of several lines make, all together. */
export const MOST_EXPANDED_LINES = 500_000
/** Sequences and definitions of several lines within each other, and replacements in one line. */
export const MOST_EXPANSION_DEPTH = 64
/** Replacements of `$NAME`, all together. */
export const MOST_REPLACEMENTS = 1_000_000
/** Lines of one definition. */
export const MOST_DEFINITION_LINES = 10_000
/** Keywords of all files together: 10,000 services with 20 real servers each, checked, have a million. */
export const MOST_STATEMENTS = 2_000_000
/** Keywords of one block at the top, with all that is in it: 20,000 real servers, checked, have as many. */
export const MOST_BLOCK_STATEMENTS = 200_000
/** Ignored settings that are listed; those beyond are counted. */
export const MOST_IGNORED = 10_000
/** Blocks within each other; keepalived's own go five deep. */
export const MOST_BLOCK_DEPTH = 64
/** Addresses of one entry of a group. */
export const MOST_RANGE = 65536
/** Addresses of a `local_address_group`, all entries together: what a reader of a pool takes. */
export const MOST_GROUP_ADDRESSES = 65536
/** Services that a configuration asks for, those that are there already included, and `virtual_server` blocks that it has. */
export const MOST_KEEPALIVED_SERVICES = 100_000
/**
 * Destinations of all services together: those of a group count for each of its addresses; and real servers that are looked at
 * for it.
 */
export const MOST_KEEPALIVED_DESTINATIONS = 2_000_000
