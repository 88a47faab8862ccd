// Programs drawn at random, against a kernel that answers late, wrongly or not at all: every promise settles, nobody else
// hears of it, and close() resolves.
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Batch, type CallOptions, Ipvs, type IpvsError } from '../../lib'
import { drawsOf, type Look, type Moods, RandomKernel, turn } from './support/random-kernel'

/** No limit: nothing here waits for time. */
const NO_LIMIT = 0
const CONTROLLERS = 3
/** More than any program needs: what takes longer hangs. */
const MOST_TURNS = 5000

let unhandled: unknown[]
const onUnhandled = (reason: unknown) => unhandled.push(reason)
beforeEach(() => {
  unhandled = []
  process.on('unhandledRejection', onUnhandled)
  process.on('uncaughtException', onUnhandled)
})
afterEach(() => {
  process.off('unhandledRejection', onUnhandled)
  process.off('uncaughtException', onUnhandled)
})

type Ended = { readonly value: unknown } | { readonly error: IpvsError }

/** What a program has at hand. */
class World {
  private ports = 2000 // not those of the kernel's lists
  private readonly controllers = Array.from({ length: CONTROLLERS }, () => new AbortController())
  readonly ends: (Ended | undefined)[] = []
  /** By port: the call that adds or removes this destination, and nothing else. */
  readonly commands = new Map<number, number>()

  constructor(
    readonly ipvs: Ipvs,
    readonly kernel: RandomKernel,
  ) {}

  watch(promise: Promise<unknown>): number {
    const index = this.ends.push(undefined) - 1
    promise.then(
      (value) => {
        this.ends[index] = { value }
      },
      (error) => {
        this.ends[index] = { error }
      },
    )
    return index
  }

  options(controller: number): CallOptions {
    const signal = this.controllers[controller]?.signal
    return signal ? { signal, timeout: NO_LIMIT } : { timeout: NO_LIMIT }
  }

  abort(controller: number): void {
    this.controllers[controller]?.abort(new Error('enough'))
    this.controllers[controller] = new AbortController()
  }

  destination() {
    return { address: '10.0.0.1', port: ++this.ports, forwarding: 'masquerade' } as const
  }

  /** A command about a destination of its own. */
  command(name: 'add' | 'set' | 'remove', which: number, options: CallOptions): void {
    const destination = this.destination()
    const call = this.ipvs.destinations[name](service(which), destination, options)
    this.commands.set(destination.port, this.watch(call))
  }

  fill(batch: Batch, count: number): void {
    for (let i = 0; i < count; i++) {
      if (i % 5 === 3) batch.services.set(service(i % 3))
      else batch.destinations.add(service(i % 3), this.destination())
    }
  }
}

const service = (which: number) => ({ protocol: 'tcp', address: '192.0.2.1', port: 80 + which }) as const

async function some(items: AsyncIterable<unknown>, most: number): Promise<void> {
  let count = 0
  for await (const _ of items) if (++count > most) return
}

/** What a client has, besides plain commands. */
type Call = (ipvs: Ipvs, which: number, world: World, options: CallOptions) => Promise<unknown>
const CALLS: readonly Call[] = [
  (ipvs, which, _, options) => ipvs.services.add(service(which), options),
  (ipvs, which, _, options) => ipvs.services.ensure(service(which), options),
  (ipvs, which, _, options) => ipvs.services.update(service(which), { scheduler: 'rr' }, options),
  (ipvs, which, _, options) => ipvs.services.remove(service(which), options),
  (ipvs, which, _, options) => ipvs.services.get(service(which), options),
  (ipvs, _, __, options) => ipvs.services.list(options),
  (ipvs, which, _, options) => some(ipvs.services.iterate(options), which),
  (ipvs, which, _, options) => ipvs.destinations.list(service(which), options),
  (ipvs, which, _, options) => some(ipvs.destinations.iterate(service(which), options), which),
  (ipvs, which, world, options) => ipvs.destinations.ensure(service(which), world.destination(), options),
  (ipvs, which, _, options) =>
    ipvs.destinations.update(service(which), { address: '10.0.0.1', port: 1000 }, { weight: 5 }, options),
  (ipvs, which, _, options) => ipvs.localAddresses.set(service(which), ['10.1.0.1', '10.1.0.9'], options),
  (ipvs, _, __, options) => ipvs.snapshot(options),
  (ipvs, which, world, options) => ipvs.batch((batch) => world.fill(batch, 7 * which), options),
  (ipvs, which, world, options) =>
    ipvs.batch((batch) => {
      world.fill(batch, which)
      // What is called while it is filled comes after it.
      world.watch(ipvs.services.get(service(which), options))
      if (which === 2) throw new Error('the function of a batch')
    }, options),
  (ipvs, which, world, options) =>
    ipvs.batch(async (batch: Batch) => {
      world.fill(batch, which)
      await turn()
      if (which === 1) throw new Error('later')
      batch.flush()
    }, options),
]

