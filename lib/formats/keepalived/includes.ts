/** Other files, which the caller brings: no file is read here. */

import { IpvsTextError } from '../text/problems'
import { MOST_TEXT, readText } from '../text/read-text'
import type { SourceText } from '../text/source-text'
import { MOST_INCLUDE_DEPTH, MOST_INCLUDES } from './limits'
import type { LineText } from './line-text'
import type { Report } from './report'

/** A file that an `include` means. */
export interface IncludedFile {
  /** Its name, which is another one for every other file: positions have it, and cycles are found by it. */
  readonly file: string
  /** Bytes are read as UTF-8. */
  readonly text: string | Uint8Array
}

/** An `include` that was read. */
export interface IncludeRequest {
  /** As it stands: a path, relative to the folder of `from`, which may have `*`, `?`, `[…]` and, but for Alibaba's, `{a,b}`. */
  readonly path: string
  /** Name of the file that the `include` stands in. */
  readonly from: string | undefined
}

/** All files that `path` means, in the order they are to be read; empty where there are none. */
export type IncludeResolver = (request: IncludeRequest) => readonly IncludedFile[]

const WITH_LETTER = /^include([rmwba]?)[ \t]+(.*)$/
const PLAIN = /^include()[ \t]+(.*)$/
/** A line of exactly two words (1.2.2, lib/parser.c:check_include). */
const TWO_WORDS = /^include()[ \t]+(\S+)$/

export class Includes {
  readonly files: string[] = []
  private characters: number

  constructor(
    private readonly report: Report,
    private readonly resolve: IncludeResolver | undefined,
    characters: number,
  ) {
    this.characters = characters
  }

  /** The path of an `include` line; undefined where it is none. */
  pathOf(line: LineText): { readonly path: string; readonly strict: boolean } | undefined {
    const { definitions, modern } = this.report.policy
    const match = (definitions ? (modern ? WITH_LETTER : PLAIN) : TWO_WORDS).exec(line.text)
    if (!match) return undefined
    return { path: match[2] as string, strict: match[1] !== '' }
  }

  /** The files of an `include` line, those that can be read; `open` are the names of the files it stands in. */
  read(
    { path, strict }: { readonly path: string; readonly strict: boolean },
    line: LineText,
    open: readonly (string | undefined)[],
  ): readonly SourceText[] {
    const { report } = this
    const span = line.span()
    const refuse = (code: string, description: string, hint?: string): [] => {
      report.error(code, description, span, hint)
      return []
    }
    if (!this.resolve) {
      return refuse(
        'include-unresolved',
        `'${path}' is not read`,
        'Give options.include, which brings the files.',
      )
    }
    if (open.length > MOST_INCLUDE_DEPTH) {
      return refuse('include-too-deep', `more than ${MOST_INCLUDE_DEPTH} files within each other`)
    }
    let files: readonly IncludedFile[]
    try {
      files = this.resolve({ path, from: line.source.file })
    } catch (error) {
      return refuse('include-failed', `'${path}' cannot be read: ${(error as Error)?.message ?? error}`)
    }
    if (files.length === 0) {
      const description = `there is no file '${path}'`
      if (strict) report.error('include-empty', description, span)
      else report.warn('include-empty', `${description}, which ${report.program} says nothing about`, span)
    }
    const sources: SourceText[] = []
    for (const { file, text } of files) {
      if (open.includes(file)) refuse('include-cycle', `'${file}' includes itself`)
      else if (this.files.length >= MOST_INCLUDES) {
        refuse('too-many-includes', `more than ${MOST_INCLUDES} files: '${file}' is not read`)
        break
      } else {
        const source = this.open(file, text, refuse)
        if (source) sources.push(source)
      }
    }
    return sources
  }

  private open(
    file: string,
    text: string | Uint8Array,
    refuse: (code: string, description: string) => unknown,
  ): SourceText | undefined {
    try {
      const source = readText(text, file)
      this.characters += source.text.length
      if (this.characters > MOST_TEXT) {
        refuse('text-too-long', `with '${file}' the files have more than ${MOST_TEXT} characters`)
        return undefined
      }
      this.files.push(file)
      return source
    } catch (error) {
      if (!(error instanceof IpvsTextError)) throw error
      refuse(error.code, error.message)
      return undefined
    }
  }
}
