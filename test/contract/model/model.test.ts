// The model on the fake alone: the cases that once differed from a kernel, and that a dump carries everything, so that
// random operations go on alike on the kernel that was dumped and on the one that loaded it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FakeDialect } from '../../../lib/testing'
import { sequences } from './arbitraries'
import { compare } from './differential'
import { fakeSide } from './fake-side'
import type { Operation } from './operations'
import { perform } from './operations'
import { regressions } from './regressions'

const DIALECTS: readonly FakeDialect[] = ['mainline', 'fullnat-v2', 'fullnat-v3']
const OWN = { ipv4: '10.77.0.1', ipv6: 'fd77::1' } as const
const RUNS = 5

for (const dialect of DIALECTS) {
  for (const transport of ['netlink', 'sockopt'] as const) {
    const surroundings = { dialect, transport, cpus: 1, own: OWN }

    describe(`fake ${dialect} over ${transport}`, () => {
      for (const { name, operations: sequence, last } of regressions(surroundings)) {
        it(name, async () => {
          const side = await fakeSide(surroundings)
          let results: readonly string[] = []
          for (const operation of sequence) results = await perform(side, operation, false)
          expect(results).toEqual(last)
          await side.close()
        })
      }

      it('goes on alike after a dump was loaded', async () => {
        const probe = await fakeSide({ ...surroundings, cpus: 4 })
        const { capabilities } = probe.tested
        await probe.close()
        const { schedulers } = capabilities
        const some = sequences({ capabilities, schedulers, own: OWN }, { minLength: 0, maxLength: 40 })
        const goesOnAlike = async (before: readonly Operation[], after: readonly Operation[]) => {
          const one = await fakeSide({ ...surroundings, cpus: 4 })
          const other = await fakeSide({ ...surroundings, cpus: 4 })
          for (const operation of before) await perform(one, operation, false)
          other.kernel.load(JSON.parse(JSON.stringify(one.kernel.dump())))
          await compare(one, other, after, false, { operations: 0, succeeded: 0 })
          await one.close()
          await other.close()
        }
        await fc.assert(fc.asyncProperty(some, some, goesOnAlike), { numRuns: RUNS })
      })
    })
  }
}
