/** Loading the kernel module. */

import { execFile } from 'child_process'
import { ownError } from '../errors/ipvs-error'

/** `stop` ends a modprobe that runs; `done` rejects with ERR_IPVS_NOT_LOADED where it fails. */
export function loadModule(): { readonly done: Promise<void>; stop(): void } {
  let stop = () => {}
  const done = new Promise<void>((resolve, reject) => {
    const child = execFile('modprobe', ['-q', 'ip_vs'], (cause) => {
      if (!cause) {
        resolve()
        return
      }
      const description = 'the kernel module ip_vs is not loaded, and modprobe failed'
      const hint = 'Run modprobe ip_vs by hand and see what it says; root and the kernel modules are needed.'
      reject(ownError('ERR_IPVS_NOT_LOADED', { operation: 'open', description, hint, cause }))
    })
    stop = () => {
      child.kill('SIGKILL')
    }
  })
  return { done, stop }
}
