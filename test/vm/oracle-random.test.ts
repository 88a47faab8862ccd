// Random operations, each by the library or by the kernel's own ipvsadm; both must see the same table after them.
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { DestinationInput, Forwarding, ServiceConfig, ServiceKey } from '../../lib'
import { asProc, attempt, listed, program, readProc, viewOf } from './net/ipvsadm'
import { library, PATIENT } from './support/library'

const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const timeouts = await ipvs.timeouts.get()

const OPERATIONS = 100
const COMPARED_EVERY = 20
const ROUNDS = 2
/** Some 150 processes are started, on emulated processors that others use, too. */
const TIMEOUT = 1_800_000

/** IPVS_SEED repeats a run. */
const firstSeed = Number(process.env.IPVS_SEED ?? Date.now() % 1_000_000)
const without = program ? '' : ' (no ipvsadm for this kernel: IPVS_ORACLE is empty)'

/** Numbers that follow from the seed (mulberry32). */
class Chance {
  private state: number

  constructor(seed: number) {
    this.state = seed
  }

  private next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  often(probability: number): boolean {
    return this.next() < probability
  }
}

interface Service {
  readonly name: string
  readonly key: ServiceKey
  readonly args: readonly string[]
  readonly kind: 'tcp' | 'udp' | 'fwmark'
  readonly port: number
  readonly ipv6: boolean
}

function address(kind: 'tcp' | 'udp', ip: string, port: number): Service {
  const ipv6 = ip.includes(':')
  const text = ipv6 ? `[${ip}]:${port}` : `${ip}:${port}`
  const args = [kind === 'tcp' ? '-t' : '-u', text]
  const name = `${kind.toUpperCase()} ${text}`
  return { name, key: { protocol: kind, address: ip, port }, args, kind, port, ipv6 }
}

const services: readonly Service[] = [
  address('tcp', '192.0.2.1', 80),
  address('tcp', '192.0.2.1', 443),
  address('tcp', '192.0.2.2', 80),
  address('udp', '192.0.2.1', 53),
  address('tcp', '2001:db8::1', 80),
  { name: 'FWM 7', key: { fwmark: 7 }, args: ['-f', '7'], kind: 'fwmark', port: 0, ipv6: false },
  {
    name: 'FWM 8 IPv6',
    key: { fwmark: 8, family: 'ipv6' },
    args: ['-f', '8', '-6'],
    kind: 'fwmark',
    port: 0,
    ipv6: true,
  },
]

const numbers = [1, 2, 3]
const servers = {
  ipv4: numbers.map((n) => `198.51.100.${n}`),
  // These have no route: FULLNAT kernels make them `local`, which both sides must see.
  ipv6: numbers.map((n) => `2001:db8:1::${n}`),
}
const locals = { ipv4: numbers.map((n) => `10.0.0.${n}`), ipv6: numbers.map((n) => `2001:db8:${n}::100`) }
const family = ({ ipv6 }: Service) => (ipv6 ? 'ipv6' : 'ipv4')

