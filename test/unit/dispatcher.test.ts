import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Dialect, Operation, Transport } from '../../lib/border/layout.gen'
import { readList } from '../../lib/client/look-up'
import { type CallPlan, FollowUp, type PlannedRequest } from '../../lib/dispatch/call-plan'
import { Dispatcher } from '../../lib/dispatch/dispatcher'
import type { DispatcherHooks } from '../../lib/dispatch/dispatcher-hooks'
import type { ObjectLock } from '../../lib/dispatch/object-locks'
import { SharedList } from '../../lib/dispatch/shared-list'
import { type IpvsError, ownError } from '../../lib/errors/ipvs-error'
import { outcomeFlags, writeReply } from './support/border'
import { failure, ScriptedTransport } from './support/scripted-transport'

const REQUEST: PlannedRequest = { fields: { operation: Operation.info } }
const READ: PlannedRequest = { fields: { operation: Operation.serviceGet } }
const WRITE: PlannedRequest = { fields: { operation: Operation.serviceSet } }
const LATER: PlannedRequest = { fields: { operation: Operation.flush } }
const LAST: PlannedRequest = { fields: { operation: Operation.timeoutsGet } }

const simple = <T>(operation: string, value: T, request = REQUEST): CallPlan<T> => ({
  operation,
  subject: {},
  request,
  done: () => value,
})

/** The family is gone. */
const gone = { errno: 2, flags: outcomeFlags.familyChanged }

/** Reads, then writes. */
const modify = (lock: ObjectLock, writes = [WRITE]): CallPlan<string> => ({
  operation: 'services.update',
  subject: {},
  lock,
  request: READ,
  done: () => new FollowUp(writes, () => 'written'),
})

let transport: ScriptedTransport
let hooks: DispatcherHooks & { reopens: number; whenReopened: () => Promise<void> }
let dispatcher: Dispatcher
/** What ended, in the order in which it did. */
let ended: unknown[]

function run<T>(plan: CallPlan<T>, timeout = 1000, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    dispatcher.submit(
      plan,
      { timeout, signal },
      {
        resolve(value) {
          ended.push(value)
          resolve(value)
        },
        reject(error) {
          ended.push((error as IpvsError).code)
          reject(error)
        },
      },
    )
  })
}

const LIMITS = { timeout: 1000, signal: undefined }

function send({ fields }: PlannedRequest, signal?: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => dispatcher.send(fields, { ...LIMITS, signal }, resolve, reject))
}

beforeEach(() => {
  transport = new ScriptedTransport('mainline')
  ended = []
  hooks = {
    reopens: 0,
    whenReopened: async () => {},
    kernel: {
      dialect: 'mainline',
      dialectNumber: Dialect.mainline,
      transportNumber: Transport.netlink,
    },
    admissions: () => [{ operation: Operation.localAddressAdd, admit: () => {} }],
    reopen() {
      hooks.reopens++
      return hooks.whenReopened()
    },
  }
  dispatcher = new Dispatcher(transport, hooks)
})

describe('jobs', () => {
  it('share the calls of one tick, those of resolved promises included', async () => {
    const calls = [
      run(simple('info', 1)),
      run(simple('info', 2)),
      Promise.resolve().then(() => run(simple('info', 3))),
    ]
    expect(transport.jobs).toHaveLength(0)
    expect(await Promise.all(calls)).toEqual([1, 2, 3])
    expect(transport.trips).toEqual([['info', 'info', 'info']])
  })

  it('run one at a time; what comes meanwhile goes together in the next', async () => {
    transport.hold()
    const first = run(simple('info', 1))
    await transport.arrived(1)
    const rest = [run(simple('flush', 2, LATER)), run(simple('info', 3))]
    expect(transport.jobs).toHaveLength(1)
    expect(dispatcher.pending).toBe(3)
    transport.release()
    await Promise.all([first, ...rest])
    expect(transport.trips).toEqual([['info'], ['flush', 'info']])
    expect(ended).toEqual([1, 2, 3])
    expect(dispatcher.pending).toBe(0)
  })

  it('carry the dialect, the transport and the milliseconds that are left', async () => {
    await run(simple('info', 1), 700)
    const [job] = transport.jobs
    expect(job?.dialect).toBe('mainline')
    expect(job?.requests[0]).toMatchObject({ transport: 'netlink' })
    expect(job?.requests[0]?.timeoutMs).toBeGreaterThan(0)
    expect(job?.requests[0]?.timeoutMs).toBeLessThanOrEqual(700)
  })

  it('leave commands that follow each other a signal of their own', async () => {
    transport.hold()
    const controller = new AbortController()
    const first = send(WRITE)
    const second = failure(send(WRITE, controller.signal))
    await transport.arrived(1)
    controller.abort()
    expect(await second).toMatchObject({ code: 'ABORT_ERR' })
    transport.release()
    await first
    expect(transport.trips).toEqual([['serviceSet', 'serviceSet']])
  })

  it('give each call its own outcome', async () => {
    transport.script = ({ operation }) => (operation === 'flush' ? { errno: 1 } : undefined)
    const [one, two, three] = [
      run(simple('info', 1)),
      failure(run(simple('flush', 2, LATER))),
      run(simple('info', 3)),
    ]
    expect(await two).toMatchObject({ code: 'EPERM', operation: 'flush', sent: true })
    expect([await one, await three]).toEqual([1, 3])
  })

  it('hand over records in pieces and settle at the last', async () => {
    transport.chunk = 2
    transport.script = () => ({ infos: [{ version: 1 }, { version: 2 }, { version: 3 }] })
    const seen: number[] = []
    const plan: CallPlan<number> = {
      operation: 'info',
      subject: {},
      request: {
        ...REQUEST,
        sinks: [{ section: 'infos', take: (_, from, to) => void seen.push(to - from) }],
      },
      done: () => seen.reduce((sum, n) => sum + n, 0),
    }
    // Two requests with records each: those of one are not given to the other.
    const other = run(simple('info', 'other'))
    expect(await run(plan)).toBe(3)
    expect(seen.length).toBeGreaterThan(1)
    expect(await other).toBe('other')
  })

  it('leave out a request that may not be sent now, and send the others', async () => {
    hooks.admissions = () => [
      {
        operation: Operation.localAddressAdd,
        admit: (about) => {
          throw ownError('ERR_IPVS_RESERVE_CORE', { operation: about().operation })
        },
      },
    ]
    const local: PlannedRequest = { fields: { operation: Operation.localAddressAdd } }
    const refused = failure(run(simple('localAddresses.add', 1, local)))
    expect(await run(simple('info', 2))).toBe(2)
    expect(await refused).toMatchObject({ code: 'ERR_IPVS_RESERVE_CORE', sent: false })
    expect(transport.trips).toEqual([['info']])
  })
})

