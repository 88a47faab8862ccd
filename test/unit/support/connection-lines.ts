// Lists of connections as kernels print them, from objects; and a second reader of them, made of the regular expressions of
// the format (abi.md §7.3) and of nothing that the library uses.

import fc from 'fast-check'
import type { ConnectionInfo } from '../../../lib'

export interface Layout {
  readonly name: string
  readonly header: string
  readonly local: boolean
  readonly origin: boolean
  readonly engine: boolean
}

const START = 'Pro FromIP   FPrt ToIP     TPrt '
export const LAYOUTS: readonly Layout[] = [
  {
    name: 'fullnat-v2 ip_vs_conn',
    header: `${START}LocalIP  LPrt DestIP   DPrt State       Expires`,
    ...{ local: true, origin: false, engine: false },
  },
  {
    name: 'fullnat-v2 ip_vs_conn_sync',
    header: `${START}LocalIP  LPrt DestIP   DPrt State       Origin Expires`,
    ...{ local: true, origin: true, engine: false },
  },
  {
    name: 'mainline ip_vs_conn',
    header: `${START}DestIP   DPrt State       Expires PEName PEData`,
    ...{ local: false, origin: false, engine: true },
  },
  {
    name: 'mainline ip_vs_conn before 2.6.37',
    header: `${START}DestIP   DPrt State       Expires`,
    ...{ local: false, origin: false, engine: false },
  },
  {
    name: 'mainline ip_vs_conn_sync',
    header: `${START}DestIP   DPrt State       Origin Expires`,
    ...{ local: false, origin: true, engine: false },
  },
]

// ---- out, as the format strings of ip_vs_conn.c have it

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')

export interface Place {
  /** IPv4 as a number, IPv6 as eight. */
  readonly address: number | readonly number[]
  readonly port: number
}

export interface Line {
  readonly protocol: string
  readonly client: Place
  readonly virtual: Place
  readonly local: Place
  readonly destination: Place
  readonly state: string
  readonly expires: string
  readonly origin: 'LOCAL' | 'SYNC'
  readonly engine: { readonly name: string; readonly data: string } | undefined
}

const place = ({ address, port }: Place): string => {
  const text =
    typeof address === 'number'
      ? hex(address, 8).toUpperCase()
      : address.map((group) => hex(group, 4)).join(':')
  return `${text} ${hex(port, 4).toUpperCase()}`
}

export function print(line: Line, layout: Layout): string {
  const places = [line.client, line.virtual, ...(layout.local ? [line.local] : []), line.destination]
  const words = [line.protocol.padEnd(3), ...places.map(place), line.state.padEnd(11)]
  if (layout.origin) words.push(line.origin.padEnd(6))
  words.push(line.expires.padStart(7))
  if (layout.engine && line.engine) words.push(line.engine.name, line.engine.data)
  return words.join(' ')
}

// ---- in

const ADDRESS = '([0-9A-F]{8}|(?:[0-9a-f]{4}:){7}[0-9a-f]{4})'
const PLACE = `${ADDRESS} ([0-9A-F]{4}) `

const expression = ({ local, origin, engine }: Layout) =>
  new RegExp(
    `^(\\w{1,31}) +${PLACE}${PLACE}${local ? PLACE : ''}${PLACE}([\\x21-\\x7e]{1,31}) +` +
      `${origin ? '(LOCAL|SYNC) +' : ''}(\\d{1,20})${engine ? '(?: ([\\x21-\\x7e]{1,31}) ([^]*))?' : ''}$`,
  )

const addressOf = (text: string): string => {
  if (!text.includes(':'))
    return (text.match(/../g) as string[]).map((byte) => Number.parseInt(byte, 16)).join('.')
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  if (!mapped) return canonical
  const [high, low] = [mapped[1], mapped[2]].map((group) => Number.parseInt(group as string, 16)) as [
    number,
    number,
  ]
  return `::ffff:${[high >> 8, high & 255, low >> 8, low & 255].join('.')}`
}

const NAMED = ['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6', 'IP']

