/** Files of one number: a sysctl of net/ipv4 (kernel/sysctl.c:proc_dointvec), or `features` of an interface, in hexadecimal. */

import type { TextSource } from './lines'
import { Lines } from './lines'

const NUMBER = /^(-?\d{1,10}|0x[\da-f]{1,16})$/

export function parseNumberFile(text: string, source: TextSource): number {
  const lines = new Lines(text, source)
  const [, number] = lines.match(NUMBER)
  lines.end()
  return Number(number)
}