describe('calls made by whoever hears of a refusal', () => {
  it('are sent, and what waits beside the refused ones is', async () => {
    hooks.admissions = () => [
      {
        operation: Operation.localAddressAdd,
        admit: () => {
          throw ownError('ERR_IPVS_RESERVE_CORE', {})
        },
      },
    ]
    const plan = simple('localAddresses.add', 1, { fields: { operation: Operation.localAddressAdd } })
    const made: Promise<unknown>[] = []
    // So many of the queue are refused that it is swept while the trip is filled.
    for (let i = 0; i < 100; i++) {
      const reject = () => i >= 80 && made.push(run(simple('info', `made ${i}`)))
      dispatcher.submit(plan, { timeout: 1000, signal: undefined }, { resolve() {}, reject })
    }
    const beside = Array.from({ length: 10 }, (_, i) => run(simple('info', `beside ${i}`)))
    await Promise.all(beside)
    await Promise.all(made)
    expect(made).toHaveLength(20)
    expect(transport.trips.flat()).toHaveLength(30)
    expect(dispatcher.pending).toBe(0)
  })
})

describe('read-modify-write', () => {
  it('is not overtaken by a later call', async () => {
    const update = run(modify({ service: 'a', object: '' }))
    const later = run(simple('flush', 'flushed', LATER))
    await Promise.all([update, later])
    expect(transport.trips).toEqual([['serviceGet'], ['serviceSet', 'flush']])
    expect(ended).toEqual(['written', 'flushed'])
  })

  it('goes behind what was called before, in the same job', async () => {
    await Promise.all([run(simple('flush', 1, LATER)), run(modify({ service: 'a', object: '' }))])
    expect(transport.trips).toEqual([['flush', 'serviceGet'], ['serviceSet']])
  })

  it('on different objects goes together, on the same one after the other', async () => {
    const locks: ObjectLock[] = [
      { service: 'a', object: 'x' },
      { service: 'a', object: 'y' },
      { service: 'b', object: '' },
      { service: 'a', object: 'x' },
    ]
    await Promise.all(locks.map((lock) => run(modify(lock))))
    expect(transport.trips).toEqual([
      ['serviceGet', 'serviceGet', 'serviceGet'],
      ['serviceSet', 'serviceSet', 'serviceSet', 'serviceGet'],
      ['serviceSet'],
    ])
  })

  it('that goes on after its first writes is still not overtaken', async () => {
    const twoSteps: CallPlan<string> = {
      operation: 'localAddresses.set',
      subject: {},
      lock: { service: 'a', object: '' },
      request: READ,
      done: () => new FollowUp([WRITE], () => new FollowUp([LAST], () => 'done'), true),
    }
    await Promise.all([run(twoSteps), run(simple('flush', 'flushed', LATER))])
    expect(transport.trips).toEqual([['serviceGet'], ['serviceSet'], ['timeoutsGet', 'flush']])
    expect(ended).toEqual(['done', 'flushed'])
  })

  it('without anything to write ends at once', async () => {
    expect(await run(modify({ service: 'a', object: '' }, []))).toBe('written')
    expect(transport.jobs).toHaveLength(1)
  })

  it('ends when one of its writes fails, with the first failure, after all of them', async () => {
    let writes = 0
    transport.script = ({ operation }) => {
      if (operation !== 'serviceSet') return undefined
      writes++
      return writes === 1 ? undefined : { errno: writes === 2 ? 17 : 1 }
    }
    const update = run(modify({ service: 'a', object: '' }, [WRITE, WRITE, WRITE]))
    expect(await failure(update)).toMatchObject({ code: 'EEXIST', sent: true })
    expect(writes).toBe(3)
  })

  it('counts a write as done that another plan has done', async () => {
    transport.script = ({ operation }) => (operation === 'serviceSet' ? { errno: 2 } : undefined)
    const tolerant = modify({ service: 'a', object: '' }, [{ ...WRITE, tolerate: 'ENOENT' }])
    expect(await run(tolerant)).toBe('written')
    expect((await failure(run(modify({ service: 'a', object: '' })))).code).toBe('ENOENT')
  })

  it('can turn a failed read into a write, but not a failed write', async () => {
    transport.script = ({ operation }) => (operation === 'serviceGet' ? { errno: 3 } : undefined)
    const ensure: CallPlan<string> = {
      ...modify({ service: 'a', object: '' }),
      recover: ({ code }) => (code === 'ESRCH' ? { value: new FollowUp([WRITE], () => 'added') } : undefined),
    }
    expect(await run(ensure)).toBe('added')
    transport.script = () => ({ errno: 3 })
    expect((await failure(run(ensure))).code).toBe('ESRCH')
    transport.script = () => ({ errno: 1 })
    expect((await failure(run(ensure))).code).toBe('EPERM')
  })

  it('rejects with what its second half throws', async () => {
    const broken: CallPlan<string> = {
      ...modify({ service: 'a', object: '' }),
      done: () => {
        throw ownError('ERR_IPVS_UNSUPPORTED', { operation: 'services.update' })
      },
    }
    const later = run(simple('info', 'later'))
    expect((await failure(run(broken))).code).toBe('ERR_IPVS_UNSUPPORTED')
    expect(await later).toBe('later')
  })
})

