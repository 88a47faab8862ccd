// Compiles lib/ to CommonJS in dist/ and puts a thin ESM face beside it, so that `require` and `import` share one state.
// The new folder takes the place of the old one only when it is whole; what was made of the same sources stays.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
/** Not in the package. */
const STAMP = 'dist/.inputs'

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** What `exports` has of dist/, without the ending. */
function entries() {
  const { exports } = manifest
  return Object.values(exports).flatMap((target) =>
    target.require ? [target.require.default.replace(/^\.\/dist\/|\.js$/g, '')] : [],
  )
}

function inputs() {
  const hash = createHash('sha256')
  const library = readdirSync(`${root}lib`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `lib/${name}`)
  const others = [
    'package.json',
    'tsconfig.json',
    'scripts/build-ts.mjs',
    'node_modules/typescript/package.json',
  ]
  for (const path of [...library.sort(), ...others])
    hash.update(`\0${path}\0`).update(readFileSync(`${root}${path}`))
  return hash.digest('hex')
}

export function buildTypeScript() {
  const made = inputs()
  if (existsSync(`${root}${STAMP}`) && readFileSync(`${root}${STAMP}`, 'utf8') === made) return
  const fresh = `${root}dist.${process.pid}`
  try {
    const tsc = require.resolve('typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.json`, '--outDir', fresh], {
      stdio: 'inherit',
    })
    for (const entry of entries()) {
      const names = Object.keys(require(`${fresh}/${entry}.js`)).sort()
      const file = entry.replace(/.*\//, '')
      writeFileSync(
        `${fresh}/${entry}.mjs`,
        `import cjs from './${file}.js'\n\nexport const {\n${names.map((name) => `  ${name},`).join('\n')}\n} = cjs\n`,
      )
      writeFileSync(`${fresh}/${entry}.d.mts`, `export * from './${file}.js'\n`)
    }
    for (const program of Object.values(manifest.bin))
      chmodSync(`${fresh}/${program.replace('dist/', '')}`, 0o755)
    writeFileSync(`${fresh}/${STAMP.replace('dist/', '')}`, made)
    if (existsSync(`${root}dist`)) renameSync(`${root}dist`, `${fresh}.old`)
    renameSync(fresh, `${root}dist`)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(`${fresh}.old`, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildTypeScript()
