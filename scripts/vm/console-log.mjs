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

const waiting = /\[\s*(\d+\.\d+)\] unregister_netdevice: waiting for (\S+) to become free/
/** The kernel says it every ten seconds (net/core/dev.c:netdev_wait_allrefs). */
const mostBetween = 20
/** Five minutes: what a test waits for itself takes no longer. */
const stuckAfter = 30

/**
 * Told each line of a console; undefined, or the line at which a device was waited for so long that it never goes: no namespace is
 * made or goes after that. FULLNAT kernels never give back the route to an IPv6 destination that they have looked up
 * (ip_vs_ctl.c:__ip_vs_addr_is_local_v6), and a device may stay for it.
 */
export function stuckDevice() {
  let device
  let last = 0
  let times = 0
  return (line) => {
    const [, time, name] = waiting.exec(line) ?? []
    if (name === undefined) return undefined
    times = name === device && time - last <= mostBetween ? times + 1 : 1
    device = name
    last = Number(time)
    return times >= stuckAfter ? line : undefined
  }
}

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