describe('a batch that is open', () => {
  it('comes before a command that is called meanwhile, though the one before it could take that along', async () => {
    const before = send(WRITE)
    const place = dispatcher.openBatch()
    const meanwhile = send(LATER)
    const within = new Promise((resolve, reject) => {
      place.submit(simple('info', 1), LIMITS, { resolve, reject })
    })
    place.close()
    await Promise.all([before, within, meanwhile])
    expect(transport.trips).toEqual([['serviceSet', 'info', 'flush']])
  })

  it('counts what is called meanwhile once: it is no reason for a trip of its own', async () => {
    const place = dispatcher.openBatch()
    const commands = Array.from({ length: 600 }, () => send(WRITE))
    place.close()
    await Promise.all([...commands, run(simple('info', 1))])
    expect(transport.trips).toHaveLength(1)
    expect(transport.trips[0]).toHaveLength(601)
  })
})

describe('a list that several calls read', () => {
  const listed = {
    section: 'infos',
    decode: () => ({ id: 'x' }),
    id: ({ id }: { id: string }) => id,
  } as const
  const listing = (name = 'one') => new SharedList(name, READ.fields, listed)
  const RECORDS = { infos: [{ version: 1 }] }
  /** Looks something up. */
  const look = (name?: string): CallPlan<unknown> => {
    const list = listing(name)
    return {
      operation: 'destinations.get',
      subject: {},
      request: readList(list),
      done: () => [list.get('x'), list.size],
    }
  }
  const lookInto = (name: string): CallPlan<unknown> => ({
    ...look(name),
    subject: { service: { protocol: 'tcp', address: '192.0.2.1', port: 80 } },
  })
  /** Looks something up, then writes. */
  const ensure = (object: string): CallPlan<unknown> => {
    const request = readList(listing())
    return { ...modify({ service: 'a', object }), request }
  }

  beforeEach(() => {
    transport.script = ({ operation }) => (operation === 'serviceGet' ? RECORDS : undefined)
  })

  it('is read once, also by those that go on to write', async () => {
    const found = await Promise.all([run(look()), run(look()), run(look())])
    expect(found).toEqual([1, 2, 3].map(() => [{ id: 'x' }, 1]))
    expect(transport.trips).toEqual([['serviceGet']])
    await Promise.all(['x', 'y', 'z'].map((object) => run(ensure(object))))
    expect(transport.trips.slice(1)).toEqual([['serviceGet'], ['serviceSet', 'serviceSet', 'serviceSet']])
    expect(dispatcher.pending).toBe(0)
  })

  it('leaves each of them the outcome of what it goes on to write', async () => {
    let writes = 0
    transport.script = ({ operation }) => {
      if (operation === 'serviceGet') return RECORDS
      return writes++ === 0 ? undefined : { errno: 1 }
    }
    const settled = await Promise.allSettled(['x', 'y', 'z'].map((object) => run(ensure(object))))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  })

  it('is read once beside calls that read something else and go on to write', async () => {
    await Promise.all([
      run(lookInto('one')),
      run(modify({ service: 'b', object: 'x' })),
      run(lookInto('one')),
    ])
    expect(transport.trips).toEqual([['serviceGet', 'serviceGet'], ['serviceSet']])
  })

  it('has nothing from before for a call that was sent again and comes behind a write now', async () => {
    const answers = [gone, RECORDS, RECORDS, undefined, undefined]
    transport.script = () => answers.shift()
    const write = { ...modify({ service: 'b', object: 'x' }), request: readList(listing('two')) }
    const found = await Promise.all([run(lookInto('one')), run(write), run(lookInto('one'))])
    expect(found).toEqual([[{ id: 'x' }, 1], 'written', [undefined, 0]])
    expect(transport.trips).toEqual([
      ['serviceGet', 'serviceGet'],
      ['serviceGet', 'serviceSet', 'serviceGet'],
    ])
  })

  it('is another one for another service, and after a command', async () => {
    const command = new Promise<void>((resolve, reject) => {
      void run(look())
      void run(look('two'))
      void run(look())
      dispatcher.send(WRITE.fields, { timeout: 1000, signal: undefined }, () => resolve(), reject)
      void run(look())
      void run(look('two'))
    })
    await command
    expect(transport.trips).toEqual([['serviceGet', 'serviceGet', 'serviceSet', 'serviceGet', 'serviceGet']])
  })

  it('is not shared by calls with different options', async () => {
    const { signal } = new AbortController()
    await Promise.all([run(look()), run(look(), 2000), run(look(), 2000, signal), run(look(), 2000, signal)])
    expect(transport.trips).toEqual([['serviceGet', 'serviceGet', 'serviceGet']])
  })

  it('fails for all of them', async () => {
    transport.script = () => ({ errno: 1 })
    const failed = await Promise.all([failure(run(look())), failure(run(look()))])
    expect(failed).toMatchObject([{ code: 'EPERM' }, { code: 'EPERM' }])
  })

  it('is given up by all of them', async () => {
    transport.hold()
    const controller = new AbortController()
    const failed = [1, 2].map(() => failure(run(look(), 1000, controller.signal)))
    const other = run(look())
    await transport.arrived(1)
    expect(dispatcher.pending).toBe(3)
    controller.abort()
    expect(await Promise.all(failed)).toMatchObject([{ code: 'ABORT_ERR' }, { code: 'ABORT_ERR' }])
    transport.release()
    expect(await other).toEqual([{ id: 'x' }, 1])
    expect(transport.trips).toEqual([['serviceGet', 'serviceGet']])
  })

  it('is read again by all of them where the family is gone', async () => {
    let times = 0
    transport.script = () =>
      times++ === 0 ? { errno: 2, flags: outcomeFlags.sent | outcomeFlags.familyChanged } : RECORDS
    expect(await Promise.all([run(look()), run(look())])).toEqual([1, 2].map(() => [{ id: 'x' }, 1]))
    expect(transport.trips).toEqual([['serviceGet'], ['serviceGet']])
    expect(hooks.reopens).toBe(1)
  })

  it('has no answer for any of them where the transport gives none', async () => {
    transport.script = () => null
    const failed = await Promise.all([failure(run(look())), failure(run(look()))])
    expect(failed.map(({ code }) => code)).toEqual(['ERR_IPVS_MALFORMED_REPLY', 'ERR_IPVS_MALFORMED_REPLY'])
  })

  it('is shared by a thousand at most', async () => {
    const calls = Array.from({ length: 2500 }, () => run(look()))
    expect(await Promise.all(calls)).toHaveLength(2500)
    expect(transport.trips).toEqual([['serviceGet'], ['serviceGet'], ['serviceGet']])
  })
})

