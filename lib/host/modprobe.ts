/** Loading the kernel module. */

import { execFile } from 'child_process'
import { ownError } from '../errors/ipvs-error'

/** Rejects with ERR_IPVS_NOT_LOADED where modprobe fails. */
export function loadModule(): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('modprobe', ['-q', 'ip_vs'], (cause) => {
      if (!cause) {
        resolve()
        return
      }
      const description = 'the kernel module ip_vs is not loaded, and modprobe failed'
      const hint = 'Run modprobe ip_vs by hand and see what it says; root and the kernel modules are needed.'
      reject(ownError('ERR_IPVS_NOT_LOADED', { operation: 'open', description, hint, cause }))
    })
  })
}
