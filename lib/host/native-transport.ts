/** The transport to the real kernel. */

import { ReplyHeaderLayout } from '../border/layout.gen'
import type { Transport } from '../border/transport'
import type { Addon } from './addon'
import { loadAddon } from './addon'
import { kernelFiles, readCpuState } from './kernel-files'
import { machineFiles } from './machine-files'

/** `netns` is a path, undefined for the caller's own namespace; `addon` one of the caller's. Throws ERR_IPVS_ADDON. */
export function openNativeTransport(netns: string | undefined, addon?: object): Transport {
  const { Connection } = loadAddon(addon as Addon | undefined)
  const connection = new Connection(netns ?? '')
  return {
    run(request, onReply) {
      return new Promise((resolve) => {
        connection.run(request, (reply) => {
          onReply(reply)
          if (new DataView(reply).getUint32(ReplyHeaderLayout.more, true) === 0) resolve()
        })
      })
    },
    files: kernelFiles(connection, netns !== undefined),
    machine: machineFiles(connection, netns !== undefined),
    readCpuState,
    close() {
      connection.close()
    },
  }
}
