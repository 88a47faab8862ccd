// Clients of a fake kernel that stands in the same surroundings as a real one.

import { Ipvs } from '../../../lib'
import type { FakeDialect } from '../../../lib/testing'
import { FakeKernel } from '../../../lib/testing'
import type { Side } from './operations'

export interface FakeSurroundings {
  readonly dialect: FakeDialect
  readonly transport: 'netlink' | 'sockopt'
  readonly cpus: number
  readonly own: { readonly ipv4: string; readonly ipv6: string }
}

export interface FakeSide extends Side {
  readonly kernel: FakeKernel
  close(): Promise<void>
}

/** An interface with `own`, and no other route. */
export async function fakeSide({ dialect, transport, cpus, own }: FakeSurroundings): Promise<FakeSide> {
  const kernel = new FakeKernel({
    dialect,
    cpus,
    addresses: [`${own.ipv4}/24`, `${own.ipv6}/64`],
    routes: ['fe80::/64', 'ff00::/8', `${own.ipv6}/64`],
  })
  const full = await Ipvs.open({ transport: kernel.transport() })
  const tested =
    transport === 'netlink' ? full : await Ipvs.open({ transport: kernel.transport({ netlink: false }) })
  return {
    kernel,
    full,
    tested,
    async close() {
      await full.close()
      if (tested !== full) await tested.close()
    },
  }
}
