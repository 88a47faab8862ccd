// A process that keeps a kernel what it should be is killed between any two of its requests, and another goes on.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredService, DesiredState } from '../../lib/model/desired-state'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { runFixture, TIMEOUT } from './run-fixture'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-killed-'))
afterAll(() => rmSync(folder, { recursive: true }))

const state = (dialect: FakeDialect, first: number): DesiredState => {
  const forwarding = dialect === 'mainline' ? 'masquerade' : 'fullnat'
  return {
    services: [80, 81].map((port): DesiredService => {
      const service = {
        protocol: 'tcp' as const,
        address: '192.0.2.1',
        port,
        scheduler: first === 1 ? 'rr' : 'wrr',
        destinations: [first, 2].map(
          (n) => ({ address: `10.9.0.${n}`, port: 8080, forwarding, weight: first }) as const,
        ),
      }
      return dialect === 'mainline' ? service : { ...service, localAddresses: [`10.1.0.${first}`] }
    }),
  }
}

describe.each(['mainline', 'fullnat-v3'] as const)('a Reconciler on %s', (dialect) => {
  it(
    'that is killed before any request leaves what works, and the next one ends it',
    async () => {
      const [before, file, desired] = ['before', 'state', 'desired'].map((name) =>
        join(folder, `${dialect}-${name}`),
      ) as [string, string, string]
      const kernel = new FakeKernel({ dialect })
      const ipvs = await Ipvs.open({ transport: kernel.transport() })
      await apply(ipvs, await plan(ipvs, state(dialect, 1)))
      writeFileSync(before, JSON.stringify(kernel.dump()))
      writeFileSync(desired, JSON.stringify(state(dialect, 3)))
      const look = async () => {
        kernel.load(JSON.parse(readFileSync(file, 'utf8')))
        const { services } = await ipvs.snapshot()
        expect(services).toHaveLength(2)
        for (const { destinations, localAddresses } of services) {
          expect(destinations.some(({ weight }) => weight > 0)).toBe(true)
          if (dialect !== 'mainline') expect(localAddresses).not.toEqual([])
        }
        return (await plan(ipvs, state(dialect, 3))).steps.length
      }
      const left: number[] = []
      for (let die = 0; ; die++) {
        copyFileSync(before, file)
        const run = (at: number) => runFixture('reconcile-killed', [dialect, file, desired, at])
        const killed = await run(die)
        left.push(await look())
        if (killed.signal === undefined) {
          expect(killed).toMatchObject({ status: 0, stderr: '', lines: [`${die} writes`] })
          break
        }
        expect(killed).toMatchObject({ signal: 'SIGKILL', timedOut: false, stderr: '' })
        expect(await run(-1)).toMatchObject({ status: 0, stderr: '' })
        expect(await look()).toBe(0)
      }
      // One step less each time.
      expect(left).toEqual(Array.from(left, (_, i) => left.length - 1 - i))
      expect(left.length).toBeGreaterThan(8)
    },
    TIMEOUT,
  )
})
