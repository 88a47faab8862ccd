/** The director that the options name. */

import type { Ipvs } from '../client/ipvs'
import type { CallOptions } from '../model/call-types'
import { UsageError } from './errors'
import { KERNELS } from './globals'
import type { GivenOptions } from './options'

export interface Director {
  readonly ipvs: Ipvs
  /** What people must know about it: that it is not real. */
  readonly notice: string | undefined
  /** For commands that go on and on, between two looks: see FakeFile. Does nothing to a real kernel. */
  exchange(): void
  close(): Promise<void>
}

/** A kernel that hangs does not keep anybody from the prompt. */
const CLOSE_MS = 1000

/** Digits are a process id. */
const netnsOf = (text: string | undefined): string | number | undefined =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : text

const REAL_ONLY = ['netns', 'transport', 'load-module']

export async function openDirector(globals: GivenOptions, { signal }: CallOptions): Promise<Director> {
  const path = globals.text('fake')
  const dialect = globals.oneOf('fake-dialect', KERNELS)
  const timeout = globals.seconds('kernel-timeout', { zero: true })
  const force = globals.has('force')
  const common = { signal, force, ...(timeout === undefined ? {} : { timeout }) }
  if (path === undefined) {
    if (dialect !== undefined) throw new UsageError('--fake-dialect goes with --fake FILE')
    const transport = globals.oneOf('transport', ['auto', 'netlink', 'sockopt'])
    const { Ipvs: Client } = await import('../client/ipvs')
    const netns = netnsOf(globals.text('netns'))
    const loadModule = globals.has('load-module')
    const ipvs = await Client.open({ ...common, transport, netns, loadModule })
    return {
      ipvs,
      notice: undefined,
      exchange() {},
      close: () => ipvs.close({ timeout: CLOSE_MS }).catch(() => {}),
    }
  }
  const unfit = REAL_ONLY.find((name) => globals.has(name))
  if (unfit !== undefined) throw new UsageError(`--${unfit} does not go with --fake`)
  const { openFakeFile } = await import('./fake-file')
  const file = await openFakeFile(path, dialect)
  const { Ipvs: Client } = await import('../client/ipvs')
  const ipvs = await Client.open({ ...common, transport: file.kernel.transport() })
  return {
    ipvs,
    notice: `FakeKernel in ${path}, NOT A REAL KERNEL (${file.kernel.dialect})`,
    exchange: file.exchange,
    close: async () => {
      await ipvs.close({ timeout: CLOSE_MS }).catch(() => {})
      file.save()
    },
  }
}
