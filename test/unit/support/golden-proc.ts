/** What real kernels printed: test/golden/proc. */

import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../golden/proc/', import.meta.url)

export const goldenFile = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

/** Names of the golden files of one file of the kernel, `ip_vs_stats` for instance. */
export const goldenNames = (file: string): string[] =>
  readdirSync(folder).filter((name) => name.startsWith(`${file}-`))
