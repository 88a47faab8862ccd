/** Numbers and names as the view shows them. */

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/** 0.02 is '<0.1', 1234567 is '1.2M'. */
export function short(value: number): string {
  if (value === 0) return '0'
  if (value < 0.05) return '<0.1'
  let size = value
  let unit = 0
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000
    unit++
  }
  return `${size.toFixed(size < 9.95 ? 1 : 0)}${UNITS[unit]}`
}

/** Counts: exact up to a million. */
export const whole = (value: number | bigint): string =>
  value < 1_000_000 ? String(value) : short(Number(value))

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`

/** Names and messages can come from anybody; what moves the cursor must not get to the terminal, nor what has another width. */
export const printable = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').replace(/[^ -~]/gu, '?')

export const clip = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}~`.slice(0, width) : text

const collator = new Intl.Collator('en', { numeric: true })
export const byName = (a: string, b: string): number => collator.compare(a, b)

export const sum = <T>(list: readonly T[], value: (one: T) => number): number =>
  list.reduce((all, one) => all + value(one), 0)

/** `2030-01-31 12:00:00Z` */
export const timeStamp = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace('T', ' ').replace(/\.\d+/, '')

export const explain = ({ message, hint }: { message: string; hint?: string | undefined }): string[] =>
  hint === undefined ? [message] : [message, hint]