describe('AbortSignal', () => {
  it('cancels what has not been sent', async () => {
    transport.hold()
    const first = run(simple('info', 1))
    await transport.arrived(1)
    const controller = new AbortController()
    const second = failure(run(simple('flush', 2, LATER), 1000, controller.signal))
    controller.abort(new Error('enough'))
    expect(await second).toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      sent: false,
      operation: 'flush',
    })
    expect((await second).cause).toMatchObject({ message: 'enough' })
    transport.release()
    await first
    await run(simple('info', 3))
    expect(transport.operations).not.toContain('flush')
  })

  it('rejects what has been sent, and says so', async () => {
    transport.hold()
    const controller = new AbortController()
    const call = failure(run(simple('flush', 1, LATER), 1000, controller.signal))
    const other = run(simple('info', 2))
    await transport.arrived(1)
    controller.abort()
    expect(await call).toMatchObject({ code: 'ABORT_ERR', sent: true })
    expect(dispatcher.pending).toBe(1)
    transport.release()
    expect(await other).toBe(2)
    expect(ended).toEqual(['ABORT_ERR', 2])
  })

  it('keeps the second half of a read-modify-write from being sent', async () => {
    const controller = new AbortController()
    transport.hold()
    const update = failure(run(modify({ service: 'a', object: '' }), 1000, controller.signal))
    await transport.arrived(1)
    controller.abort()
    transport.release()
    await update
    await run(simple('info', 1))
    expect(transport.operations).toEqual(['serviceGet', 'info'])
  })

  it('that is aborted already sends nothing, and does not reject before the call returns', async () => {
    const call = failure(run(simple('flush', 1, LATER), 1000, AbortSignal.abort()))
    expect(ended).toEqual([])
    expect(await call).toMatchObject({ code: 'ABORT_ERR', sent: false })
    expect(transport.jobs).toHaveLength(0)
  })

  it('has one listener for all calls, and none when they have ended', async () => {
    const controller = new AbortController()
    const add = vi.spyOn(controller.signal, 'addEventListener')
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    await Promise.all([1, 2, 3].map((n) => run(simple('info', n), 1000, controller.signal)))
    expect(add).toHaveBeenCalledTimes(1)
    expect(remove).toHaveBeenCalledTimes(1)
    await run(simple('info', 4), 1000, controller.signal)
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([2, 2])
  })
})

