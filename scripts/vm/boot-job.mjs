// One call for scripts that want something done in a guest (test:vm, demo, bench).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { boot } from './boot.mjs'
import { packJob } from './job.mjs'
import { findKernel } from './kernels.mjs'
import { ensureTools } from './tools.mjs'

const disks = ['job.tar', 'out.raw', 'extra']

/**
 * bootJob({ kernel, project, script, env?, files?, parts?, packages?, smp?, memory?, limitSeconds?,
 * append?, onLine?, keep? }) or, with a job made by the caller, bootJob({ kernel, jobDir, … }).
 *
 * `kernel` is a name or what findKernel() returned. In the guest IPVS_VM_KERNEL, IPVS_VM_DIALECT,
 * IPVS_VM_SMP and IPVS_ORACLE are set. Returns what boot() returns, plus `dispose()`, which removes the log and
 * the output; `keep` leaves them.
 */
export async function bootJob(options) {
  ensureTools()
  const kernel = typeof options.kernel === 'string' ? await findKernel(options.kernel) : options.kernel
  if (kernel.missing) throw new Error(`${kernel.name}: no image: ${kernel.missing}`)
  const { smp = 1, env, keep = false } = options
  const workDir = mkdtempSync(join(tmpdir(), 'ipvs-vm-'))
  const dispose = () => {
    if (!keep) rmSync(workDir, { recursive: true, force: true })
  }
  try {
    const guestEnv = {
      IPVS_VM_KERNEL: kernel.name,
      IPVS_VM_DIALECT: kernel.dialect,
      IPVS_VM_SMP: smp,
      IPVS_ORACLE: kernel.guestOracle,
      ...env,
    }
    const jobTar = options.jobDir ? undefined : packJob({ ...options, kernel, workDir, env: guestEnv })
    const ended = await boot(kernel, { ...options, jobTar, workDir, smp })
    // A failed boot keeps its log; the disks are large and not needed for reading it.
    if (!keep) for (const name of disks) rmSync(join(workDir, name), { recursive: true, force: true })
    return { ...ended, workDir, dispose }
  } catch (error) {
    dispose()
    throw error
  }
}
