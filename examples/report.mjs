// What the demos print: numbered steps, and what came of them.

let step = 0

export const say = (text) => console.log(`\n${++step}. ${text}`)

export const show = (text) => console.log(`   ${text}`.trimEnd())

/** The demo goes on; its exit status will be 1. */
export const fail = (text) => {
  show(`FAILED: ${text}`)
  process.exitCode = 1
}
