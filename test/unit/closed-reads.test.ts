// close() ends every read of a file of the kernel at once, however long it would have waited for a kernel that is silent.

import { describe, expect, it } from 'vitest'
import { Ipvs, type KernelFile, type Transport } from '../../lib'
import { FakeKernel, type FakeKernelOptions } from '../../lib/testing'
import { rejection } from '../contract/harness'

const forever = () => new Promise<never>(() => {})

/** What happened to the files that were opened. */
interface Seen {
  /** Resolves when something hangs. */
  readonly hangs: Promise<void>
  open: number
}

/** A client to which the kernel is silent in one of the methods of the seam, once it is open. */
async function silentIn(method: string, options: FakeKernelOptions = { dialect: 'fullnat-v2' }) {
  const inner = new FakeKernel(options).transport()
  let armed = false
  let hang: () => void = () => {}
  const seen: Seen = {
    hangs: new Promise((resolve) => {
      hang = resolve
    }),
    open: 0,
  }
  const gate = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, name) {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        if (armed && name === method) {
          return () => {
            hang()
            return forever()
          }
        }
        if (name !== 'open') return value.bind(target)
        return async (...args: unknown[]) => {
          const file: KernelFile = await value.apply(target, args)
          seen.open++
          const close = () => {
            seen.open--
            file.close()
          }
          return gate({ read: (into: Uint8Array) => file.read(into), close })
        }
      },
    })
  const transport: Transport = {
    ...inner,
    files: gate(inner.files),
    machine: inner.machine && gate(inner.machine),
  }
  const ipvs = await Ipvs.open({ transport, timeout: 600_000 })
  armed = true
  return { ipvs, seen }
}

/** Ends of waits that the client would call when it is closed. */
const waitsOf = (ipvs: Ipvs): ReadonlySet<unknown> => Reflect.get(Reflect.get(ipvs, 'closing'), 'waiting')

type Call = (ipvs: Ipvs, options: { timeout?: number }) => Promise<unknown>

const FILES = ['open', 'read']
const MAINLINE: FakeKernelOptions = { dialect: 'mainline', resizableTables: true }
const METHODS: readonly [name: string, silent: readonly string[], call: Call, kernel?: FakeKernelOptions][] =
  [
    ['connections.list', FILES, (ipvs, options) => ipvs.connections.list(options)],
    ['connections.count', FILES, (ipvs, options) => ipvs.connections.count({ ...options, by: 'state' })],
    ['connections.iterate', FILES, (ipvs, options) => ipvs.connections.iterate(options).next()],
    ['stats', FILES, (ipvs, options) => ipvs.stats(options)],
    ['extendedStats', FILES, (ipvs, options) => ipvs.extendedStats(options)],
    ['status', FILES, (ipvs, options) => ipvs.status(options), MAINLINE],
    ['applicationHelpers', FILES, (ipvs, options) => ipvs.applicationHelpers(options)],
    ['machine', ['read', 'listInterfaces', 'readOfInterface'], (ipvs, options) => ipvs.machine(options)],
    ['sysctl.list', ['listSysctls', 'readSysctl'], (ipvs, options) => ipvs.sysctl.list(options)],
    ['sysctl.get', ['readSysctl'], (ipvs, options) => ipvs.sysctl.get('amemthresh', options)],
  ]
const CASES = METHODS.flatMap(([name, silent, call, kernel]) =>
  silent.flatMap((method) =>
    [undefined, 0].map((timeout) => ({ name, method, timeout, call, ...(kernel && { kernel }) })),
  ),
)

