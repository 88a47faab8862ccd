/** Code blocks of the documentation: what is written where, and what the comments around them say. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Comments beside a fence, which readers do not see:
 *
 * - `<!-- setup DIALECT: CODE -->` before it: the kernel that it runs on, and what comes first. Both can be left out. `ends
 *   CODE` behind the dialect: it rejects with that code.
 * - `<!-- continue DIALECT: CODE -->`: the same, in the scene of the block before.
 * - `<!-- check: CODE -->` behind it: what must be true then.
 * - `<!-- machine: WHY -->` before it: commands of the machine are left out, those of ipvsadm and ours run.
 * - `<!-- not run: WHY -->` before it.
 */
export interface CodeBlock {
  /** Below the root. */
  readonly file: string
  /** Of its first line of code, from 1. */
  readonly line: number
  /** `''` is text, not code. */
  readonly language: string
  readonly code: string
  readonly dialect: 'mainline' | 'fullnat-v2' | 'fullnat-v3'
  readonly continues: boolean
  /** Code, padded so that its lines are those of the file. */
  readonly setup: Piece | undefined
  readonly check: Piece | undefined
  readonly ends: string | undefined
  readonly machine: string | undefined
  readonly notRun: string | undefined
}

export interface Piece {
  readonly line: number
  readonly code: string
}

interface Comment {
  readonly kind: string
  readonly words: readonly string[]
  readonly body: Piece
}

const DIALECTS = ['mainline', 'fullnat-v2', 'fullnat-v3'] as const

/** The comment whose last line is `end`, or whose first is `start`. */
function commentOf(lines: readonly string[], from: number, to: number, file: string): Comment {
  const text = lines.slice(from, to + 1).join('\n')
  const match = /^\s*<!--\s*(setup|continue|check|machine|not run)\b([^:]*?)(?::([\s\S]*?))?-->\s*$/.exec(
    text,
  )
  if (!match) throw new Error(`${file}:${from + 1}: a comment beside a code block that says nothing known`)
  const [, kind = '', words = '', body = ''] = match
  const before = text.slice(0, text.indexOf(body, (match[1] as string).length)).split('\n').length - 1
  return { kind, words: words.split(/\s+/).filter(Boolean), body: { line: from + 1 + before, code: body } }
}

function commentBefore(lines: readonly string[], fence: number, file: string): Comment | undefined {
  const last = fence - 1
  if (!lines[last]?.trimEnd().endsWith('-->')) return undefined
  let first = last
  while (first > 0 && !lines[first]?.trimStart().startsWith('<!--')) first--
  return commentOf(lines, first, last, file)
}

function commentAfter(lines: readonly string[], fence: number, file: string): Comment | undefined {
  const first = fence + 1
  if (!lines[first]?.startsWith('<!-- check')) return undefined
  let last = first
  while (!lines[last]?.trimEnd().endsWith('-->')) last++
  return commentOf(lines, first, last, file)
}

function blockAt(lines: readonly string[], open: number, close: number, file: string): CodeBlock {
  const language = (lines[open] as string).trim().slice(3).trim()
  const comment = language === '' ? undefined : commentBefore(lines, open, file)
  const words = [...(comment?.words ?? [])]
  const ends = words.includes('ends') ? words.splice(words.indexOf('ends'), 2)[1] : undefined
  const dialect = DIALECTS.find((name) => words.includes(name)) ?? 'fullnat-v2'
  const isSetup = comment?.kind === 'setup' || comment?.kind === 'continue'
  const why = (kind: string) => (comment?.kind === kind ? comment.body.code.trim() : undefined)
  return {
    file,
    line: open + 2,
    language,
    code: lines.slice(open + 1, close).join('\n'),
    dialect,
    continues: comment?.kind === 'continue',
    setup: isSetup ? comment.body : undefined,
    check: commentAfter(lines, close, file)?.body,
    ends,
    machine: why('machine'),
    notRun: why('not run'),
  }
}

function blocksOf(file: string, lines: readonly string[]): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open = -1
  for (const [i, line] of lines.entries()) {
    if (!/^\s*```/.test(line)) continue
    if (open < 0) open = i
    else {
      blocks.push(blockAt(lines, open, i, file))
      open = -1
    }
  }
  if (open >= 0) throw new Error(`${file}:${open + 1}: a code block without an end`)
  return blocks
}

const read = (file: string): string[] => readFileSync(join(root, file), 'utf8').split('\n')

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
    .sort()
}

/** The lines of docstrings, and empty ones in the place of all others. */
function docstringLines(file: string): string[] {
  let inside = false
  return read(file).map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true
    const text = inside ? line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, '').replace(/\s*\*\/$/, '') : ''
    if (line.includes('*/')) inside = false
    return text
  })
}

/** Of README, guides and docstrings, in the order of files and lines. */
export function codeBlocks(): CodeBlock[] {
  const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesBelow('docs', '.md')]
  return [
    ...pages.flatMap((file) => blocksOf(file, read(file))),
    ...filesBelow('lib', '.ts').flatMap((file) => blocksOf(file, docstringLines(file))),
  ]
}
