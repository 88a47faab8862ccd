// The contract on the fake kernel: three dialects, both interfaces. Where this and a real kernel differ, the fake is
// wrong.

import { describe } from 'vitest'
import { Ipvs } from '../../lib'
import type { Transport } from '../../lib/border/transport'
import { readKernelText } from '../../lib/client/kernel-text'
import { collect } from '../../lib/metrics'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import type { Harness } from './harness'
import { contract } from './index'
import { metricsContract } from './metrics'

const DIALECTS: readonly FakeDialect[] = ['mainline', 'fullnat-v2', 'fullnat-v3']
const INTERFACES = ['netlink', 'sockopt'] as const
/** However busy the machine is. */
const PATIENT = { timeout: 60_000 } as const
const OWN = { ipv4: '10.77.0.1', ipv6: 'fd77::1' } as const

/** `cpus` as many as a guest with several CPUs has. */
async function fakeHarness(
  dialect: FakeDialect,
  over: (typeof INTERFACES)[number],
  cpus: number,
): Promise<Harness> {
  const kernel = new FakeKernel({
    dialect,
    cpus,
    addresses: [`${OWN.ipv4}/24`, `${OWN.ipv6}/64`],
    interfaces: ['lo', 'dummy0'],
  })
  const transport = () => kernel.transport({ netlink: over === 'netlink' })
  const probe = await Ipvs.open({ transport: transport() })
  const { capabilities } = probe
  await probe.close()
  const full = await Ipvs.open({ transport: kernel.transport() })
  const timeouts = await full.timeouts.get()
  return {
    name: over,
    dialect,
    release: undefined,
    capabilities,
    schedulers: capabilities.schedulers,
    cpus,
    own: OWN,
    interface: 'dummy0',
    open: ({ wrap = (inner: Transport) => inner, ...options } = {}) =>
      Ipvs.open({ ...PATIENT, transport: wrap(transport()), ...options }),
    openFull: () => Ipvs.open({ ...PATIENT, transport: kernel.transport() }),
    readProcNet: (name) => readKernelText(kernel.transport().files, name),
    async reset() {
      await full.flush()
      await full.timeouts.set(timeouts)
    },
  }
}

for (const dialect of DIALECTS) {
  for (const over of INTERFACES) {
    const harness = await fakeHarness(dialect, over, 1)
    describe(`fake ${dialect}`, () => {
      contract(harness)
      metricsContract(harness, collect)
    })
  }
}

const harness = await fakeHarness('fullnat-v3', 'netlink', 4)
describe('fake fullnat-v3 with 4 CPUs', () => contract(harness))
