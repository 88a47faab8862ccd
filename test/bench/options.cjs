// What scripts/bench/run.mjs asks for, and where it finds what was measured.
const { mkdirSync, writeFileSync } = require('node:fs')

const options = JSON.parse(process.env.BENCH_OPTIONS ?? '{}')

function writeResult(name, value) {
  mkdirSync('/work/out', { recursive: true })
  writeFileSync(`/work/out/${name}.json`, JSON.stringify(value))
}

/** The host shows lines that begin like this. */
const progress = (text) => console.log(`bench: ${text}`)

/** Runs a part of the benchmark; one that fails has no result, and the others are run all the same. */
function runPart(name, measure) {
  measure()
    .then((value) => writeResult(name, value))
    .catch((error) => {
      progress(`${name} failed`)
      console.error(error)
      process.exit(1)
    })
}

module.exports = { options, progress, runPart }
