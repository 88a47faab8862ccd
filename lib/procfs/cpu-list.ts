/** Lists of CPUs, as in /sys/devices/system/cpu/online. */

/** Number of CPUs in a list such as `0-3,8`. */
export function parseCpuList(text: string): number {
  let count = 0
  for (const part of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (match) count += Number(match[2] ?? match[1]) - Number(match[1]) + 1
  }
  return count
}