describe('deadlines', () => {
  let now: number
  beforeEach(() => {
    now = 1000
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    vi.spyOn(performance, 'now').mockImplementation(() => now)
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  /** A deadline that has passed is looked at when what waits to be handed over has been. */
  async function pass(milliseconds: number): Promise<void> {
    // The clock of a call begins when its tick is over.
    await new Promise(setImmediate)
    for (let i = 0; i < milliseconds; i++) {
      now++
      vi.advanceTimersByTime(1)
    }
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }

  it('pass while a call waits in the queue: it is never sent', async () => {
    transport.hold()
    const first = run(simple('info', 1), 10_000)
    await transport.arrived(1)
    const second = failure(run(simple('flush', 2, LATER), 200))
    await pass(699)
    expect(ended).toEqual([])
    await pass(2)
    expect(await second).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: false, operation: 'flush' })
    transport.release()
    expect(await first).toBe(1)
    expect(transport.operations).toEqual(['info'])
  })

  const silence = { error: 110, syscall: 4, flags: outcomeFlags.sent | outcomeFlags.timedOut }

  /** The next job is answered piece by piece, by what is returned. */
  function inPieces(): { answer(requestIndex: number, more: boolean, outcome?: object): void } {
    const job = { answer: (_: number, __: boolean, ___?: object) => {} }
    transport.intercept = (_, onReply) =>
      new Promise((resolve) => {
        transport.intercept = undefined
        job.answer = (requestIndex, more, outcome = { flags: outcomeFlags.sent }) => {
          onReply(writeReply({ outcomes: [{ requestIndex, ...outcome }] }, more))
          if (!more) resolve()
        }
      })
    return job
  }

  it('have passed for a call that waits when the engine has found the kernel silent as long', async () => {
    const job = inPieces()
    const first = failure(run(simple('info', 1), 200))
    const slow = run(simple('info', 2), 1000)
    await transport.arrived(1)
    const second = failure(run(simple('flush', 3, LATER), 200))
    const third = run(simple('flush', 4, LATER), 1000)
    await pass(201)
    job.answer(0, true, silence)
    expect(await first).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
    expect(await second).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: false })
    expect(ended).toHaveLength(2)
    job.answer(1, false)
    expect([await slow, await third]).toEqual([2, 4])
  })

  it('are left to the engine while it gives signs of life', async () => {
    const job = inPieces()
    const first = failure(run(simple('info', 1), 200))
    const second = run(simple('info', 2), 600)
    await transport.arrived(1)
    await pass(650)
    job.answer(0, true, silence)
    expect(await first).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
    for (let i = 0; i < 5; i++) await pass(100)
    expect(ended).toHaveLength(1)
    job.answer(1, false)
    expect(await second).toBe(2)
  })

  it('do not pass for a call that waits while the kernel answers what was called before', async () => {
    const job = inPieces()
    const first = Promise.all([1, 2, 3].map((value) => run(simple('info', value), 200)))
    await transport.arrived(1)
    const second = run(simple('flush', 4, LATER), 200)
    for (const index of [0, 1]) {
      await pass(600)
      job.answer(index, true)
    }
    await pass(600)
    job.answer(2, false)
    expect([await first, await second]).toEqual([[1, 2, 3], 4])
  })

  it('do not pass while the caller is at work in the tick of the call', async () => {
    transport.hold()
    const short = failure(run(simple('info', 1), 100))
    const long = run(simple('info', 2), 600)
    now += 800
    vi.advanceTimersByTime(800)
    await transport.arrived(1)
    await pass(700)
    expect(await short).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
    expect(ended).toEqual(['ERR_IPVS_TIMEOUT'])
    transport.release()
    expect(await long).toBe(2)
  })

  it('leave the engine some time of grace, then give a stuck transport up', async () => {
    transport.hold()
    const stuck = failure(run(simple('info', 1), 200))
    const behind = failure(run(simple('flush', 2, LATER), 5000))
    await transport.arrived(1)
    await pass(600)
    expect(ended).toEqual([])
    await pass(200)
    expect(await stuck).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
    // It shares the trip, and the transport is as silent to it.
    await pass(5000)
    expect(await behind).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
    const third = failure(run(simple('info', 3), 100))
    await pass(601)
    expect(await third).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: false })
    // A late end of the job changes nothing, and the next call is served.
    transport.release()
    expect(await run(simple('info', 4))).toBe(4)
    expect(ended).toEqual(['ERR_IPVS_TIMEOUT', 'ERR_IPVS_TIMEOUT', 'ERR_IPVS_TIMEOUT', 4])
  })

  it('pass while the family is looked for again', async () => {
    transport.script = () => ({ errno: 2, flags: outcomeFlags.familyChanged })
    let looking = () => {}
    const looked = new Promise<void>((resolve) => {
      looking = resolve
    })
    hooks.whenReopened = () => {
      looking()
      return new Promise(() => {})
    }
    const call = failure(run(simple('info', 1), 200))
    await looked
    expect(dispatcher.pending).toBe(1)
    await pass(800)
    expect(await call).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: false })
  })

  it('keep no process alive', async () => {
    vi.useRealTimers()
    const timer = vi.spyOn(globalThis, 'setTimeout')
    await run(simple('info', 1), 200)
    expect(timer).toHaveBeenCalledTimes(1)
    expect(timer.mock.results[0]?.value.hasRef()).toBe(false)
  })
})

