// Reading while another process writes: the kernel resumes a dump by position and never says that it was disturbed
// (abi.md §2.10).

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { DestinationInfo, Ipvs } from '../../lib'
import { collect, real, WEB } from '../contract/harness'
import { kernelHarness } from './support/kernel'
import { project } from './support/library'

const STABLE = 600
/** As in support/writer.cjs. */
const MOVING = 40

class Writer {
  private stopped: Promise<{ done: number; failed?: string }> | undefined

  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: Interface,
  ) {}

  /** Resolves when it has written. */
  static async start(): Promise<Writer> {
    const script = join(project, 'test/vm/support/writer.cjs')
    const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    const writer = new Writer(child, lines)
    const [line] = await once(lines, 'line')
    if (line !== 'ready') throw new Error(`the writer says ${line}`)
    return writer
  }

  /** Idempotent. */
  stop(): Promise<{ done: number; failed?: string }> {
    this.stopped ??= once(this.lines, 'line').then(([line]) => JSON.parse(line))
    this.child.stdin?.end()
    return this.stopped
  }
}

const idOf = ({ address, port }: DestinationInfo) => `${address}:${port}`

for (const kind of ['netlink', 'sockopt'] as const) {
  const harness = await kernelHarness(kind)

  describe(`while another process writes, over ${kind}`, () => {
    let ipvs: Ipvs
    let full: Ipvs
    let writer: Writer | undefined
    beforeAll(async () => {
      ipvs = await harness.open()
      full = await harness.openFull()
    })
    beforeEach(async () => {
      await harness.reset()
      await full.services.add(WEB)
      const outcomes = await full.batch(({ destinations }) => {
        for (let i = 0; i < STABLE; i++) destinations.add(WEB, real('198.51.100.1', 1 + i))
      })
      expect(outcomes.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      writer = await Writer.start()
    })
    afterEach(async () => {
      const { done, failed } = (await writer?.stop()) ?? { done: 0 }
      expect(failed).toBeUndefined()
      expect(done).toBeGreaterThan(0)
    })
    afterAll(async () => {
      await harness.reset()
      await Promise.all([ipvs.close(), full.close()])
    })

    const stable = (list: readonly DestinationInfo[]) =>
      list.filter(({ address }) => address === '198.51.100.1').map(idOf)

    it('no destination comes twice, and every one that stays is seen', async () => {
      const seen = new Set<string>()
      for (let i = 0; i < 25; i++) {
        const list = i % 2 ? await ipvs.destinations.list(WEB) : await collect(ipvs.destinations.iterate(WEB))
        expect(new Set(list.map(idOf)).size).toBe(list.length)
        for (const id of stable(list)) seen.add(id)
      }
      // One dump may skip what moves past its position; it is another one in each.
      expect(seen.size).toBe(STABLE)
      await writer?.stop()
      expect((await ipvs.destinations.list(WEB)).map(idOf).sort()).toEqual([...seen].sort())
    })

    it('nothing is listed that was never there', async () => {
      const known = ({ address, port, weight, forwarding }: DestinationInfo) =>
        weight === 1 &&
        forwarding === 'masquerade' &&
        port > 0 &&
        port <= (address === '198.51.100.1' ? STABLE : address === '203.0.113.1' ? MOVING : 0)
      for (let i = 0; i < 10; i++) {
        const list = await ipvs.destinations.list(WEB)
        expect(list.filter((info) => !known(info))).toEqual([])
      }
    })

    it('snapshot({ consistent: true }) says whether two reads agreed', async () => {
      const agreed: unknown[] = []
      for (let i = 0; i < 3; i++) {
        const { services, consistent } = await ipvs.snapshot({ consistent: true })
        expect(services).toHaveLength(1)
        const list = services[0]?.destinations ?? []
        expect(new Set(list.map(idOf)).size).toBe(list.length)
        agreed.push(consistent)
      }
      for (const one of agreed) expect(typeof one).toBe('boolean')
      await writer?.stop()
      const { services, consistent } = await full.snapshot({ consistent: true })
      expect(consistent).toBe(true)
      expect(stable(services[0]?.destinations ?? [])).toHaveLength(STABLE)
    })

    it('writes of both processes all count', async () => {
      const targets = Array.from({ length: 20 }, (_, i) => real('198.51.100.2', 1 + i))
      const ensured = await Promise.all(targets.map((target) => ipvs.destinations.ensure(WEB, target)))
      expect(new Set(ensured)).toEqual(new Set(['added']))
      await Promise.all(targets.map((target) => ipvs.destinations.update(WEB, target, { weight: 5 })))
      await writer?.stop()
      const list = await ipvs.destinations.list(WEB)
      const changed = list.filter(({ address, weight }) => address === '198.51.100.2' && weight === 5)
      expect(changed).toHaveLength(20)
      expect(list).toHaveLength(STABLE + 20)
    })
  })
}
