// One process per operation, one after the other, which is how most programs drive IPVS today. Reads lines of
// `ipvsadm -R` from standard input; prints milliseconds and the number of processes.
const { execFile } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { performance } = require('node:perf_hooks')
const { promisify } = require('node:util')

const run = promisify(execFile)

async function main() {
  const [oracle] = process.argv.slice(2)
  const lines = readFileSync(0, 'utf8').trim().split('\n')
  const started = performance.now()
  for (const line of lines) await run(oracle, line.split(' '))
  console.log(`${performance.now() - started} ${lines.length}`)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
