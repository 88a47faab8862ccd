import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Syscall } from '../../lib/border/layout.gen'
import { Ipvs } from '../../lib/client/ipvs'
import type { OpenOptions } from '../../lib/client/open-options'
import type { FileEvidence } from '../../lib/kernel/detect'
import type { Dialect, TransportKind } from '../../lib/model/call-types'
import { outcomeFlags, type RecordOf, readJob, type Some, writeReply } from './support/border'
import {
  FULLNAT_COMMANDS,
  failure,
  type Kernel,
  MAINLINE_COMMANDS,
  NO_FILES,
  openScripted,
  PROBES,
  ScriptedTransport,
  V2_FILES,
  V3_FILES,
} from './support/scripted-transport'

const bits = (...commands: number[]) =>
  commands.reduce((mask, n) => mask | (BigInt(1) << BigInt(n)), BigInt(0))

interface Seen {
  probe?: Some<RecordOf<'probes'>>
  evidence?: FileEvidence
}

function scripted(kernel: Kernel, { probe, evidence }: Seen = {}): ScriptedTransport {
  const transport = new ScriptedTransport(kernel)
  transport.probe = { ...PROBES[kernel], ...probe }
  if (evidence) transport.evidence = evidence
  return transport
}

const open = (kernel: Kernel, seen?: Seen, options?: OpenOptions) =>
  Ipvs.open({ ...options, transport: scripted(kernel, seen) })

const noFamily = { commands: BigInt(0), familyId: 0, netlinkError: 2 }

