// Statistics with several CPUs: each counts for itself, and the library tells them apart.

import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { statisticsContract } from '../../contract/statistics'
import { kernelHarness } from '../support/kernel'

const harness = await kernelHarness('netlink')
const fullnat = harness.dialect !== 'mainline'
const NOWHERE = { protocol: 'tcp', address: '127.0.0.1', port: 4711 } as const

/** One SYN from one CPU, and no answer. */
function knock(cpu: number): void {
  const script = `echo | timeout 2 nc ${NOWHERE.address} ${NOWHERE.port} 2>/dev/null; true`
  execFileSync('taskset', ['-c', String(cpu), 'sh', '-c', script])
}

statisticsContract(harness)

it('what a CPU has seen is counted for it', async () => {
  const ipvs = await harness.openFull()
  await harness.reset()
  await ipvs.services.add({ ...NOWHERE, scheduler: 'rr' })
  await ipvs.destinations.add(NOWHERE, { address: '127.0.0.1', port: 4712, forwarding: 'masquerade' })
  const before = await ipvs.stats()
  knock(2)
  const after = await ipvs.stats()
  const grown = after.cpus.map(({ cpu, connections }, i) => ({
    cpu,
    by: connections - (before.cpus[i] as { connections: bigint }).connections,
  }))
  expect(grown.filter(({ by }) => by > BigInt(0))).toEqual([{ cpu: 2, by: BigInt(1) }])
  await ipvs.close()
})

it.runIf(fullnat)('conn_sched_unreach: a service without a destination', async () => {
  const ipvs = await harness.openFull()
  await harness.reset()
  await ipvs.services.add({ ...NOWHERE, scheduler: 'rr' })
  const count = async () => (await ipvs.extendedStats()).get('conn_sched_unreach')?.perCpu ?? []
  const before = await count()
  knock(1)
  const grown = (await count()).map((now, cpu) => Number(now - (before[cpu] as bigint)))
  // The client tries again while it waits.
  expect(grown[1]).toBeGreaterThanOrEqual(1)
  await ipvs.close()
})
