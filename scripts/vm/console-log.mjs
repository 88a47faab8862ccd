// Reads the guest's console for signs that the kernel went wrong.

// Once the job may print, only lines with the kernel's time stamp count: a test may well say "BUG:".
const stamp = /\[\s*\d+\.\d{6}\](.*)$/
const userSpace = /^GUEST /
const panic = /Kernel panic/
const trouble = [
  ...[panic, /Oops/, /BUG:/, /general protection fault/, /soft lockup/, /divide error/, /RIP:/],
  ...[/Call Trace/, /rcu.*stall/, /unregister_netdevice: waiting/],
]
const before = 3
const after = 30

/**
 * { status: 'panic' | 'oops', sign, excerpt } or undefined where the kernel had nothing to complain of; `sign` is the
 * line that shows it.
 */
export function kernelTrouble(text) {
  const lines = text.split('\n')
  const booted = lines.findIndex((line) => userSpace.test(line))
  const fromKernel = lines.map((line, index) => {
    return booted < 0 || index < booted ? line : (stamp.exec(line)?.[1] ?? '')
  })
  const at = fromKernel.findIndex((line) => trouble.some((sign) => sign.test(line)))
  if (at < 0) return undefined
  const panicked = fromKernel.some((line) => panic.test(line))
  const excerpt = lines.slice(Math.max(0, at - before), at + after).join('\n')
  return { status: panicked ? 'panic' : 'oops', sign: lines[at], excerpt }
}