describe('Ipvs.open finds out which kernel answers (abi.md §9)', () => {
  it.each<[string, Kernel, Seen, Dialect, TransportKind]>([
    ['mainline', 'mainline', {}, 'mainline', 'netlink'],
    ['mainline unprivileged', 'mainline', { probe: { sockoptVersionError: 1 } }, 'mainline', 'netlink'],
    ['mainline by sockopt alone', 'mainline', { probe: noFamily }, 'mainline', 'sockopt'],
    ['fullnat-v2', 'fullnat-v2', {}, 'fullnat-v2', 'netlink'],
    [
      'fullnat-v2 unprivileged',
      'fullnat-v2',
      { probe: { sockoptVersionError: 1, sockoptLocalAddressError: 1 } },
      'fullnat-v2',
      'netlink',
    ],
    [
      'the first fullnat-v2, without defence_ip_frag_gather',
      'fullnat-v2',
      { evidence: { ...V2_FILES, extStats: ['fullnat_add_toa_ok'] } },
      'fullnat-v2',
      'netlink',
    ],
    [
      'the SNAT fork of v2, whose commands go to 24',
      'fullnat-v2',
      { probe: { commands: FULLNAT_COMMANDS | bits(21, 22, 23, 24) } },
      'fullnat-v2',
      'netlink',
    ],
    ['fullnat-v2 by sockopt', 'fullnat-v2', { probe: noFamily }, 'fullnat-v2', 'sockopt'],
    ['fullnat-v3', 'fullnat-v3', {}, 'fullnat-v3', 'netlink'],
    [
      'fullnat-v3 by its sysctl alone',
      'fullnat-v3',
      { evidence: { ...V3_FILES, extStats: undefined } },
      'fullnat-v3',
      'netlink',
    ],
    [
      'fullnat-v3 by its rows alone',
      'fullnat-v3',
      { evidence: { ...NO_FILES, extStats: ['conn_exceeded'] } },
      'fullnat-v3',
      'netlink',
    ],
    ['FULLNAT with /proc hidden, as v3', 'fullnat-v2', { evidence: NO_FILES }, 'fullnat-v3', 'netlink'],
    ['evidence that disagree', 'mainline', { evidence: V2_FILES }, 'unknown', 'netlink'],
    [
      'half of the local address commands',
      'mainline',
      { probe: { commands: MAINLINE_COMMANDS | bits(18) } },
      'unknown',
      'netlink',
    ],
  ])('%s', async (_, kernel, seen, dialect, transport) => {
    const ipvs = await open(kernel, seen, { unprivileged: true })
    expect([ipvs.dialect, ipvs.capabilities.dialect, ipvs.capabilities.transport]).toEqual([
      dialect,
      dialect,
      transport,
    ])
    await ipvs.close()
  })

  it('has UDP FULLNAT where the rows say so', async () => {
    expect((await open('fullnat-v2')).capabilities.udpFullnat).toBe(true)
    const first = { evidence: { ...V2_FILES, extStats: ['fullnat_add_toa_ok'] } }
    expect((await open('fullnat-v2', first)).capabilities.udpFullnat).toBe(false)
  })

  it.each<[string, Kernel, Seen, OpenOptions, string]>([
    ['nothing is loaded', 'absent', {}, {}, 'ERR_IPVS_NOT_LOADED'],
    ['no privilege', 'mainline', { probe: { sockoptVersionError: 1 } }, {}, 'EPERM'],
    [
      'no privilege by sockopt',
      'fullnat-v2',
      { probe: { ...noFamily, sockoptVersionError: 1 } },
      {},
      'EPERM',
    ],
    [
      'a foreign namespace of FULLNAT',
      'fullnat-v3',
      { probe: noFamily, evidence: { ...V3_FILES, extStats: undefined } },
      {},
      'ERR_IPVS_NAMESPACE',
    ],
    [
      'a foreign namespace of FULLNAT with force',
      'fullnat-v2',
      { probe: noFamily, evidence: NO_FILES },
      { force: true },
      'ERR_IPVS_NAMESPACE',
    ],
    [
      'sockopt to an unknown kernel',
      'mainline',
      { probe: noFamily, evidence: V2_FILES },
      {},
      'ERR_IPVS_UNKNOWN_DIALECT',
    ],
  ])('rejects: %s', async (_, kernel, seen, options, code) => {
    const transport = scripted(kernel, seen)
    const error = await failure(Ipvs.open({ ...options, transport }))
    expect(error).toMatchObject({ code, operation: 'open', sent: false })
    expect(error.hint).toBeTruthy()
    expect(transport.closed).toBe(1)
  })

  it('writes to an unknown kernel with force only', async () => {
    const seen = { evidence: V2_FILES }
    const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
    const careful = await open('mainline', seen)
    expect((await failure(careful.services.add(service))).code).toBe('ERR_IPVS_UNKNOWN_DIALECT')
    expect(await careful.services.list()).toEqual([])
    await (await open('mainline', seen, { force: true })).services.add(service)
  })

  it.each([
    ['open', 2, 'ENOENT', 'no such network namespace'],
    ['setns', 22, 'EINVAL', 'not a network namespace'],
    ['setns', 1, 'EPERM', 'not permitted to enter the network namespace'],
  ] as const)('says why the namespace cannot be entered: %s %i', async (syscall, errno, code, text) => {
    const probe = { netlinkError: errno, netlinkSyscall: Syscall[syscall], sockoptVersionError: errno }
    const error = await failure(open('absent', { probe }))
    expect(error).toMatchObject({ code, errno: -errno, syscall, operation: 'open' })
    expect(error.message).toBe(`${code}: ${text}, open`)
  })

  it('rejects with the error of the probe, and with what cannot be read', async () => {
    const transport = scripted('mainline')
    const outcomes = [{ requestIndex: 0, error: 110, flags: outcomeFlags.timedOut }]
    transport.run = async (_, onReply) => onReply(writeReply({ outcomes }))
    expect(await failure(Ipvs.open({ transport }))).toMatchObject({
      code: 'ERR_IPVS_TIMEOUT',
      operation: 'open',
    })
    transport.run = async (_, onReply) => onReply(writeReply({}))
    expect((await failure(Ipvs.open({ transport }))).code).toBe('ERR_IPVS_MALFORMED_REPLY')
    transport.run = async (_, onReply) => onReply(new ArrayBuffer(3))
    expect((await failure(Ipvs.open({ transport }))).code).toBe('ERR_IPVS_MALFORMED_REPLY')
    transport.run = async () => {
      throw new Error('broken pipe')
    }
    expect((await failure(Ipvs.open({ transport }))).message).toBe('broken pipe')
    expect(transport.closed).toBe(4)
  })

  it('is refused for wrong options, and when it was aborted', async () => {
    expect((await failure(Ipvs.open({ timeout: -1 }))).code).toBe('ERR_OUT_OF_RANGE')
    const transport = scripted('mainline')
    const early = await failure(Ipvs.open({ transport, signal: AbortSignal.abort() }))
    expect(early).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', operation: 'open' })
    expect(transport.probes).toBe(0)
    const controller = new AbortController()
    transport.files.listSysctls = async () => {
      controller.abort()
      return []
    }
    expect((await failure(Ipvs.open({ transport, signal: controller.signal }))).code).toBe('ABORT_ERR')
    expect(transport.closed).toBe(1)
  })
})