function randomService(chance: Chance, { kind, ipv6 }: Service): { config: ServiceConfig; args: string[] } {
  const scheduler = chance.pick(['rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'sed', 'nq', 'lblc', 'lblcr'])
  const args = ['-s', scheduler]
  const config: { -readonly [K in keyof ServiceConfig]: ServiceConfig[K] } = { scheduler }
  if (chance.often(0.4)) {
    const timeout = 1 + chance.below(5000)
    const netmask = ipv6
      ? chance.pick([128, 64, 1])
      : chance.pick(['255.255.255.255', '255.255.0.0', '128.0.0.0'])
    config.persistence = { timeout, netmask }
    args.push('-p', String(timeout), '-M', String(netmask))
  }
  if (kind === 'udp' && chance.often(0.5)) {
    config.onePacket = true
    args.push('-o')
  }
  if (kind === 'tcp' && can.synproxy) {
    config.synproxy = chance.often(0.5)
    args.push('-j', config.synproxy ? 'enable' : 'disable')
  }
  if (kind === 'tcp' && can.establishedTimeout) {
    config.establishedTimeout = 1 + chance.below(2_000_000)
    args.push('-V', String(config.establishedTimeout))
  }
  return { config, args }
}

function randomDestination(chance: Chance, service: Service): { input: DestinationInput; args: string[] } {
  const letters: Partial<Record<Forwarding, string>> = {
    masquerade: '-m',
    'direct-route': '-g',
    tunnel: '-i',
  }
  const fullnat = service.kind === 'udp' ? can.udpFullnat : can.fullnat
  if (fullnat) letters.fullnat = '-b'
  const forwarding = chance.pick(Object.keys(letters) as Forwarding[])
  const weight = chance.pick([0, 1, 100, 65535])
  const upperThreshold = chance.pick([0, 0, 1000])
  const lowerThreshold = upperThreshold === 0 ? 0 : chance.below(upperThreshold)
  const ip = chance.pick(servers[family(service)])
  const thresholds = ['-x', String(upperThreshold), '-y', String(lowerThreshold)]
  return {
    // ipvsadm takes the port of the service for -g and -i.
    input: { address: ip, port: service.port, forwarding, weight, upperThreshold, lowerThreshold },
    args: [letters[forwarding] as string, '-w', String(weight), ...(upperThreshold === 0 ? [] : thresholds)],
  }
}

interface Operation {
  readonly title: string
  /** What it must come to. */
  readonly succeeds: boolean
  /** Through the library. */
  readonly call: () => Promise<unknown>
  /** Through ipvsadm. */
  readonly args: readonly string[]
  /** What becomes of the model. */
  readonly apply: () => void
}

interface Entry {
  readonly destinations: Set<string>
  readonly localAddresses: Set<string>
}

/** What there must be: the names, not the values. */
type Model = Map<string, Entry>

const endpoint = ({ address: ip, port }: DestinationInput) =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`

function serviceOperation(chance: Chance, model: Model, service: Service): Operation {
  const { name, key } = service
  const { config, args } = randomService(chance, service)
  const exists = model.has(name)
  const empty = () => model.set(name, { destinations: new Set(), localAddresses: new Set() })
  const input = { ...key, ...config }
  // Mostly what can be done.
  const kind = chance.often(0.1)
    ? chance.pick(['add', 'set', 'remove'])
    : exists
      ? chance.pick(['set', 'set', 'remove'])
      : 'add'
  if (kind === 'add') {
    const call = () => ipvs.services.add(input)
    return { title: 'add', succeeds: !exists, call, args: ['-A', ...service.args, ...args], apply: empty }
  }
  if (kind === 'set') {
    const call = () => ipvs.services.set(input)
    return { title: 'set', succeeds: exists, call, args: ['-E', ...service.args, ...args], apply: () => {} }
  }
  const call = () => ipvs.services.remove(key)
  return {
    title: 'remove',
    succeeds: exists,
    call,
    args: ['-D', ...service.args],
    apply: () => model.delete(name),
  }
}

function destinationOperation(chance: Chance, model: Model, service: Service): Operation {
  const { key } = service
  const entry = model.get(service.name)
  const { input, args } = randomDestination(chance, service)
  const name = endpoint(input)
  const target = [...service.args, '-r', name]
  const exists = entry?.destinations.has(name) ?? false
  const kind = chance.often(0.1)
    ? chance.pick(['add', 'set', 'remove'])
    : exists
      ? chance.pick(['set', 'set', 'remove'])
      : 'add'
  const title = `destination ${kind}`
  if (kind === 'add') {
    const call = () => ipvs.destinations.add(key, input)
    const apply = () => entry?.destinations.add(name)
    return { title, succeeds: entry !== undefined && !exists, call, args: ['-a', ...target, ...args], apply }
  }
  if (kind === 'set') {
    const call = () => ipvs.destinations.set(key, input)
    return { title, succeeds: exists, call, args: ['-e', ...target, ...args], apply: () => {} }
  }
  const call = () => ipvs.destinations.remove(key, input)
  const apply = () => entry?.destinations.delete(name)
  return { title, succeeds: exists, call, args: ['-d', ...target], apply }
}

function localAddressOperation(chance: Chance, model: Model, service: Service): Operation {
  const { key } = service
  const entry = model.get(service.name)
  const ip = chance.pick(locals[family(service)])
  const exists = entry?.localAddresses.has(ip) ?? false
  const target = [...service.args, '-z', ip]
  if (chance.often(exists ? 0.2 : 0.9)) {
    const call = () => ipvs.localAddresses.add(key, ip)
    const apply = () => entry?.localAddresses.add(ip)
    return {
      title: 'laddr add',
      succeeds: entry !== undefined && !exists,
      call,
      args: ['-P', ...target],
      apply,
    }
  }
  const call = () => ipvs.localAddresses.remove(key, ip)
  const apply = () => entry?.localAddresses.delete(ip)
  return { title: 'laddr remove', succeeds: exists, call, args: ['-Q', ...target], apply }
}

function tableOperation(chance: Chance, model: Model): Operation {
  if (chance.often(0.2)) {
    return {
      title: 'flush',
      succeeds: true,
      call: () => ipvs.flush(),
      args: ['-C'],
      apply: () => model.clear(),
    }
  }
  const [tcp, tcpFin, udp] = [1, 2, 3].map(() => 1 + chance.below(2_000_000))
  const call = () => ipvs.timeouts.set({ tcp, tcpFin, udp })
  return {
    title: 'timeouts',
    succeeds: true,
    call,
    args: ['--set', ...[tcp, tcpFin, udp].map(String)],
    apply: () => {},
  }
}

function randomOperation(chance: Chance, model: Model): Operation {
  const service = chance.pick(services)
  const kind = chance.below(100)
  if (kind < 30 || (!model.has(service.name) && kind < 80)) return serviceOperation(chance, model, service)
  if (kind < 70) return destinationOperation(chance, model, service)
  if (kind < 95 && can.localAddresses) return localAddressOperation(chance, model, service)
  if (kind < 95) return destinationOperation(chance, model, service)
  return tableOperation(chance, model)
}

async function compare(model: Model): Promise<void> {
  const view = await listed(can.localAddresses)
  const { services: found } = await ipvs.snapshot()
  expect(viewOf(found, can.localAddresses)).toEqual(view)
  if (can.connectionList) expect(readProc()).toEqual(asProc(view))
  const names = Object.entries(view.services).map(([name, { destinations }]) => [
    name,
    Object.keys(destinations).sort(),
  ])
  expect(Object.fromEntries(names)).toEqual(
    Object.fromEntries([...model].map(([name, { destinations }]) => [name, [...destinations].sort()])),
  )
  const addresses = found.flatMap(({ localAddresses }) => localAddresses.map((info) => info.address))
  expect(addresses.sort()).toEqual([...model.values()].flatMap((entry) => [...entry.localAddresses]).sort())
  const { tcp, tcpFin, udp } = await ipvs.timeouts.get()
  expect((await attempt('-L', '--timeout')).text).toContain(`: ${tcp} ${tcpFin} ${udp}`)
}

describe.skipIf(!program)(`random operations against ipvsadm${without}`, () => {
  beforeEach(() => ipvs.flush())
  afterAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set(timeouts)
    await ipvs.close()
  })

  for (let seed = firstSeed; seed < firstSeed + ROUNDS; seed++) {
    it(
      `${OPERATIONS} operations of either side come to the same table (IPVS_SEED=${seed})`,
      async () => {
        const chance = new Chance(seed)
        const model: Model = new Map()
        const history: string[] = []
        const counts = { done: 0, refused: 0 }
        try {
          for (let i = 1; i <= OPERATIONS; i++) {
            const { title, succeeds, call, args, apply } = randomOperation(chance, model)
            const byLibrary = chance.often(0.5)
            history.push(`${i} ${byLibrary ? 'library' : 'ipvsadm'} ${title}: ${args.join(' ')}`)
            const outcome = byLibrary
              ? await call().then(
                  () => ({ ok: true, text: '' }),
                  (error: Error) => ({ ok: false, text: error.message }),
                )
              : await attempt(...args)
            if (outcome.ok !== succeeds) throw new Error(outcome.text || 'done, but had to be refused')
            if (succeeds) apply()
            counts[succeeds ? 'done' : 'refused']++
            if (i % COMPARED_EVERY === 0) await compare(model)
          }
        } catch (error) {
          ;(error as Error).message +=
            `\nafter, with IPVS_SEED=${seed}:\n${history.slice(-COMPARED_EVERY).join('\n')}`
          throw error
        }
        // A sequence that changes nothing would prove nothing.
        expect(counts.done).toBeGreaterThan(OPERATIONS / 2)
      },
      TIMEOUT,
    )
  }
})