describe('close() while the kernel is silent', () => {
  it.each(CASES)('$name, in $method(), timeout $timeout', async ({ name, method, timeout, call, kernel }) => {
    const { ipvs, seen } = await silentIn(method, kernel)
    const failed = rejection(call(ipvs, timeout === undefined ? {} : { timeout }))
    await seen.hangs
    await ipvs.close()
    expect(await failed).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: name, sent: false })
    expect(seen.open).toBe(0)
    expect(waitsOf(ipvs).size).toBe(0)
    // And the next one opens nothing.
    expect(await rejection(call(ipvs, {}))).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: name })
    expect(seen.open).toBe(0)
  })

  it('of a read ahead: the file is closed at once, and what was read is handed out before the iteration says so', async () => {
    const inner = new FakeKernel({ dialect: 'fullnat-v2' }).transport()
    const row = 'TCP C6336407 0001 C0000201 0050 0A000064 0001 0A090005 1F90 ESTABLISHED      88\n'
    const header = 'Pro FromIP   FPrt ToIP     TPrt LocalIP  LPrt DestIP   DPrt State       Expires\n'
    const text = header + row + row.replace(' 0001 ', ' 0002 ')
    let reads = 0
    let closed = 0
    const read = async (into: Uint8Array) => (reads++ === 0 ? Buffer.from(text).copy(into) : forever())
    const open = async () => ({ read, close: () => closed++ })
    let files = inner.files
    const transport: Transport = Object.defineProperty({ ...inner }, 'files', { get: () => files })
    const ipvs = await Ipvs.open({ transport })
    files = { ...files, open }
    const iterator = ipvs.connections.iterate({ timeout: 0 })
    expect((await iterator.next()).value?.client.port).toBe(1)
    expect([reads, closed]).toEqual([2, 0])
    await ipvs.close()
    expect(closed).toBe(1)
    expect((await iterator.next()).value?.client.port).toBe(2)
    expect(await rejection(iterator.next())).toMatchObject({
      code: 'ERR_IPVS_CLOSED',
      operation: 'connections.iterate',
    })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })
})

describe('writes of sysctls', () => {
  it('what was sent comes to its end; what waits for its turn behind it is not sent', async () => {
    const inner = new FakeKernel({ dialect: 'fullnat-v2' }).transport()
    const writes: string[] = []
    let answer: () => void = () => {}
    let sent: () => void = () => {}
    const reached = new Promise<void>((resolve) => {
      sent = resolve
    })
    const files: Transport['files'] = {
      ...inner.files,
      async writeSysctl(name, text) {
        writes.push(text)
        sent()
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        await inner.files.writeSysctl(name, text)
      },
    }
    const ipvs = await Ipvs.open({ transport: { ...inner, files } })
    let over = false
    const first = rejection(ipvs.sysctl.set('amemthresh', 7)).finally(() => {
      over = true
    })
    await reached
    const second = rejection(ipvs.sysctl.set('amemthresh', 8, { timeout: 0 }))
    await ipvs.close()
    expect(await second).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: 'sysctl.set', sent: false })
    expect(over).toBe(false)
    answer()
    // It is not asked what the kernel holds now.
    expect(await first).toMatchObject({ code: 'ERR_IPVS_CLOSED', sent: true })
    expect(await inner.files.readSysctl('amemthresh')).toBe('7\n')
    expect(writes).toEqual(['7'])
    expect(waitsOf(ipvs).size).toBe(0)
  })
})

describe('a client that stays open', () => {
  it('holds nothing of a thousand reads, nor of iterations that were forgotten in the middle', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
    await ipvs.services.add({ ...web, scheduler: 'rr' })
    await ipvs.localAddresses.add(web, '10.1.0.1')
    await ipvs.destinations.add(web, { address: '10.9.0.1', port: 80, forwarding: 'fullnat' })
    for (let port = 1; port < 120; port++) kernel.connect({ client: `198.51.100.7:${port}`, service: web })
    for (let i = 0; i < 100; i++) {
      const files = [ipvs.stats(), ipvs.extendedStats(), ipvs.applicationHelpers(), ipvs.connections.count()]
      const others = [ipvs.machine(), ipvs.sysctl.get('amemthresh'), ipvs.connections.list({ limit: 1 })]
      const rejected = [ipvs.status(), ipvs.sysctl.get('nothing'), ipvs.connections.iterate().next()]
      const ends = await Promise.allSettled([...files, ...others, ...rejected])
      expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(2)
    }
    while (waitsOf(ipvs).size > 0) await new Promise((resolve) => setImmediate(resolve))
    const waiting = ipvs.stats()
    expect(waitsOf(ipvs).size).toBe(1)
    await waiting
    await ipvs.close()
  })
})
