/** A terminal as far as the view needs one: what would be seen after all that was written. */

/** Behind the escape character. */
const SEQUENCE = /\[(\?)?([\d;]*)([A-Za-z])/y

export class Screen {
  private cells: string[][] = []
  private row = 0
  private column = 0
  /** The screen of programs, beside that of the shell. */
  alternate = false
  /** It is seen. */
  cursor = true
  /** What characters look like now: SGR parameters, empty for plain. */
  style = ''
  /** Something was not plain. */
  styled = false

  constructor(
    private columns: number,
    private rows: number,
  ) {
    this.erase()
  }

  private erase(): void {
    this.cells = Array.from({ length: this.rows }, () => Array<string>(this.columns).fill(' '))
  }

  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.cells = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (_, column) => this.cells[row]?.[column] ?? ' '),
    )
  }

  lines(): string[] {
    return this.cells.map((row) => row.join('').trimEnd())
  }

  /** Throws what is no sequence that a terminal of this kind knows, and what runs out of the screen. */
  write(text: string): void {
    for (let i = 0; i < text.length; ) {
      SEQUENCE.lastIndex = i + 1
      const match = text[i] === '\u001b' ? SEQUENCE.exec(text) : null
      if (match) {
        this.sequence(match[1] === '?', match[2] as string, match[3] as string)
        i = SEQUENCE.lastIndex
        continue
      }
      const character = text[i++] as string
      if (character === '\r') this.column = 0
      else if (character === '\n') this.row++
      else this.put(character)
    }
  }

  private put(character: string): void {
    if (character < ' ' || character > '~') throw new Error(`not printable: ${JSON.stringify(character)}`)
    const row = this.cells[this.row]
    if (!row || this.column >= this.columns) {
      // What a shell prints scrolls; a program with a screen of its own must not.
      if (this.alternate) throw new Error(`beyond the screen: ${this.row}, ${this.column}`)
      return
    }
    row[this.column++] = character
  }

  private sequence(isPrivate: boolean, parameters: string, final: string): void {
    const on = final === 'h'
    if (isPrivate && parameters === '1049') this.alternate = on
    else if (isPrivate && parameters === '25') this.cursor = on
    else if (final === 'H')
      [this.row, this.column] = parameters.split(';').map((n) => Number(n) - 1) as [number, number]
    else if (final === 'K') this.cells[this.row]?.fill(' ', Math.min(this.column, this.columns - 1))
    else if (final === 'J') this.erase()
    else if (final === 'm') {
      this.style = parameters === '0' ? '' : parameters
      this.styled ||= this.style !== ''
    } else throw new Error(`unknown sequence: ${parameters}${final}`)
  }
}