/** What the library must make of the line, undefined where it must refuse it. */
export function read(text: string, layout: Layout): ConnectionInfo | undefined {
  const found = expression(layout).exec(text)
  if (!found) return undefined
  const fields = found.slice(1)
  const word = fields.shift() as string
  const next = () => ({ text: fields.shift() as string, port: Number.parseInt(fields.shift() as string, 16) })
  const [client, virtual] = [next(), next()]
  const local = layout.local ? next() : undefined
  const destination = next()
  const state = fields.shift() as string
  const origin = layout.origin ? (fields.shift() as string) : undefined
  const seconds = BigInt(fields.shift() as string)
  const [name, data] = fields as (string | undefined)[]
  const family = (one: { text: string }) => one.text.includes(':')
  if (family(client) !== family(virtual) || (local && family(local) !== family(client))) return undefined
  const endpoint = (one: { text: string; port: number }) => ({ address: addressOf(one.text), port: one.port })

  const numbered = /^IP_(\d{1,10})$/.exec(word)
  const protocol = numbered ? Number(numbered[1]) : word.toLowerCase()
  const ofMark = protocol === 'ip' || protocol === 0
  const templateState = ['NONE', 'ASSURED', 'UDP', 'ERR!'].includes(state)
  const template = ofMark || (client.port === 0 && templateState)
  const distinct = local && (local.text !== client.text || local.port !== client.port)
  return {
    protocol,
    client: endpoint(client),
    virtual: ofMark ? undefined : endpoint(virtual),
    fwmark: ofMark ? Number.parseInt(virtual.text.replace(':', '').slice(0, 8), 16) : undefined,
    localAddress: distinct && !template ? endpoint(local) : undefined,
    destination: endpoint(destination),
    state: state.toLowerCase().replaceAll('_', '-'),
    expires: seconds > 2147483647n ? 0 : Number(seconds),
    origin: origin === undefined ? undefined : origin === 'SYNC' ? 'sync' : 'local',
    engine: name === undefined ? undefined : { name, data: data as string },
    template,
  }
}

// ---- any

const port = fc.integer({ min: 0, max: 65535 })
const ipv4 = fc.record({ address: fc.integer({ min: 0, max: 0xffffffff }), port })
const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff }))
const ipv6 = fc.record({ address: fc.array(group, { minLength: 8, maxLength: 8 }), port })

const STATES = [
  'NONE',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
]
const MORE_STATES = [
  'LISTEN',
  'SYNACK',
  'UDP',
  'ERR!',
  'ASSURED',
  'BUG!',
  '?',
  'COOKIE_REPLIED',
  'SHUTDOWN_ACK_SENT',
]

const printable = fc.string({
  unit: fc.integer({ min: 32, max: 255 }).map((byte) => String.fromCharCode(byte)),
  maxLength: 40,
})

const rest = {
  protocol: fc.oneof(
    fc.constantFrom(...NAMED),
    fc.integer({ min: 0, max: 65535 }).map((number) => `IP_${number}`),
  ),
  state: fc.constantFrom(...STATES, ...MORE_STATES),
  expires: fc.oneof(
    fc.integer({ min: 0, max: 2147483647 }).map(String),
    fc.constantFrom('2147483648', '18446744073709551', '73786976294838206', '18446744073709551615'),
  ),
  origin: fc.constantFrom('LOCAL' as const, 'SYNC' as const),
  engine: fc.option(fc.record({ name: fc.constantFrom('sip', 'other'), data: printable }), {
    nil: undefined,
  }),
}

interface Families {
  readonly client: fc.Arbitrary<Place>
  readonly virtual?: fc.Arbitrary<Place>
  readonly local?: fc.Arbitrary<Place>
  readonly destination?: fc.Arbitrary<Place>
}

/** Of FULLNAT kernels the local endpoint is the client's as often as not. */
const ofFamilies = ({ client, virtual = client, local = client, destination = client }: Families) =>
  fc
    .tuple(fc.record({ client, virtual, local, destination, ...rest }), fc.boolean(), fc.boolean())
    .map(([line, repeats, template]): Line => {
      const from = template ? { ...line.client, port: 0 } : line.client
      return { ...line, client: from, local: repeats ? from : line.local }
    })

/** The last two no kernel prints. */
export const anyLine: fc.Arbitrary<Line> = fc.oneof(
  { arbitrary: ofFamilies({ client: ipv4 }), weight: 4 },
  { arbitrary: ofFamilies({ client: ipv6 }), weight: 4 },
  { arbitrary: ofFamilies({ client: ipv6, destination: ipv4 }), weight: 2 },
  { arbitrary: ofFamilies({ client: ipv4, destination: ipv6 }), weight: 2 },
  ofFamilies({ client: ipv4, virtual: ipv6 }),
  ofFamilies({ client: ipv6, local: ipv4 }),
)
