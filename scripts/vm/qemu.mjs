// Runs QEMU from its start to its end or to its deadline.
import { spawn } from 'node:child_process'
import { createWriteStream, readFileSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { kernelTrouble, stuckDevice } from './console-log.mjs'

// A boot takes two to twenty seconds, beside much other work a minute. One whose CPUs are emulated can hang before user space (a
// CPU of four never came to stop_machine(), "soft lockup"): nothing of the job has begun then, and nothing would.
const bootLimitSeconds = 300
const boots = 3

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** guest-init says it first of all. */
const userSpace = /^GUEST \S+ up /

/**
 * Hands over each line of the guest's console; kills it at `limitSeconds`, and at `bootSeconds` where user space has not
 * started by then, or where the kernel waits for a device for ever. Returns { code, booted, stuck, timedOut, complaint }.
 */
async function runQemu(program, args, { logFile, limitSeconds, bootSeconds, onLine }) {
  const log = createWriteStream(logFile)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  // No QEMU outlives the harness.
  const stop = () => {
    kill()
    process.exit(1)
  }
  process.once('exit', kill)
  for (const signal of signals) process.once(signal, stop)
  let timedOut = false
  const giveUp = () => {
    timedOut = true
    kill()
  }
  const deadline = setTimeout(giveUp, limitSeconds * 1000)
  const bootDeadline = setTimeout(giveUp, bootSeconds * 1000)
  let booted = false
  let stuck
  const stuckAt = stuckDevice()
  const take = (line) => {
    stuck ??= stuckAt(line)
    if (stuck) kill()
    if (!booted && userSpace.test(line)) {
      booted = true
      clearTimeout(bootDeadline)
    }
    onLine(line)
  }

  let rest = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (data) => {
    const text = data.replaceAll('\r', '')
    log.write(text)
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) take(line)
  })
  let complaint = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (data) => {
    complaint += data
  })

  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (rest) take(rest)
    return { code, booted, stuck, timedOut, complaint: complaint.trim() }
  } finally {
    clearTimeout(deadline)
    clearTimeout(bootDeadline)
    process.removeListener('exit', kill)
    for (const signal of signals) process.removeListener(signal, stop)
    log.end()
    await finished(log)
  }
}

/**
 * Runs a guest to its end. One that hangs or dies before its user space starts is booted again, and once so is one whose kernel
 * waits for a device for ever; `again` is told the sign. Returns what runQemu() does, with `log` and `trouble` (of kernelTrouble).
 */
export async function runGuest(args, options) {
  const { again, program = 'qemu-system-x86_64', bootSeconds = bootLimitSeconds, ...rest } = options
  for (let attempt = 1; ; attempt++) {
    const ended = await runQemu(program, args, { ...rest, bootSeconds })
    const log = readFileSync(options.logFile, 'utf8')
    const trouble = kernelTrouble(log)
    const failedToBoot = !ended.booted && (ended.timedOut || trouble)
    const isOver = ended.stuck ? attempt > 1 : !failedToBoot || attempt === boots
    if (isOver) return { ...ended, log, trouble }
    again(ended.stuck ?? (trouble ? trouble.sign : log.trim().split('\n').at(-1)))
  }
}
