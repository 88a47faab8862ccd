// Boots one kernel with one job and says how that ended. Emulated (TCG) unless IPVS_VM_ACCEL=kvm,
// so that it works on any machine.
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.mjs'
import { runGuest } from './qemu.mjs'
import { rootImage } from './rootfs.mjs'

const exitOffset = 16 // guest-init adds it to the job's status
const outMegabytes = 64

// nmi_watchdog=0: without it every FULLNAT boot hangs for up to a minute under emulation.
// loglevel=5 shows warnings and worse; the time stamps tell kernel lines from the job's output.
// panic=1 and -no-reboot: a dead guest ends QEMU instead of looping; so does one whose CPU is locked up.
const commandLine =
  'console=ttyS0 loglevel=5 printk.time=1 panic=1 oops=panic softlockup_panic=1 nmi_watchdog=0'

function qemuArguments(kernel, { smp, memory, append, root, job, out }) {
  const accel = process.env.IPVS_VM_ACCEL === 'kvm' ? 'kvm' : 'tcg,thread=multi'
  const disk = (file, id, readonly) => [
    ...['-drive', `file=${file},if=none,id=${id},format=raw,readonly=${readonly ? 'on' : 'off'}`],
    ...['-device', `virtio-blk-pci,drive=${id}`],
  ]
  return [
    ...['-accel', accel, '-M', 'pc', '-cpu', process.env.IPVS_VM_CPU || 'Nehalem'],
    ...['-m', String(memory), '-smp', String(smp)],
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', kernel.image, ...(kernel.initrd ? ['-initrd', kernel.initrd] : [])],
    ...['-append', `${commandLine} ${kernel.append} ${append}`],
    ...[...disk(root, 'd0', true), ...disk(job, 'd1', true), ...disk(out, 'd2', false)],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
  ]
}

function verdict({ code, timedOut, trouble }) {
  // isa-debug-exit: the status is (byte << 1) | 1
  const exitCode = code !== null && code % 2 === 1 ? (code >> 1) - exitOffset : -1
  const ended = exitCode >= 0
  if (trouble) return { status: trouble.status, exitCode: ended ? exitCode : undefined }
  if (timedOut) return { status: 'timeout' }
  return ended ? { status: 'exit', exitCode } : { status: 'died' }
}

/** The job's folder as the tar on the second disk. */
function packFolder(jobDir, workDir) {
  const tar = join(workDir, 'job.tar')
  run('tar', ['--format=gnu', '-cf', tar, '-C', jobDir, '.'])
  return tar
}

/**
 * Boots `kernel` (of findKernel) and runs job.sh of `jobDir` (or of `jobTar`, ready made) in /work.
 * Everything it leaves in /work/out comes back in `outDir`. `workDir` keeps log and disks.
 * `status`: 'exit' (see exitCode), 'panic', 'oops', 'timeout' or 'died' (QEMU ended with no verdict).
 * A guest that hangs or dies before its user space starts is booted again, and once so is one whose kernel waits for a device for
 * ever; a line says so.
 */
export async function boot(kernel, options) {
  const { jobDir, jobTar, workDir, smp = 1, memory = 2048, limitSeconds = 3600 } = options
  const { append = '', onLine = () => {} } = options
  const root = await rootImage()
  mkdirSync(workDir, { recursive: true })
  const job = jobTar ?? packFolder(jobDir, workDir)
  const out = join(workDir, 'out.raw')
  const outDir = join(workDir, 'out')
  const logFile = join(workDir, 'console.log')
  mkdirSync(outDir, { recursive: true })
  writeFileSync(out, '')
  truncateSync(out, outMegabytes * 1024 * 1024)

  const started = Date.now()
  const args = qemuArguments(kernel, { smp, memory, append, root, job, out })
  const ended = await runGuest(args, {
    ...{ logFile, limitSeconds, onLine },
    again: (sign) => console.log(`${kernel.name} (-smp ${smp}): booting again: ${sign}`),
  })
  const seconds = (Date.now() - started) / 1000
  const result = verdict(ended)
  // A guest that died has written nothing there, or half of it: take what there is.
  try {
    run('tar', ['-xf', out, '-C', outDir])
  } catch (error) {
    if (result.status === 'exit') throw error
  }
  return {
    ...result,
    excerpt: ended.trouble?.excerpt,
    complaint: ended.complaint,
    log: ended.log,
    logFile,
    outDir,
    seconds,
  }
}
