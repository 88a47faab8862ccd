#!/usr/bin/env node
/** The program `ipvs-fullnat`. */

import { run } from './run'

run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signals: process,
}).then((code) => {
  // What was written goes out before the process ends.
  process.exitCode = code
})
