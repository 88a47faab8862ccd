/** A view on a terminal, with keys; or block by block in a pipe. */

import { emitKeypressEvents } from 'readline'
import type { CliInput, CliStream } from '../io'
import type { Output } from '../output'
import type { Line } from './lines'
import type { View } from './view'

const ESC = '\x1b['
const STYLES: { readonly [style: string]: string } = {
  head: '1',
  warning: '1;33',
  error: '1;31',
  titles: '7',
  service: '1',
  local: '36',
  log: '35',
  keys: '2',
}
const FALLBACK = { columns: 80, rows: 24 } as const

export interface Screen {
  readonly input: CliInput
  readonly output: CliStream
  readonly color: boolean
}

/** A screen of its own, given back as it was. */
class Terminal {
  private isOpen = false

  constructor(private readonly screen: Screen) {}

  /** Not every terminal says how large it is. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { output } = this.screen
    return { columns: output.columns || FALLBACK.columns, rows: output.rows || FALLBACK.rows }
  }

  open(): void {
    const { input, output } = this.screen
    this.isOpen = true
    if (input.isTTY) input.setRawMode?.(true)
    output.write(`${ESC}?1049h${ESC}?25l${ESC}2J`)
  }

  close(): void {
    if (!this.isOpen) return
    const { input, output } = this.screen
    this.isOpen = false
    if (input.isTTY) input.setRawMode?.(false)
    output.write(`${ESC}0m${ESC}?25h${ESC}?1049l`)
  }

  draw(lines: readonly Line[]): void {
    if (!this.isOpen) return
    const { columns } = this.size
    const pieces = lines.map(({ text, style }, i) => {
      const sgr = STYLES[style]
      const styled = this.screen.color && sgr && text !== '' ? `${ESC}${sgr}m${text}${ESC}0m` : text
      // Behind the last column the cursor stands on it, and erasing would take the character away.
      return `${ESC}${i + 1};1H${styled}${text.length < columns ? `${ESC}K` : ''}`
    })
    this.screen.output.write(pieces.join(''))
  }
}

/** What a key does to the view; 'quit' and 'stop' are for others to do. */
function press(view: View, name: string): void {
  const moves: { readonly [key: string]: number } = {
    up: -1,
    down: 1,
    pageup: -view.page,
    pagedown: view.page,
    home: Number.NEGATIVE_INFINITY,
    end: 1e9,
  }
  const move = moves[name]
  if (move !== undefined) view.offset = Math.max(0, view.offset + move)
  else if (name === 's') view.nextSort()
  else if (name === 'p') view.pause(!view.paused)
  else if (name === 'd') view.expanded = !view.expanded
  else if (name === '?') view.help = !view.help
  else if (name === 'escape') view.help = false
}

interface Key {
  readonly name?: string | undefined
  readonly ctrl?: boolean | undefined
}

const keyName = (text: string | undefined, { name = '', ctrl }: Key = {}): string =>
  ctrl ? `ctrl-${name}` : text === '?' ? '?' : name

export interface Shown {
  /** The view has something new. */
  update(): unknown
  /** When nobody pauses. */
  resumed(): Promise<void>
  close(): void
}

/** `ended` is called by the keys that end it. */
export function onTerminal(view: View, screen: Screen, ended: () => void): Shown {
  const { input, output } = screen
  const terminal = new Terminal(screen)
  let wake: (() => void) | undefined
  const draw = () => terminal.draw(view.screen(terminal.size))
  const again = () => {
    terminal.close()
    terminal.open()
    draw()
  }
  const key = (text: string | undefined, about: Key) => {
    const name = keyName(text, about)
    if (name === 'q' || name === 'ctrl-c') {
      ended()
    } else if (name === 'ctrl-z') {
      // The process stands still in the middle of this, until it is told to go on.
      terminal.close()
      process.kill(process.pid, 'SIGTSTP')
      again()
    } else {
      press(view, name)
      if (!view.paused) wake?.()
      draw()
    }
  }
  const close = () => {
    view.paused = false
    wake?.()
    terminal.close()
    input.removeListener('keypress', key)
    input.removeListener('error', ended)
    input.pause()
    output.removeListener?.('resize', draw)
    process.removeListener('SIGCONT', again)
    process.removeListener('exit', close)
  }
  if (input.isTTY) {
    emitKeypressEvents(input)
    input.on('keypress', key)
    input.on('error', ended)
    input.resume()
  }
  output.on?.('resize', draw)
  process.on('SIGCONT', again)
  process.on('exit', close)
  terminal.open()
  draw()
  return {
    update: draw,
    resumed: () =>
      new Promise((resolve) => {
        wake = resolve
        if (!view.paused) resolve()
      }),
    close,
  }
}

export const inPipe = (view: View, out: Output): Shown => ({
  update: () => out.write(`${view.block().join('\n')}\n\n`),
  resumed: () => Promise.resolve(),
  close: () => {},
})
