/** The public types as text, from the declarations that are built: what a user of the package can see, without a comment. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Declared {
  readonly kind: string
  readonly text: string
}

interface DeclarationFile {
  /** By name. An overloaded function has one text. */
  readonly declared: ReadonlyMap<string, Declared>
  /** By the name here: the file, and the name there. */
  readonly imported: ReadonlyMap<string, readonly [file: string, name: string]>
  /** By the name outside: the file, and the name there. */
  readonly exported: ReadonlyMap<string, readonly [file: string, name: string]>
  /** Whose names are all exported here, too. */
  readonly all: readonly string[]
}

const withoutComments = (text: string): string =>
  text
    // A member that is ours alone goes with its comment; those of classes stand on one line.
    .replace(/^ *\/\*\* @internal \*\/\n.*\n/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^ *\/\/.*$/gm, '')
    .replace(/^ +(private|protected) .*$/gm, '')
    .replace(/\n\s*\n+/g, '\n')

/** tsc begins every statement in the first column, and nothing else but what closes it. */
const statementsOf = (text: string): string[] => text.split(/^(?=[a-z])/m).map((part) => part.trimEnd())

function names(list: string, add: (here: string, there: string) => void): void {
  for (const part of list.split(',')) {
    const [there, here = there] = part
      .replace(/\btype\b/, '')
      .trim()
      .split(/\s+as\s+/)
    if (there && here) add(here, there)
  }
}

function parse(file: string): DeclarationFile {
  const declared = new Map<string, Declared>()
  const imported = new Map<string, readonly [string, string]>()
  const exported = new Map<string, readonly [string, string]>()
  const all: string[] = []
  const resolve = (from: string) => {
    if (!from.startsWith('.')) return undefined
    const path = join(dirname(file), from)
    return existsSync(`${path}.d.ts`) ? `${path}.d.ts` : join(path, 'index.d.ts')
  }
  for (const statement of statementsOf(withoutComments(readFileSync(file, 'utf8')))) {
    const moved = /^(import|export)(?: type)? (?:\{([^}]*)\}|\*) from '([^']+)'/.exec(statement)
    const from = moved && resolve(moved[3] as string)
    if (moved && from) {
      const map = moved[1] === 'import' ? imported : exported
      if (moved[2] === undefined) all.push(from)
      else names(moved[2], (here, there) => map.set(here, [from, there]))
      continue
    }
    const declaration =
      /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|const|function|enum) (\w+)/.exec(
        statement,
      )
    if (!declaration) continue
    const [, kind = '', name = ''] = declaration
    const before = declared.get(name)
    const text = statement.replace(/^export /, '').replace(/^declare /, '')
    declared.set(name, { kind, text: before ? `${before.text}\n${text}` : text })
  }
  return { declared, imported, exported, all }
}

/** Of an entry: the names that it exports, then each declaration that these can be seen to need, by name. */
export function apiReport(entry: string): string {
  const files = new Map<string, DeclarationFile>()
  const fileOf = (path: string): DeclarationFile => {
    const known = files.get(path) ?? parse(path)
    files.set(path, known)
    return known
  }

  const found = new Map<string, string>()
  const seen = new Set<string>()
  /** `path` declares it, or has it from elsewhere; a name of the language has nobody. */
  const visit = (path: string, name: string): void => {
    if (seen.has(`${path} ${name}`)) return
    seen.add(`${path} ${name}`)
    const file = fileOf(path)
    const elsewhere = file.imported.get(name) ?? file.exported.get(name)
    if (elsewhere) {
      visit(...elsewhere)
      return
    }
    const declaration = file.declared.get(name)
    if (!declaration) {
      for (const other of file.all) visit(other, name)
      return
    }
    found.set(`${name}\0${path}`, declaration.text)
    for (const word of new Set(declaration.text.match(/\b[A-Za-z_]\w*\b/g)))
      if (word !== name) visit(path, word)
  }

  const exportsOf = (path: string): (readonly [name: string, file: string, there: string])[] => {
    const file = fileOf(path)
    return [
      ...Array.from(file.exported, ([name, [from, there]]) => [name, from, there] as const),
      ...(path === entry ? [] : Array.from(file.declared.keys(), (name) => [name, path, name] as const)),
      ...file.all.flatMap(exportsOf),
    ]
  }
  const exported = exportsOf(entry).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [, file, there] of exported) visit(file, there)
  const texts = Array.from(found).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${exported.map(([name]) => name).join('\n')}\n\n${texts.map(([, text]) => text).join('\n\n')}\n`
}
