// Random sequences of operations on the guest's kernel and on a fake one of its dialect, over both interfaces: the same
// results, and the same state in the end. What differs is a defect of the fake, and becomes a case of regressions.ts.
//
// IPVS_DIFFERENTIAL_SEED repeats a run, IPVS_DIFFERENTIAL_RUNS is the number of sequences per interface.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Timeouts } from '../../lib'
import type { FakeDialect } from '../../lib/testing'
import { sequences } from '../contract/model/arbitraries'
import type { Counts } from '../contract/model/differential'
import { compare } from '../contract/model/differential'
import { fakeSide } from '../contract/model/fake-side'
import type { Operation, Side } from '../contract/model/operations'
import { regressions } from '../contract/model/regressions'
import { kernelHarness } from './support/kernel'

const number = (name: string, fallback: number) => Number(process.env[name] || fallback)
const seed = number('IPVS_DIFFERENTIAL_SEED', Date.now() % 0x7fffffff)
const RUNS = number('IPVS_DIFFERENTIAL_RUNS', 22)
/** Of both interfaces together; less would mean that the generators make nothing that works. */
const SUCCEEDED_MIN = 0.35
/**
 * A difference is shrunk for so long. On processors that others keep busy it can come before the last sequence: that is no
 * failure, and the number of operations is printed.
 */
const TIME_LIMIT = 240_000

const total: Counts = { operations: 0, succeeded: 0 }

for (const transport of ['netlink', 'sockopt'] as const) {
  const harness = await kernelHarness(transport)
  const { capabilities, schedulers, own, cpus } = harness
  const dialect = harness.dialect as FakeDialect
  // The hash of mainline depends on an address in the kernel.
  const sorted = dialect === 'mainline'

  describe(`fake and kernel over ${transport}`, () => {
    let real: Side
    let timeouts: Timeouts
    beforeAll(async () => {
      await harness.reset()
      const full = await harness.openFull()
      real = { full, tested: transport === 'netlink' ? full : await harness.open() }
      timeouts = await full.timeouts.get()
    })
    afterAll(async () => {
      await harness.reset()
      await real.full.close()
      await real.tested.close()
    })

    async function run(sequence: readonly Operation[], counts: Counts): Promise<void> {
      await harness.reset()
      const fake = await fakeSide({ dialect, transport, cpus, own })
      await fake.full.timeouts.set(timeouts)
      await compare(real, fake, sequence, sorted, counts)
      await fake.close()
    }

    for (const { name, operations: sequence } of regressions({ dialect, transport, own })) {
      it(name, () => run(sequence, { operations: 0, succeeded: 0 }))
    }

    it(
      `random operations (IPVS_DIFFERENTIAL_SEED=${seed})`,
      async () => {
        const some = sequences({ capabilities, schedulers, own }, { minLength: 30, maxLength: 90 })
        const property = fc.asyncProperty(some, (sequence) => run(sequence, total))
        await fc.assert(property, {
          seed,
          numRuns: RUNS,
          interruptAfterTimeLimit: TIME_LIMIT,
        })
      },
      4 * TIME_LIMIT,
    )
  })
}

describe('the random operations', () => {
  it('really ran, and many of them did something', () => {
    console.log(`differential: ${total.operations} operations, seed ${seed}`)
    console.log(`differential: ${total.succeeded} of them succeeded`)
    expect(total.succeeded / total.operations).toBeGreaterThan(SUCCEEDED_MIN)
  })
})
