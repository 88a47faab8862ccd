// The harness of the contract suite over the kernel that this guest runs.

import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Capabilities, Ipvs, Timeouts, Transport, TransportKind } from '../../../lib'
import { ProbeLayout, ReplyHeaderLayout } from '../../../lib/border/layout.gen'
import { Reply } from '../../../lib/border/reply'
import { parseCpuList } from '../../../lib/procfs/cpu-list'
import type { Harness, HarnessOpenOptions } from '../../contract/harness'
import { library, openNativeTransport, PATIENT } from './library'
import { INTERFACE, OWN, prepareNetwork } from './network'

/** Takes the netlink family out of the probe's answer, so that `'auto'` has sockopt alone to choose. */
function withoutNetlink(inner: Transport): Transport {
  return {
    ...inner,
    run: (request, onReply) =>
      inner.run(request, (buffer) => {
        if (buffer.byteLength >= ReplyHeaderLayout.size) {
          const { probes } = new Reply(buffer)
          const view = new DataView(buffer)
          for (let i = 0; i < probes.count; i++) {
            view.setUint32(probes.start + i * ProbeLayout.size + ProbeLayout.familyId, 0, true)
          }
        }
        onReply(buffer)
      }),
    close: () => inner.close(),
  }
}

function open(kind: TransportKind, { wrap, ...rest }: HarnessOpenOptions = {}): Promise<Ipvs> {
  const options = { ...PATIENT, ...rest }
  if (!wrap) return library.Ipvs.open({ transport: kind, ...options })
  const native = openNativeTransport(undefined)
  const inner = kind === 'sockopt' ? withoutNetlink(native) : native
  return library.Ipvs.open({ transport: wrap(inner), ...options })
}

/** Modules that are no schedulers. */
const HELPERS = ['ftp', 'pe_sip']

/** FULLNAT images have all of theirs built in; mainline's are modules, loaded by the initramfs. */
function schedulersOf({ dialect, schedulers }: Capabilities): readonly string[] {
  if (dialect !== 'mainline') return schedulers
  const loaded = readFileSync('/proc/modules', 'utf8').matchAll(/^ip_vs_(\S+)/gm)
  const names = Array.from(loaded, ([, name]) => name as string).filter((name) => !HELPERS.includes(name))
  return [...names, 'none']
}

export async function kernelHarness(kind: TransportKind): Promise<Harness> {
  prepareNetwork()
  const first = await open(kind)
  const { dialect, capabilities } = first
  await first.close()
  let keeper: Ipvs | undefined
  let timeouts: Timeouts | undefined
  return {
    name: kind,
    dialect,
    release: release(),
    capabilities,
    schedulers: schedulersOf(capabilities),
    cpus: parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8')),
    own: OWN,
    interface: INTERFACE,
    open: (options) => open(kind, options),
    openFull: () => open('netlink'),
    readProcNet: async (name) => readFileSync(`/proc/net/${name}`, 'utf8'),
    async reset() {
      // An open client does not keep the process alive.
      keeper ??= await open('netlink')
      timeouts ??= await keeper.timeouts.get()
      await Promise.all([keeper.flush(), keeper.timeouts.set(timeouts)])
    },
  }
}
