/** Options of a command: a table of what there is, and what was given. */

import { UsageError } from './errors'

export interface OptionSpec {
  /** Name of its value in the help; undefined: a switch. */
  readonly value?: string | undefined
  readonly help: string
  /** May be given more than once. */
  readonly repeats?: boolean | undefined
}

export interface OptionSpecs {
  readonly [name: string]: OptionSpec
}

const LARGEST_DISTANCE = 2

/** Edits from one word to the other (Levenshtein), for what was meant. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + same))
    }
    row = next
  }
  return row[to.length] as number
}

/** The name that is nearest to a wrong one; undefined where none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, edits: distance(word, name) }))
    .sort((a, b) => a.edits - b.edits)
  return best && best.edits <= LARGEST_DISTANCE ? best.name : undefined
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`
  throw new UsageError(`--${name} ${text}: must be a whole number ${range}`)
}

/** What was given, by name without the dashes. */
export class GivenOptions {
  private readonly given = new Map<string, string[]>()

  add(name: string, value: string, { repeats }: OptionSpec): void {
    const before = this.given.get(name)
    if (before && !repeats) throw new UsageError(`--${name} is given twice`)
    if (before) before.push(value)
    else this.given.set(name, [value])
  }

  has(name: string): boolean {
    return this.given.has(name)
  }

  get names(): readonly string[] {
    return Array.from(this.given.keys())
  }

  text(name: string): string | undefined {
    return this.given.get(name)?.[0]
  }

  all(name: string): readonly string[] {
    return this.given.get(name) ?? []
  }

  /** All of its values, which may also stand in one word with commas between them. */
  list(name: string): readonly string[] | undefined {
    const texts = this.given.get(name)
    if (!texts) return undefined
    const items: string[] = []
    for (const text of texts) items.push(...text.split(','))
    if (items.includes('')) throw new UsageError(`--${name}: a value is empty`)
    return items
  }

  numbers(name: string, min = 0, max = 0xffffffff): readonly number[] | undefined {
    return this.list(name)?.map((text) => wholeNumber(name, text, min, max))
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = this.text(name)
    if (text === undefined || values.includes(text as T)) return text as T | undefined
    throw new UsageError(`--${name} ${text}: must be one of ${values.join(', ')}`)
  }

  whole(name: string, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : wholeNumber(name, text, min, max)
  }

  /** As milliseconds. */
  seconds(name: string, { zero = false } = {}): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    const least = zero ? 0 : 0.001
    if (text.trim() !== '' && value >= least && value <= SECONDS_MAX) return Math.round(1000 * value)
    throw new UsageError(`--${name} ${text}: must be seconds from ${least} to ${SECONDS_MAX}`)
  }
}

/** A timer takes no more. */
const SECONDS_MAX = 2147483

export interface Scan {
  /** The option that a word is; undefined where it is none of the table. */
  readonly find: (name: string) => OptionSpec | undefined
  /** Called for a word that is no option, and for an option that is not in the table. */
  readonly other: (word: string) => void
  /** Called with everything behind `--`. */
  readonly rest: (words: readonly string[]) => void
}

/** `--name`, `--name value`, `--name=value`. */
export function scanArguments(words: readonly string[], given: GivenOptions, scan: Scan): void {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    if (word === '--') {
      scan.rest(words.slice(i + 1))
      return
    }
    const equals = word.indexOf('=')
    const name = word.slice(2, equals < 0 ? undefined : equals)
    const spec = word.startsWith('--') ? scan.find(name) : undefined
    if (!spec) {
      scan.other(word)
      continue
    }
    if (spec.value === undefined) {
      if (equals >= 0) throw new UsageError(`--${name} takes no value`)
      given.add(name, '', spec)
      continue
    }
    const value = equals < 0 ? words[++i] : word.slice(equals + 1)
    if (value === undefined) throw new UsageError(`--${name} needs a value: --${name} ${spec.value}`)
    given.add(name, value, spec)
  }
}
