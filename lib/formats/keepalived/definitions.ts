/** `$NAME=value`, and what stands where it is used (lib/parser.c:check_definition, replace_param). */

import { MOST_DEFINITION_LINES, MOST_EXPANSION_DEPTH, MOST_REPLACEMENTS } from './limits'
import { LineText } from './line-text'
import type { Report } from './report'

const DEFINITION = /^\$([A-Za-z_]\w*)=[ \t]*([\s\S]*)$/
/** With braces it ends anywhere; without, where a blank, `,`, `)` or the end of the line comes. */
const USE = /\$(?:\{([A-Za-z_]\w*)((?:[ \t]+\w+)*)\}|([A-Za-z_]\w*)(?=[ \t,)]|$))/g

/** Their value is that of the moment, or of the machine. */
const OF_THE_MACHINE: readonly string[] = ['_PWD', '_INSTANCE', '_RANDOM']

export interface Replaced {
  readonly line: LineText
  /** Lines of a definition of several that come after this one. */
  readonly following: readonly LineText[]
  readonly changed: boolean
}

export class Definitions {
  private readonly values = new Map<string, string[]>()
  /** The definition whose next line is read. */
  private open: { lines: string[]; name: string } | undefined
  private replacements = 0

  constructor(
    private readonly report: Report,
    private readonly env: { readonly [name: string]: string | undefined },
  ) {
    if (report.policy.modern) {
      this.values.set('_HASH', ['#'])
      this.values.set('_BANG', ['!'])
    }
  }

  get isOpen(): boolean {
    return this.open !== undefined
  }

  /** A definition is taken; `continued`: it ended in a backslash. */
  define(line: LineText, continued: boolean): boolean {
    const match = DEFINITION.exec(line.text)
    if (!match) return false
    const [, name, value] = match as unknown as [string, string, string]
    const lines = continued && value === '' ? [] : [value]
    this.values.set(name, lines)
    this.open = continued ? { lines, name } : undefined
    return true
  }

  /** The next line of the definition that is open. A line with nothing on it ends it. */
  extend(line: LineText, continued: boolean): void {
    const { open } = this
    if (!open) return
    if (open.lines.length >= MOST_DEFINITION_LINES) {
      const description = `definition ${open.name} has more than ${MOST_DEFINITION_LINES} lines: the rest is not read`
      this.report.error('definition-too-long', description, line.span())
      this.open = undefined
      return
    }
    if (line.text !== '') open.lines.push(line.text)
    if (!continued) this.open = undefined
  }

  set(name: string, value: string): void {
    this.values.set(name, [value])
  }

  /** Everything that is defined in the place of its name; what is defined late counts. */
  replace(given: LineText): Replaced {
    let line = given
    let from = 0
    let changed = false
    let following: readonly LineText[] = []
    for (let count = 0; ; ) {
      USE.lastIndex = from
      const use = USE.exec(line.text)
      if (!use) break
      const name = (use[1] ?? use[3]) as string
      const end = use.index + use[0].length
      const lines = this.valueOf(name, use[2] ?? '', line, use.index, end)
      const several = lines !== undefined && lines.length > 1
      if (!lines || (several && end < line.text.length)) {
        if (several)
          this.report.error(
            'definition-of-lines',
            `$${name} has several lines: it can end a line only`,
            line.span(use.index, end),
          )
        from = end
        continue
      }
      if (++count > MOST_EXPANSION_DEPTH || ++this.replacements > MOST_REPLACEMENTS) {
        const description =
          'too many definitions in one line, or one that uses itself: what is left stays as it is'
        this.report.error('definition-recursion', description, line.span(use.index, end))
        break
      }
      const value = lines[0] ?? ''
      if (line.text.length - use[0].length + value.length > this.report.policy.lineBytes) {
        const description = `with the value of $${name} the line is too long for ${this.report.program}`
        this.report.error('line-too-long', description, line.span(use.index, end))
        break
      }
      const at = line.slice(use.index)
      if (several) following = [...lines.slice(1).map((text) => LineText.standingAt(at, text)), ...following]
      line = line.replace(use.index, end, value)
      changed = true
      from = use.index
      if (/^[ \t]*~/.test(value)) break
    }
    return { line, following, changed }
  }

  private valueOf(
    name: string,
    parameters: string,
    line: LineText,
    start: number,
    end: number,
  ): readonly string[] | undefined {
    const known = this.values.get(name)
    if (known) return known
    if (name === '_ENV' && this.report.policy.modern) {
      const variable = parameters.trim()
      const value = Object.prototype.hasOwnProperty.call(this.env, variable) ? this.env[variable] : undefined
      if (value !== undefined) return [value]
      const description = `the environment variable '${variable}' is not given`
      this.report.error('undefined-definition', description, line.span(start, end), 'Give it in options.env.')
    } else if (OF_THE_MACHINE.includes(name)) {
      const description = `\${${name}} has its value where keepalived runs only`
      this.report.error('definition-of-the-machine', description, line.span(start, end))
    } else if (line.text[start + 1] === '{') {
      this.report.error('undefined-definition', `\${${name}} is not defined`, line.span(start, end))
    } else {
      // It may be what it looks like: a password.
      this.report.warn(
        'undefined-definition',
        `$${name} is not defined, and stays as it is`,
        line.span(start, end),
      )
    }
    return undefined
  }
}
