// Makes the kernel one of the states of a file after the other, for ever: somebody kills it in the middle. Prints a line before each apply.

const { readFileSync, writeSync } = require('node:fs')
const { Ipvs } = require('../../../dist')
const { apply, plan } = require('../../../dist/reconcile')

async function main() {
  const states = JSON.parse(readFileSync(process.argv[2], 'utf8'))
  const ipvs = await Ipvs.open({ timeout: 120000 })
  for (let i = 0; ; i++) {
    const todo = await plan(ipvs, states[i % states.length])
    writeSync(1, `${todo.steps.length}\n`)
    await apply(ipvs, todo)
  }
}

main()