describe('the time of opening', () => {
  const turn = () => new Promise(setImmediate)
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  /** Opens a kernel whose probe is answered after so many milliseconds; what became of it. */
  async function openAfter(milliseconds: number, timeout: number): Promise<string | undefined> {
    const transport = scripted('mainline')
    const run = transport.run.bind(transport)
    const asked: unknown[] = []
    transport.run = async (request, onReply) => {
      asked.push(request)
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
      return run(request, onReply)
    }
    let end: string | undefined
    Ipvs.open({ transport, timeout }).then(
      ({ dialect }) => {
        end = dialect
      },
      ({ code }) => {
        end = code
      },
    )
    while (asked.length === 0) await turn()
    for (let i = 0; i <= milliseconds && end === undefined; i += 100) {
      await vi.advanceTimersByTimeAsync(100)
      await turn()
      await turn()
    }
    return end
  }

  it('is what is asked for, and some grace for the engine to find the kernel silent first', async () => {
    expect(await openAfter(900, 1000)).toBe('mainline')
    expect(await openAfter(1400, 1000)).toBe('mainline')
    expect(await openAfter(2000, 1000)).toBe('ERR_IPVS_TIMEOUT')
  })

  it('has no limit where none is asked for', async () => {
    expect(await openAfter(100_000, 0)).toBe('mainline')
  })

  it('is told to the engine', async () => {
    const transport = scripted('mainline')
    const timeouts: (number | undefined)[] = []
    const run = transport.run.bind(transport)
    transport.run = (request, onReply) => {
      timeouts.push(readJob(request).requests[0]?.timeoutMs)
      return run(request, onReply)
    }
    for (const timeout of [700, 0]) await Ipvs.open({ transport, timeout })
    expect(timeouts).toEqual([700, 0])
  })
})

it('the signal of opening, and of closing, has no listener when that has ended', async () => {
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  const ipvs = await open('mainline', {}, { signal })
  await failure(open('absent', {}, { signal }))
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([2, 2])
  await ipvs.close({ signal })
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([3, 3])
})

describe('loadModule', () => {
  const path = process.env.PATH
  let folder: string
  let called: string

  /** A modprobe of ours, first in PATH. */
  function modprobe(status: number): void {
    writeFileSync(join(folder, 'modprobe'), `#!/bin/sh\necho "$@" > ${called}\nexit ${status}\n`)
    chmodSync(join(folder, 'modprobe'), 0o755)
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ipvs-modprobe-'))
    called = join(folder, 'called')
    process.env.PATH = `${folder}:${path}`
    modprobe(0)
  })
  afterEach(() => {
    process.env.PATH = path
    rmSync(folder, { recursive: true })
  })

  it('false, the default, never runs modprobe', async () => {
    for (const options of [{}, { loadModule: false }, { loadModule: undefined }]) {
      expect((await failure(open('absent', {}, options))).code).toBe('ERR_IPVS_NOT_LOADED')
    }
    expect(existsSync(called)).toBe(false)
  })

  it('true runs it where nothing is loaded, and looks again', async () => {
    const transport = scripted('absent')
    const run = transport.run.bind(transport)
    transport.run = async (request, onReply) => {
      if (existsSync(called)) transport.probe = PROBES.mainline
      return run(request, onReply)
    }
    const ipvs = await Ipvs.open({ transport, loadModule: true })
    expect([ipvs.dialect, transport.probes]).toEqual(['mainline', 2])
  })

  it('true does not run it where it is loaded, or in a foreign namespace', async () => {
    await open('fullnat-v2', {}, { loadModule: true })
    const foreign = { probe: noFamily, evidence: NO_FILES }
    expect((await failure(open('fullnat-v2', foreign, { loadModule: true }))).code).toBe('ERR_IPVS_NAMESPACE')
    expect(existsSync(called)).toBe(false)
  })

  /** Writes down who it is, and does not end. */
  function hangingModprobe(): void {
    writeFileSync(join(folder, 'modprobe'), `#!/bin/sh\necho $$ > ${called}\nexec sleep 3000\n`)
  }

  it('true has a limit, and ends a modprobe that does not end in time', async () => {
    hangingModprobe()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      const opening = failure(open('absent', {}, { loadModule: true, timeout: 1000 }))
      while (!existsSync(called) || readFileSync(called, 'utf8') === '') await new Promise(setImmediate)
      const child = Number(readFileSync(called, 'utf8'))
      expect(process.kill(child, 0)).toBe(true)
      await vi.advanceTimersByTimeAsync(1000)
      expect(await opening).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', operation: 'open' })
      // Until it is reaped.
      const lives = () => {
        try {
          return process.kill(child, 0)
        } catch {
          return false
        }
      }
      while (lives()) await new Promise(setImmediate)
    } finally {
      vi.useRealTimers()
    }
  })

  it('true is for opening: a family that is gone later is not loaded again', async () => {
    const gone = () => ({ errno: 2, flags: outcomeFlags.familyChanged })
    const { ipvs, transport } = await openScripted('fullnat-v2', gone, { loadModule: true })
    transport.probe = PROBES.absent
    expect(await failure(ipvs.services.list())).toMatchObject({ code: 'ERR_IPVS_NOT_LOADED' })
    expect(existsSync(called)).toBe(false)
  })

  it('says that modprobe failed', async () => {
    modprobe(1)
    const error = await failure(open('absent', {}, { loadModule: true }))
    expect(error).toMatchObject({ code: 'ERR_IPVS_NOT_LOADED', operation: 'open' })
    expect(error.message).toMatch(/modprobe failed/)
    expect(error.cause).toBeInstanceOf(Error)
  })
})