describe('close', () => {
  it('rejects what waits, lets the running job end, and refuses what comes', async () => {
    transport.hold()
    const running = run(simple('info', 1))
    await transport.arrived(1)
    const waiting = failure(run(simple('flush', 2, LATER)))
    let closed = false
    const close = dispatcher.close().then(() => {
      closed = true
    })
    expect(await waiting).toMatchObject({ code: 'ERR_IPVS_CLOSED', sent: false, operation: 'flush' })
    expect(closed).toBe(false)
    transport.release()
    expect(await running).toBe(1)
    await close
    const late = failure(run(simple('info', 3)))
    expect(ended).toEqual(['ERR_IPVS_CLOSED', 1])
    expect((await late).code).toBe('ERR_IPVS_CLOSED')
    expect(transport.operations).toEqual(['info'])
  })

  it('is idempotent', async () => {
    await Promise.all([dispatcher.close(), dispatcher.close()])
    await dispatcher.close()
    expect(transport.closed).toBe(1)
  })

  it('rejects the second half of a read-modify-write', async () => {
    transport.hold()
    const update = failure(run(modify({ service: 'a', object: '' })))
    await transport.arrived(1)
    const close = dispatcher.close()
    transport.release()
    // Only the read was sent: nothing can have changed.
    expect(await update).toMatchObject({ code: 'ERR_IPVS_CLOSED', sent: false })
    await close
    expect(transport.operations).toEqual(['serviceGet'])
  })

  it('waits for a look for the family, and sends nothing when that has ended', async () => {
    transport.script = () => ({ errno: 2, flags: outcomeFlags.familyChanged })
    let found = () => {}
    const looking = new Promise<void>((resolve) => {
      hooks.whenReopened = () => {
        resolve()
        return new Promise((end) => {
          found = end
        })
      }
    })
    const call = failure(run(simple('info', 1)))
    await looking
    let closed = false
    const close = dispatcher.close().then(() => {
      closed = true
    })
    await new Promise(setImmediate)
    expect(closed).toBe(false)
    found()
    await close
    expect(await call).toMatchObject({ code: 'ERR_IPVS_CLOSED', sent: false })
    expect(transport.operations).toEqual(['info'])
  })

  it('says of what goes on that it was sent, once it has written', async () => {
    const answer = (onReply: (reply: ArrayBuffer) => void) =>
      onReply(writeReply({ outcomes: [{ requestIndex: 0, flags: outcomeFlags.sent }] }))
    const steps: (() => void)[] = []
    transport.intercept = (_, onReply) =>
      new Promise((resolve) => {
        steps.push(() => {
          answer(onReply)
          resolve()
        })
      })
    const plan: CallPlan<string> = {
      operation: 'localAddresses.set',
      subject: {},
      lock: { service: 'a', object: '' },
      request: READ,
      done: () => new FollowUp([WRITE], () => new FollowUp([LAST], () => 'done'), true),
    }
    const call = failure(run(plan))
    await transport.arrived(1)
    await new Promise(setImmediate)
    steps.shift()?.()
    await transport.arrived(2)
    await new Promise(setImmediate)
    const close = dispatcher.close()
    steps.shift()?.()
    expect(await call).toMatchObject({ code: 'ERR_IPVS_CLOSED', sent: true })
    await close
    expect(transport.operations).toEqual(['serviceGet', 'serviceSet'])
  })

  it('rejects what met a family that is gone', async () => {
    transport.script = () => ({ errno: 2, flags: outcomeFlags.familyChanged })
    transport.hold()
    const call = failure(run(simple('info', 1)))
    await transport.arrived(1)
    const close = dispatcher.close()
    transport.release()
    expect((await call).code).toBe('ERR_IPVS_CLOSED')
    await close
    expect(hooks.reopens).toBe(0)
  })
})

