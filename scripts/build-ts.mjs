// Compiles lib/ to CommonJS in dist/ and puts a thin ESM face beside it, so that `require` and `import` share one state.
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

rmSync(`${root}dist`, { recursive: true, force: true })
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', `${root}tsconfig.json`], {
  stdio: 'inherit',
})

for (const entry of ['index']) {
  const names = Object.keys(require(`${root}dist/${entry}.js`)).sort()
  const list = names.map((name) => `  ${name},`).join('\n')
  writeFileSync(
    `${root}dist/${entry}.mjs`,
    `import cjs from './${entry}.js'\n\nexport const {\n${list}\n} = cjs\n`,
  )
  writeFileSync(`${root}dist/${entry}.d.mts`, `export * from './${entry}.js'\n`)
}
