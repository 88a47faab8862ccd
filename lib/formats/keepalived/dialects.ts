/** Three programs of the name keepalived, and how each of them reads a line. */

import { invalidValue } from '../../errors/argument-errors'

/**
 * `'mainline'`: keepalived of acassen, 2.x. `'alibaba'`: the one of Alibaba's LVS, from keepalived 1.2.2 (all branches read
 * alike). `'dpvs'`: the one of iqiyi's dpvs, from 2.0.19.
 */
export type KeepalivedDialect = 'mainline' | 'alibaba' | 'dpvs'

export const KEEPALIVED_DIALECTS: readonly KeepalivedDialect[] = ['mainline', 'alibaba', 'dpvs']

/** How messages name the program. */
export const PROGRAM_NAMES: Readonly<Record<KeepalivedDialect, string>> = {
  mainline: 'keepalived',
  alibaba: "Alibaba's keepalived",
  dpvs: "dpvs's keepalived",
}

export interface ReadingPolicy {
  /**
   * `'anywhere'`: `#` and `!` end a line wherever they stand outside quotes (lib/parser.c:decomment); `'word-start'`: only where
   * a word would begin (1.2.2, lib/parser.c:alloc_strvec).
   */
  readonly comments: 'anywhere' | 'word-start'
  /** A carriage return ends a line (1.2.2, lib/parser.c:read_line). */
  readonly carriageReturnEnds: boolean
  /** Bytes of a line: a longer one is dropped, or cut (lib/parser.c:MAXBUF). */
  readonly lineBytes: number
  /** A last line without a newline is lost (1.2.2, lib/parser.c:process_stream). */
  readonly needsLastNewline: boolean
  /**
   * `'anywhere'`: a brace ends a line; `'first-word'`: only a `}` that begins a line is one, `{` is not needed and not looked at
   * (1.2.2, lib/parser.c:process_stream).
   */
  readonly braces: 'anywhere' | 'first-word'
  /** `$NAME=`, `~SEQ`, `@id`. */
  readonly definitions: boolean
  /** `~LST`, `~SEQx`, `${_ENV …}`, `includea` … of 2.3 and later. */
  readonly modern: boolean
  /** atoi: what follows the digits is not looked at. Else a number is a number, or refused (lib/parser.c:read_unsigned_func). */
  readonly lenientNumbers: boolean
}

const MODERN: ReadingPolicy = {
  comments: 'anywhere',
  carriageReturnEnds: false,
  lineBytes: 1023,
  needsLastNewline: false,
  braces: 'anywhere',
  definitions: true,
  modern: true,
  lenientNumbers: false,
}

export const READING_POLICIES: Readonly<Record<KeepalivedDialect, ReadingPolicy>> = {
  mainline: MODERN,
  dpvs: { ...MODERN, modern: false },
  alibaba: {
    comments: 'word-start',
    carriageReturnEnds: true,
    lineBytes: 1024,
    needsLastNewline: true,
    braces: 'first-word',
    definitions: false,
    modern: false,
    lenientNumbers: true,
  },
}

export function checkKeepalivedDialect(dialect: unknown, field = 'options.dialect'): KeepalivedDialect {
  if (KEEPALIVED_DIALECTS.includes(dialect as KeepalivedDialect)) return dialect as KeepalivedDialect
  const names = KEEPALIVED_DIALECTS.map((name) => `'${name}'`).join(', ')
  throw invalidValue(field, `must be one of: ${names}`, dialect)
}