describe('a family that is gone', () => {
  it('is looked for once, and then everything is sent again, before later calls', async () => {
    let first = true
    transport.script = () => {
      const answer = first ? gone : undefined
      return answer
    }
    transport.hold()
    const calls = [run(simple('info', 1)), run(simple('flush', 2, LATER))]
    await transport.arrived(1)
    calls.push(run(simple('timeouts.get', 3, LAST)))
    hooks.whenReopened = async () => {
      first = false
    }
    transport.release()
    expect(await Promise.all(calls)).toEqual([1, 2, 3])
    expect(hooks.reopens).toBe(1)
    expect(transport.trips).toEqual([
      ['info', 'flush'],
      ['info', 'flush', 'timeoutsGet'],
    ])
  })

  it('is an error when it is gone again', async () => {
    transport.script = () => gone
    expect(await failure(run(simple('info', 1)))).toMatchObject({ code: 'ERR_IPVS_NOT_LOADED', sent: false })
    expect(hooks.reopens).toBe(1)
    expect(transport.jobs).toHaveLength(2)
  })

  it('is an error of a command, too, when it is gone again; those beside it are done', async () => {
    const ends: unknown[] = []
    transport.script = ({ operation }) => (operation === 'serviceSet' ? gone : undefined)
    await new Promise<void>((resolve) => {
      const end = (value: unknown) => ends.push(value) === 3 && resolve()
      for (const { fields } of [LATER, WRITE, LATER]) {
        dispatcher.send(fields, { timeout: 1000, signal: undefined }, end, end)
      }
    })
    expect(ends).toEqual([
      undefined,
      undefined,
      expect.objectContaining({ code: 'ERR_IPVS_NOT_LOADED', sent: false }),
    ])
    expect(hooks.reopens).toBe(1)
    expect(transport.trips).toEqual([['flush', 'serviceSet', 'flush'], ['serviceSet']])
    expect(dispatcher.pending).toBe(0)
  })

  it('is not looked for on behalf of a call that was given up', async () => {
    transport.script = ({ operation }) => (operation === 'info' ? gone : undefined)
    transport.hold()
    const controller = new AbortController()
    const call = failure(run(simple('info', 1), 1000, controller.signal))
    await transport.arrived(1)
    controller.abort()
    expect((await call).code).toBe('ABORT_ERR')
    transport.release()
    expect(await run(simple('flush', 2, LATER))).toBe(2)
    expect(transport.trips).toEqual([['info'], ['flush']])
    expect(hooks.reopens).toBe(0)
  })

  it('makes a command wait that can be aborted meanwhile', async () => {
    transport.script = () => gone
    const looking = new Promise<void>((resolve) => {
      hooks.whenReopened = () => {
        resolve()
        return new Promise(() => {})
      }
    })
    const controller = new AbortController()
    const command = new Promise<void>((resolve, reject) =>
      dispatcher.send(LATER.fields, { timeout: 1000, signal: controller.signal }, () => resolve(), reject),
    )
    await looking
    controller.abort()
    expect(await failure(command)).toMatchObject({ code: 'ABORT_ERR', sent: false })
    expect(dispatcher.pending).toBe(0)
  })

  it('is looked for on behalf of a write whose read had records', async () => {
    let writes = 0
    transport.script = ({ operation }) => {
      if (operation === 'serviceGet') return { infos: [{ version: 1 }] }
      return ++writes === 1 ? gone : undefined
    }
    const plan = modify({ service: 'a', object: '' })
    expect(await run(plan)).toBe('written')
    expect([writes, hooks.reopens]).toEqual([2, 1])
  })

  it('takes back what another request of the call was told: it is asked again', async () => {
    let answers = 0
    transport.script = ({ operation }) => {
      if (operation !== 'serviceSet') return undefined
      return [{ errno: 17 }, gone][answers++]
    }
    expect(await run(modify({ service: 'a', object: '' }, [WRITE, WRITE]))).toBe('written')
    expect(answers).toBe(4)
  })

  it('is met by all requests of a call: they are sent again once', async () => {
    let answers = 0
    transport.script = ({ operation }) => (operation === 'serviceSet' && ++answers <= 2 ? gone : undefined)
    expect(await run(modify({ service: 'a', object: '' }, [WRITE, WRITE]))).toBe('written')
    expect(transport.trips).toEqual([
      ['serviceGet'],
      ['serviceSet', 'serviceSet'],
      ['serviceSet', 'serviceSet'],
    ])
    expect(ended).toEqual(['written'])
  })

  it('in the middle of a list that several calls read is an error of each of them', async () => {
    const kind = { section: 'infos', decode: () => 1, id: () => 'x' } as const
    const look = (): CallPlan<unknown> => {
      const list = new SharedList<number>('one', READ.fields, kind)
      return { operation: 'destinations.get', subject: {}, request: readList(list), done: () => list.size }
    }
    transport.script = () => ({ ...gone, infos: [{ version: 1 }] })
    const failed = await Promise.all([failure(run(look())), failure(run(look()))])
    expect(failed.map(({ code }) => code)).toEqual(['ERR_IPVS_NOT_LOADED', 'ERR_IPVS_NOT_LOADED'])
    expect([transport.trips.length, hooks.reopens]).toEqual([1, 0])
  })

  it.each(['ERR_IPVS_NOT_LOADED', 'ERR_IPVS_MODULE_CHANGED', 'ERR_IPVS_NAMESPACE'] as const)(
    'that cannot be had again is %s to every call, in its own words',
    async (code) => {
      transport.script = () => gone
      hooks.whenReopened = async () => {
        throw ownError(code, { operation: 'open' })
      }
      const [one, two] = [failure(run(simple('info', 1))), failure(run(simple('flush', 2, LATER)))]
      expect(await one).toMatchObject({ code, operation: 'info', sent: false })
      expect((await two).message).toMatch(new RegExp(`^${code}: .*, flush$`))
      expect((await two).message).not.toMatch(/, open/)
      expect(await two).toMatchObject({ hint: ownError(code).hint })
    },
  )

  it('of another module ends what waits for it, and all that comes: nothing is sent to that one', async () => {
    transport.script = () => ({ errno: 2, flags: outcomeFlags.familyChanged })
    let verdict = (_: Error) => {}
    const looked = new Promise<void>((resolve) => {
      hooks.whenReopened = () =>
        new Promise((_, reject) => {
          verdict = reject
          resolve()
        })
    })
    const calls = [failure(run(simple('info', 1)))]
    await looked
    calls.push(failure(run(simple('flush', 2, LATER))))
    await new Promise(setImmediate)
    verdict(ownError('ERR_IPVS_MODULE_CHANGED', { operation: 'open' }))
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 'ERR_IPVS_MODULE_CHANGED', sent: false })
    }
    expect((await failure(run(simple('flush', 3, LATER)))).code).toBe('ERR_IPVS_MODULE_CHANGED')
    expect(transport.operations).toEqual(['info'])
  })

  it('keeps the outcome of what was executed', async () => {
    let jobs = 0
    transport.script = ({ operation }, job) => {
      if (job !== transport.jobs.at(-1)) throw new Error('not this job')
      jobs = transport.jobs.length
      return operation === 'flush' && jobs === 1 ? gone : undefined
    }
    await Promise.all([run(simple('info', 1)), run(simple('flush', 2, LATER))])
    expect(transport.trips).toEqual([['info', 'flush'], ['flush']])
  })

  /** Of two writes of a call; `rest` is what the other gets. */
  const firstIsGone = (rest: undefined | null) => {
    let answers = 0
    return ({ operation }: { operation: string }) => {
      if (operation !== 'serviceSet') return undefined
      answers++
      return answers === 1 ? gone : rest
    }
  }

  it('is met by a call with several requests: it is not done before all of them are', async () => {
    transport.script = firstIsGone(undefined)
    expect(await run(modify({ service: 'a', object: '' }, [WRITE, WRITE]))).toBe('written')
    expect(transport.trips).toEqual([
      ['serviceGet'],
      ['serviceSet', 'serviceSet'],
      ['serviceSet', 'serviceSet'],
    ])
  })

  it('beside a request of the same call that has no answer is an error: that one may have been executed', async () => {
    transport.script = firstIsGone(null)
    const error = await failure(run(modify({ service: 'a', object: '' }, [WRITE, WRITE])))
    expect(error).toMatchObject({ code: 'ERR_IPVS_MALFORMED_REPLY', sent: true })
    await run(simple('info', 1))
    expect(transport.operations).toEqual(['serviceGet', 'serviceSet', 'serviceSet', 'info'])
  })

  it('in the middle of a list is an error: its records cannot be taken back', async () => {
    transport.script = () => ({ ...gone, infos: [{ version: 1 }] })
    let taken = 0
    const list: CallPlan<number> = {
      operation: 'services.list',
      subject: {},
      request: { ...REQUEST, sinks: [{ section: 'infos', take: () => void taken++ }] },
      done: () => taken,
    }
    expect((await failure(run(list))).code).toBe('ERR_IPVS_NOT_LOADED')
    expect([taken, hooks.reopens]).toEqual([1, 0])
  })
})

