/** /proc/net/ip_vs_status of mainline kernels with tables that grow (ip_vs_ctl.c:ip_vs_status_show). */

import type { HashTableStatus, KernelStatus, StatusLine } from '../model/observed'
import type { TextSource } from './lines'
import { Lines } from './lines'

const UINT = '(0|[1-9]\\d{0,9})'
const PERCENT = '\\(\\d{1,3}%\\)'
const count = (name: string) => new RegExp(`^${name}:\\t${UINT}$`)
/** A table that is not there yet has 0 buckets; `lfactor` is a power of two, and can be negative. */
const size = (table: string) =>
  new RegExp(`^${table} buckets:\\t${UINT} \\((\\d{1,2}) bits, lfactor (-?\\d{1,2})\\)$`)
const empty = (table: string) => new RegExp(`^${table} buckets empty:\\t${UINT} ${PERCENT}$`)
const chain = (table: string) => new RegExp(`^${table} buckets len-([1-9]\\d{0,2}):\\t${UINT} ${PERCENT}$`)

interface TableForms {
  readonly size: RegExp
  readonly empty: RegExp
  readonly chain: RegExp
}
const formsOf = (table: string): TableForms => ({
  size: size(table),
  empty: empty(table),
  chain: chain(table),
})

const CONNECTIONS = count('Conns')
const CONNECTION_TABLE = formsOf('Conn')
const SERVICES = count('Services')
const SERVICE_TABLE = formsOf('Service')
const SLOTS = new RegExp(`^Stats thread slots:\\t${UINT} \\(max (\\d{1,20})\\)$`)
const CHAIN = count('Stats chain max len')
const ESTIMATORS = count('Stats thread ests')
/** What a line looks like, whatever it says. */
const ANY = /^([A-Za-z][^\t:]*):\t(\S.*)$/
const KNOWN = /^(Conns|Conn buckets|Services|Service buckets|Stats thread|Stats chain)\b/

class StatusReader {
  readonly other: StatusLine[] = []
  private readonly lines: Lines

  constructor(text: string, source: TextSource) {
    this.lines = new Lines(text, source)
  }

  /** The next line of this form; what this library does not know may stand before it. */
  match(form: RegExp): RegExpExecArray {
    this.skipUnknown(form)
    return this.lines.match(form)
  }

  take(form: RegExp): RegExpExecArray | undefined {
    this.skipUnknown(form)
    return this.lines.take(form)
  }

  refuse(): never {
    return this.lines.refuse()
  }

  end(): void {
    this.skipUnknown(undefined)
    this.lines.end()
  }

  private skipUnknown(wanted: RegExp | undefined): void {
    for (;;) {
      const line = this.lines.peek()
      if (line === undefined || wanted?.test(line) || KNOWN.test(line)) return
      const match = ANY.exec(line)
      if (!match) return
      this.other.push({ name: match[1] as string, value: match[2] as string })
      this.lines.next()
    }
  }
}

function tableOf(reader: StatusReader, forms: TableForms): HashTableStatus {
  const [, buckets, bits, loadFactor] = reader.match(forms.size)
  const emptyBuckets = reader.take(forms.empty)
  const chains: { length: number; buckets: number }[] = []
  for (;;) {
    const match = emptyBuckets && reader.take(forms.chain)
    if (!match) break
    const length = Number(match[1])
    if (length <= (chains.length > 0 ? (chains[chains.length - 1] as { length: number }).length : 0))
      reader.refuse()
    chains.push({ length, buckets: Number(match[2]) })
  }
  return {
    buckets: Number(buckets),
    bits: Number(bits),
    loadFactor: Number(loadFactor),
    emptyBuckets: emptyBuckets && Number(emptyBuckets[1]),
    chains,
  }
}

export function parseKernelStatus(text: string, source: TextSource): KernelStatus {
  const reader = new StatusReader(text, source)
  const connections = Number(reader.match(CONNECTIONS)[1])
  const connectionTable = tableOf(reader, CONNECTION_TABLE)
  const services = Number(reader.match(SERVICES)[1])
  const serviceTable = tableOf(reader, SERVICE_TABLE)
  const slots = reader.match(SLOTS)
  const chainLength = Number(reader.match(CHAIN)[1])
  const perThread = Number(reader.match(ESTIMATORS)[1])
  reader.end()
  return {
    connections,
    connectionTable,
    services,
    serviceTable,
    estimation: { threads: Number(slots[1]), threadsMax: Number(slots[2]), chainLength, perThread },
    other: reader.other,
  }
}
