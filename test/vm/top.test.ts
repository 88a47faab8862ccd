// `ipvs-fullnat top` beside live traffic: what it prints is what was sent.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLab } from './net/end-lab'
import {
  type Lab,
  localAddresses,
  realServers,
  Settings,
  startLab,
  vip,
  // @ts-expect-error: a script without types
} from './net/lab.mjs'
import { until } from './net/until'
import { library, PATIENT, project } from './support/library'

const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const cpus = Number(process.env.IPVS_VM_SMP ?? 1)
// Both tables of fullnat-v3 are per CPU, and veth brings no answer back to the right one.
const canFlow = can.dialect !== 'fullnat-v3' || cpus === 1
const forwarding = can.fullnat ? 'fullnat' : 'masquerade'
const timeouts = await ipvs.timeouts.get()

const WEB = { protocol: 'tcp', address: vip.ipv4, port: 7101 } as const
const WEB_NAME = `tcp ${vip.ipv4}:7101`
const target = (i: number) => ({ address: realServers.ipv4[i] as string, port: 8080 })

type Block = readonly string[]

/** The program in a pipe, block by block. */
class Top {
  private readonly child: ChildProcess
  private readonly lines: AsyncIterator<string>

  constructor(...args: readonly string[]) {
    const script = join(project, 'dist/cli/bin.js')
    this.child = spawn(process.execPath, [script, 'top', '--kernel-timeout', '120', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]()
  }

  /** Undefined: there are no more. */
  async next(): Promise<Block | undefined> {
    const block: string[] = []
    for (;;) {
      const { value, done } = await this.lines.next()
      if (done) return undefined
      if (value === '') return block
      block.push(value)
    }
  }

  /** The next block of which this holds. */
  async find(what: string, holds: (block: Block) => boolean): Promise<Block> {
    return (await until(
      what,
      () => this.next(),
      (block) => {
        if (!block) throw new Error(`it has ended, before ${what}`)
        return holds(block)
      },
    )) as Block
  }

  async end(signal: NodeJS.Signals): Promise<unknown> {
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    while (await this.next());
    return ended
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }
}

/** The cells of a row: rates of connections, bytes in and out, packets in and out, active, inactive, [weight,] connections, word. */
const cells = (block: Block, name: string): string[] => {
  const line = block.find((one) => one.startsWith(`${name} `))
  return line?.slice(name.length).trim().split(/\s+/) ?? []
}
const secondsOf = (block: Block) => Number(/ over ([\d.]+) s/.exec(block.join('\n'))?.[1])

describe.skipIf(!canFlow)(`ipvs-fullnat top${canFlow ? '' : ' (fullnat-v3 with several CPUs)'}`, () => {
  let lab: Lab
  let top: Top | undefined
  const settings = new Settings()

  beforeAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set({ tcpFin: 1 })
    for (const state of can.fullnat ? ['timewait', 'lastack', 'close'] : []) {
      settings.set(`net.ipv4.vs.timeout_${state}`, 1)
    }
    lab = await startLab()
    if (!can.fullnat) await lab.routeBack()
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    if (can.fullnat) await ipvs.localAddresses.set(WEB, localAddresses.ipv4)
    for (let i = 0; i < 2; i++) await ipvs.destinations.add(WEB, { ...target(i), forwarding })
  })
  afterEach(() => top?.kill())
  afterAll(() => endLab({ ipvs, lab, settings, timeouts }).finally(() => ipvs.close()))

  it('prints what goes by, who has it, and what is changed', async () => {
    top = new Top('--interval', '1')
    const first = await top.find('the first block', () => true)
    expect(first[0]).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ  ${can.dialect}  1 service, 2 destinations$`),
    )
    expect(first[1]).toBe('Total     rates come with the second poll')
    expect(first.join('\n')).not.toMatch(/fake/i)

    const HELD = 4
    for (let i = 0; i < HELD; i++) {
      const { error } = await lab.request(WEB.address, WEB.port, { hold: true })
      expect(error).toBeUndefined()
    }
    // Mainline counts every two seconds, and those of a service and of its destinations not at the same time.
    let gained = 0
    let seen = 0
    const traffic = await top.find('all connections went by', (block) => {
      const rate = Number(cells(block, WEB_NAME)[0])
      if (rate > 0) seen++
      gained += rate * secondsOf(block)
      return Number(cells(block, WEB_NAME).at(-2)) === HELD
    })
    // One digit behind the point is what it shows.
    expect(seen).toBeGreaterThan(0)
    expect(Math.abs(gained - HELD)).toBeLessThan(1.5)
    const total = /^Total {5}(\S+) conns\/s {3}in (\S+) B\/s (\S+) p\/s {3}out (\S+) B\/s (\S+) p\/s/.exec(
      traffic[1] as string,
    )
    const [conns, inBytes, outBytes, inPackets, outPackets] = cells(traffic, WEB_NAME)
    expect(total?.slice(1)).toEqual([conns, inBytes, inPackets, outBytes, outPackets])

    const settled = await top.find('each destination has its half', (block) =>
      [0, 1].every((i) => cells(block, `  -> ${target(i).address}:8080`).at(-2) === String(HELD / 2)),
    )
    for (let i = 0; i < 2; i++) {
      const row = cells(settled, `  -> ${target(i).address}:8080`)
      expect(row.slice(5)).toEqual([String(HELD / 2), '0', '1', String(HELD / 2), forwarding])
    }
    const states = settled.find((line) => line.startsWith('States')) as string
    // The kernel is shared: what other tests have left expires when it likes.
    if (can.connectionList) expect(Number(/established (\d+)/.exec(states)?.[1])).toBeGreaterThanOrEqual(HELD)
    else expect(states).toBe('States    this kernel has no list of connections')
    const used = settled.filter((line) => line.startsWith('  via '))
    expect(used.map((line) => line.trim().split(/\s+/)[1])).toEqual(can.fullnat ? localAddresses.ipv4 : [])
    if (can.fullnat) {
      const sum = used.reduce((all, line) => all + Number(/(\d+) connection/.exec(line)?.[1]), 0)
      expect(sum).toBe(HELD)
      expect(settled.find((line) => line.startsWith('Local'))).toMatch(
        new RegExp(`^Local {5}2 addresses, ${HELD} connections, \\d+ port conflicts? \\(0/s\\)$`),
      )
    }
    console.log(`ipvs-fullnat top on ${can.dialect}:\n${traffic.join('\n')}\n\n${settled.join('\n')}`)

    await ipvs.destinations.update(WEB, target(1), { weight: 0 })
    const change = `changed destination ${WEB_NAME} -> ${target(1).address}:8080: weight 1 -> 0`
    await top.find('the change is told', (block) => block.includes(change))
    const after = await top.find('the next block', () => true)
    expect(after).not.toContain(change)
    await lab.releaseAll()
    expect(await top.end('SIGINT')).toEqual([0, null])
  })

  it('ends after so many polls', async () => {
    top = new Top('--interval', '0.1', '--count', '3', '--states', '0', '--sort', 'name')
    const blocks: Block[] = []
    for (let block = await top.next(); block; block = await top.next()) blocks.push(block)
    expect(blocks).toHaveLength(3)
    const states = can.connectionList ? 'not asked for' : 'this kernel has no list of connections'
    for (const block of blocks) expect(block).toContain(`States    ${states}`)
    for (const block of blocks.slice(1)) expect(block[1]).toMatch(/^Total {5}\S+ conns\/s /)
  })
})