describe('a transport that is broken', () => {
  it('ends without an outcome: nobody knows what became of it', async () => {
    transport.script = ({ operation }) => (operation === 'flush' ? null : undefined)
    const [one, two] = [run(simple('info', 1)), failure(run(simple('flush', 2, LATER)))]
    expect(await two).toMatchObject({ code: 'ERR_IPVS_MALFORMED_REPLY', sent: true, operation: 'flush' })
    expect(await one).toBe(1)
  })

  it('hands over what is no reply', async () => {
    transport.intercept = async (_, onReply) => onReply(new ArrayBuffer(10))
    const error = await failure(run(simple('flush', 1, LATER)))
    expect(error).toMatchObject({ code: 'ERR_IPVS_MALFORMED_REPLY', sent: true, operation: 'flush' })
    expect((error.cause as Error).message).toMatch(/shorter than its header/)
    transport.intercept = undefined
    expect(await run(simple('info', 2))).toBe(2)
  })

  it.each<[string, () => Promise<void>]>([
    ['rejects', async () => Promise.reject(new Error('broken pipe'))],
    [
      'throws',
      () => {
        throw new Error('broken pipe')
      },
    ],
  ])('%s', async (_, intercept) => {
    transport.run = intercept
    const error = await failure(run(simple('flush', 1, LATER)))
    expect(error).toMatchObject({ code: 'ERR_IPVS_OUTCOME_UNKNOWN', sent: true, operation: 'flush' })
    expect((error.cause as Error).message).toBe('broken pipe')
    expect(await failure(run(simple('info', 2)))).toMatchObject({ operation: 'info' })
  })

  it('breaks a trip, but not what has gone on from it', async () => {
    transport.intercept = async (_, onReply) => {
      transport.intercept = undefined
      onReply(writeReply({ outcomes: [{ requestIndex: 0, flags: outcomeFlags.sent }] }, true))
      throw new Error('broken pipe')
    }
    const goesOn = run(modify({ service: 'a', object: '' }))
    const broken = failure(run(modify({ service: 'b', object: '' })))
    expect(await broken).toMatchObject({ code: 'ERR_IPVS_OUTCOME_UNKNOWN', sent: true })
    expect(await goesOn).toBe('written')
    expect(transport.trips).toEqual([['serviceGet', 'serviceGet'], ['serviceSet']])
    expect(dispatcher.pending).toBe(0)
  })

  it('answers twice, or what nobody asked', async () => {
    transport.intercept = async (_, onReply) => {
      const outcomes = [0, 0, 7].map((requestIndex) => ({ requestIndex, flags: outcomeFlags.sent }))
      onReply(writeReply({ outcomes }))
    }
    expect(await run(simple('info', 1))).toBe(1)
    transport.intercept = async (job, onReply) => {
      if (job.requests[0]?.operation === 'serviceSet') transport.intercept = undefined
      const outcomes = [0, 0].map((requestIndex) => ({ requestIndex, flags: outcomeFlags.sent }))
      onReply(writeReply({ outcomes }))
    }
    expect(await run(modify({ service: 'a', object: '' }))).toBe('written')
    expect(transport.operations).toEqual(['info', 'serviceGet', 'serviceSet'])
  })
})
