// Metrics that tests left in the guest's output (*.prom), looked at by promtool out here.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPrometheus } from '../prometheus.mjs'
import { noResults } from './results.mjs'

/** One result for each file; skipped, and counted so, where promtool cannot be had. */
export async function metricsResults(outDir) {
  const result = noResults()
  const files = existsSync(outDir) ? readdirSync(outDir).filter((name) => name.endsWith('.prom')) : []
  if (files.length === 0) return result
  const { folder, missing } = await findPrometheus()
  for (const name of files) {
    if (missing) {
      console.log(`promtool check metrics, ${name}: ${missing}, skipped`)
      result.skipped += 1
      continue
    }
    const input = readFileSync(join(outDir, name))
    const { status, stdout, stderr } = spawnSync(join(folder, 'promtool'), ['check', 'metrics'], { input })
    if (status === 0 && input.length > 0) {
      result.passed += 1
    } else {
      result.failed += 1
      result.failures.push({ name: `promtool check metrics, ${name}`, message: `${stdout}${stderr}` })
    }
  }
  return result
}