describe('a client', () => {
  it('shows what it talks to', async () => {
    const { ipvs } = await openScripted('fullnat-v3')
    expect(inspect(ipvs).replace(/\s+/g, ' ')).toBe(
      "Ipvs { dialect: 'fullnat-v3', transport: 'netlink', pending: 0, closed: false }",
    )
  })

  it('is closed by close() and by Symbol.asyncDispose, and refuses everything then', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    await ipvs[Symbol.asyncDispose]()
    await ipvs.close()
    expect([ipvs.closed, transport.closed]).toEqual([true, 1])
    const calls = [
      ipvs.info(),
      ipvs.services.list(),
      ipvs.snapshot(),
      ipvs.timeouts.get(),
      ipvs.daemons.list(),
      ipvs.flush(),
    ]
    for (const call of calls) expect((await failure(call)).code).toBe('ERR_IPVS_CLOSED')
    const iterated = ipvs.services.iterate()
    expect((await failure(iterated.next() as Promise<unknown>)).code).toBe('ERR_IPVS_CLOSED')
    expect(await ipvs.batch((batch) => batch.flush())).toMatchObject([
      { status: 'rejected', operation: 'flush', error: { code: 'ERR_IPVS_CLOSED' } },
    ])
    expect(transport.jobs).toEqual([])
  })

  it('finds ip_vs again that was unloaded and loaded, as long as it is the same', async () => {
    let stale = true
    const { ipvs, transport } = await openScripted('fullnat-v2', () =>
      stale ? { errno: 2, flags: outcomeFlags.familyChanged } : undefined,
    )
    const probe = transport.run.bind(transport)
    transport.run = async (request, onReply) => {
      const before = transport.probes
      await probe(request, onReply)
      if (transport.probes > before) stale = false
    }
    await ipvs.services.add({ fwmark: 1 })
    expect(transport.probes).toBe(2)
    expect(transport.trips).toEqual([['serviceAdd'], ['serviceAdd']])

    stale = true
    transport.evidence = V3_FILES
    const other = await failure(ipvs.services.add({ fwmark: 1 }))
    expect(other).toMatchObject({ code: 'ERR_IPVS_MODULE_CHANGED', operation: 'services.add', sent: false })
    expect(other.service).toEqual({ fwmark: 1, family: 'ipv4' })

    // From then on nothing is sent, whatever is loaded.
    transport.evidence = V2_FILES
    const sent = transport.operations.length
    for (const late of [ipvs.services.add({ fwmark: 2 }), ipvs.services.list(), ipvs.snapshot()]) {
      expect(await failure(late)).toMatchObject({ code: 'ERR_IPVS_MODULE_CHANGED', sent: false })
    }
    expect(transport.operations).toHaveLength(sent)
  })

  it('finds ip_vs again though the signal of opening was aborted, and sees what it can do now', async () => {
    const controller = new AbortController()
    let stale = true
    const { ipvs, transport } = await openScripted(
      'fullnat-v2',
      () => (stale ? { errno: 2, flags: outcomeFlags.familyChanged } : undefined),
      { signal: controller.signal },
    )
    controller.abort()
    const before = ipvs.capabilities
    const { listSysctls } = transport.files
    transport.files.listSysctls = () => {
      stale = false
      return listSysctls()
    }
    await ipvs.services.add({ fwmark: 1 })
    expect(ipvs.capabilities).toEqual(before)
    expect(ipvs.capabilities).not.toBe(before)
  })

  it('does not go on over another transport', async () => {
    const gone = () => ({ errno: 2, flags: outcomeFlags.familyChanged })
    const { ipvs, transport } = await openScripted('mainline', gone)
    transport.probe = { ...PROBES.mainline, ...noFamily, sockoptLocalAddressError: 92 }
    expect((await failure(ipvs.services.list())).code).toBe('ERR_IPVS_MODULE_CHANGED')
  })

  it('says why ip_vs is not found again, to every call that met its end', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v2', () => ({
      errno: 2,
      flags: outcomeFlags.familyChanged,
    }))
    transport.probe = PROBES.absent
    expect((await failure(ipvs.services.list())).code).toBe('ERR_IPVS_NOT_LOADED')
  })
})
