/** Blocks of a shell, on a fake kernel that lives in a file. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { FakeKernel } from '../../../lib/testing'
import { cli, Director } from '../cli/support'
import type { CodeBlock } from './code-blocks'

export interface Typed {
  readonly command: string
  /** What stands below it. */
  readonly output: string
}

/** `console`: what is typed stands behind `$`, the rest is output. `sh`: everything is typed. */
export function typedLines({ language, code }: CodeBlock): Typed[] {
  const lines = code.replace(/\\\n\s*/g, '').split('\n')
  if (language === 'sh') {
    return lines
      .filter((line) => line.trim() && !line.startsWith('#'))
      .map((command) => ({ command, output: '' }))
  }
  const typed: { command: string; output: string }[] = []
  for (const line of lines) {
    const last = typed[typed.length - 1]
    if (line.startsWith('$ ')) typed.push({ command: line.slice(2), output: '' })
    else if (last) last.output += `${line}\n`
  }
  return typed
}

/** Words as a shell has them: quotes, and no comment. */
function words(command: string): string[] {
  const found = command.match(/'[^']*'|"[^"]*"|#.*$|[^\s'"#]+/g) ?? []
  return found.filter((word) => !word.startsWith('#')).map((word) => word.replace(/^(['"])(.*)\1$/, '$2'))
}

/** Without the program, or undefined where it is another's. */
function ownWords(command: string): string[] | undefined {
  const [first, second, ...rest] = words(command)
  if (first === 'npx' && second === 'ipvs-fullnat') return rest
  return first === 'ipvsadm' ? words(command).slice(1) : undefined
}

export const isOurs = (command: string): boolean =>
  command.split('|').every((part) => ownWords(part) !== undefined)

export class Shell {
  readonly director: Director
  constructor(block: CodeBlock) {
    this.director = new Director(block.dialect)
  }

  /** Lets `change` do something to the kernel between two commands. */
  async with(change: (kernel: FakeKernel) => Promise<void>): Promise<void> {
    const { file, dialect } = this.director
    const kernel = new FakeKernel({ dialect })
    if (existsSync(file)) kernel.load(JSON.parse(readFileSync(file, 'utf8')))
    await change(kernel)
    writeFileSync(file, JSON.stringify(kernel.dump()))
  }

  /** Throws where a command fails. Resolves to what the last of the pipe prints. */
  async run(command: string): Promise<string> {
    let input: string | undefined
    for (const part of command.split('|')) {
      const all = ownWords(part) as string[]
      const from = all.indexOf('<')
      const to = all.indexOf('>')
      const redirected = [from, to].filter((i) => i >= 0)
      const argv = all.filter((_, i) => !redirected.some((at) => i === at || i === at + 1))
      if (from >= 0) input = readFileSync(all[from + 1] as string, 'utf8')
      const result = await this.type(argv, input)
      // 2 without a word: a plan that has steps.
      const isFine = result.code === 0 || (result.code === 2 && result.err === '')
      if (!isFine) throw new Error(`${part}: exit ${result.code}\n${result.err}`)
      if (to >= 0) writeFileSync(all[to + 1] as string, result.out)
      input = to >= 0 ? '' : result.out
    }
    return input ?? ''
  }

  /** What needs no kernel is told of none. */
  private async type(argv: readonly string[], input: string | undefined) {
    const options = input === undefined ? {} : { input }
    const needsNone = ['convert', 'import'].includes(argv[0] ?? '') || argv.includes('--fake')
    return needsNone ? cli(argv, options) : this.director.type(argv, options)
  }
}
