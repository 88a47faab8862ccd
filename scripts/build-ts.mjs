// Compiles lib/ to CommonJS in dist/ and puts a thin ESM face beside it, so that `require` and `import` share one state.
// The new folder takes the place of the old one only when it is whole.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const ENTRIES = ['index', 'formats/index', 'metrics/index', 'reconcile/index', 'testing/index']
const PROGRAM = 'cli/bin.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
const fresh = `${root}dist.${process.pid}`

try {
  const tsc = require.resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.json`, '--outDir', fresh], { stdio: 'inherit' })
  for (const entry of ENTRIES) {
    if (!existsSync(`${fresh}/${entry}.js`)) continue
    const names = Object.keys(require(`${fresh}/${entry}.js`)).sort()
    const file = entry.replace(/.*\//, '')
    writeFileSync(
      `${fresh}/${entry}.mjs`,
      `import cjs from './${file}.js'\n\nexport const {\n${names.map((name) => `  ${name},`).join('\n')}\n} = cjs\n`,
    )
    writeFileSync(`${fresh}/${entry}.d.mts`, `export * from './${file}.js'\n`)
  }
  chmodSync(`${fresh}/${PROGRAM}`, 0o755)
  if (existsSync(`${root}dist`)) renameSync(`${root}dist`, `${fresh}.old`)
  renameSync(fresh, `${root}dist`)
} finally {
  rmSync(fresh, { recursive: true, force: true })
  rmSync(`${fresh}.old`, { recursive: true, force: true })
}