type Step =
  | {
      readonly do: 'command'
      readonly name: 'add' | 'set' | 'remove'
      readonly which: number
      readonly signal: number
    }
  | { readonly do: 'call'; readonly call: number; readonly which: number; readonly signal: number }
  | { readonly do: 'abort'; readonly signal: number }
  | { readonly do: 'turns'; readonly turns: number }
  | { readonly do: 'look'; readonly look: Look }
  | { readonly do: 'moods'; readonly moods: Moods }
  | { readonly do: 'close'; readonly signal: number }

const which = fc.nat({ max: 2 })
/** The last one is none. */
const signal = fc.nat({ max: CONTROLLERS })
const mood = fc.constantFrom(0, 0, 100, 500, 1000)
const looks: readonly Look[] = ['found', 'EMFILE', 'EPERM', 'ETIMEDOUT', 'other module', 'broken']

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('command' as const),
      name: fc.constantFrom('add' as const, 'set' as const, 'remove' as const),
      which,
      signal,
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      call: fc.nat({ max: CALLS.length - 1 }),
      which,
      signal,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('abort' as const), signal }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('turns' as const), turns: fc.nat({ max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('look' as const), look: fc.constantFrom(...looks) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('moods' as const),
      moods: fc.record({ gone: mood, refused: mood, nothing: mood, broken: mood }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), signal }) },
)

async function take(one: Step, world: World): Promise<void> {
  const { ipvs, kernel } = world
  switch (one.do) {
    case 'command':
      return world.command(one.name, one.which, world.options(one.signal))
    case 'call':
      world.watch((CALLS[one.call] as Call)(ipvs, one.which, world, world.options(one.signal)))
      return
    case 'abort':
      return world.abort(one.signal)
    case 'turns':
      for (let i = 0; i < one.turns; i++) await turn()
      return
    case 'look':
      kernel.look = one.look
      return
    case 'moods':
      kernel.moods = one.moods
      return
    case 'close':
      world.watch(ipvs.close(world.options(one.signal)))
  }
}

async function settled(world: World): Promise<void> {
  for (let turns = 0; world.ends.includes(undefined); turns++) {
    if (turns > MOST_TURNS) throw new Error(`call ${world.ends.indexOf(undefined)} never settles`)
    await turn()
  }
}

/** What a command says of itself is so. */
function checkCommands({ commands, ends, kernel }: World): void {
  for (const [port, index] of commands) {
    const end = ends[index] as Ended
    const reached = kernel.reached.has(port)
    if ('value' in end) expect(reached, `destination ${port} was added`).toBe(true)
    else if (reached) expect(end.error.sent, `destination ${port}: ${end.error}`).toBe(true)
  }
}

/** Closing at the end is no help where it comes after everything has settled. */
const patient = fc.boolean()

it('every promise settles, whatever the kernel and the caller do', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40, size: 'max' }),
      patient,
      fc.nat(),
      async (program, waits, seed) => {
        const kernel = new RandomKernel(drawsOf(seed))
        const world = new World(await Ipvs.open({ transport: kernel, timeout: NO_LIMIT }), kernel)
        for (const one of program) await take(one, world)
        if (waits) await settled(world)
        const closing = world.watch(world.ipvs.close({ timeout: NO_LIMIT }))
        await settled(world)
        expect(world.ends[closing]).toEqual({ value: undefined })
        checkCommands(world)
        expect(world.ipvs.activity()).toMatchObject({ queued: 0, pending: 0 })
        expect(kernel.closed).toBe(1)
        await turn()
        expect(unhandled).toEqual([])
      },
    ),
    { numRuns: 200 },
  )
})
