// What `npm pack` and `npm publish` run around themselves.
//
//   before   builds, and writes what only the package has; ends with an error where something is missing
//   after    takes that away again
//
// IPVS_FULLNAT_PREBUILDS=linux-x64 packs those prebuilds alone, to try the package out; it is never published.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildTypeScript } from './build-ts.mjs'
import { PREBUILDS, prebuild, prebuildFault } from './prebuild.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** Fields that name where the project lives, as long as nobody has said it. */
export function unsetFields({ author, homepage, bugs, repository }) {
  return Object.entries({ author, homepage, bugs, repository })
    .filter(([, value]) => value === undefined || /forge\.invalid|\bOWNER\b/.test(JSON.stringify(value)))
    .map(([name]) => name)
}

/**
 * Folders for what `exports` has: Node before 12.7 and TypeScript's `node10` know no `exports`, and find
 * `ipvs-fullnat/testing` as a folder. Path → text.
 */
export function subpathFiles({ exports }) {
  const files = {}
  for (const [subpath, target] of Object.entries(exports)) {
    const [, name] = /^\.\/([\w-]+)$/.exec(subpath) ?? []
    if (name === undefined) continue
    const addon = PREBUILDS.get(name)
    if (addon) {
      const file = addon.file.replace('prebuilds', '../prebuilds')
      files[`${name}/index.js`] =
        `// Written out, so that bundlers find it.\nmodule.exports = require('${file}')\n`
      files[`${name}/index.d.ts`] =
        `/** The addon for ${name}, for \`Ipvs.open({ addon })\`. */\ndeclare const addon: object\nexport = addon\n`
    } else {
      const main = target.require.default.replace('./', '../')
      const types = target.require.types.replace('./', '../')
      files[`${name}/package.json`] = `${JSON.stringify({ main, types })}\n`
    }
  }
  return files
}

/** The build file for native/ in the package, where npm takes it for no reason to build (as it does at the top). */
export function packagedGyp(text) {
  return text
    .replaceAll('"native/', '"')
    .replace('"include_dirs": ["native"', '"include_dirs": ["."')
    .replace('../native/', '../')
    .replace("require('./package.json')", "require('../package.json')")
}

/** Path → text of what is written before and taken away after. */
const packedFiles = () => ({
  ...subpathFiles(manifest),
  'native/binding.gyp': packagedGyp(readFileSync(`${root}binding.gyp`, 'utf8')),
})

/** Which prebuilds go into the package. */
export function chosenPrebuilds({ IPVS_FULLNAT_PREBUILDS: some, npm_command: command }) {
  if (some === undefined) return [...PREBUILDS.keys()]
  if (command === 'publish')
    throw new Error('IPVS_FULLNAT_PREBUILDS is set: a package without all prebuilds is not published')
  return some.split(',')
}

function before() {
  const unset = unsetFields(manifest)
  if (unset.length > 0) {
    const what = `package.json does not say yet where the project lives: ${unset.join(', ')}`
    if (process.env.npm_command === 'publish') throw new Error(what)
    console.error(`${what}; npm publish will refuse it`)
  }
  buildTypeScript()
  const chosen = chosenPrebuilds(process.env)
  for (const [name, { file }] of PREBUILDS) {
    if (chosen.includes(name)) console.error(prebuild(name))
    else if (prebuildFault(name)) rmSync(`${root}${file}`, { force: true })
  }
  const fault = chosen.map((name) => prebuildFault(name)).find(Boolean)
  if (fault) throw new Error(fault)
  const unbuilt = Object.values(manifest.exports)
    .flatMap((target) =>
      target.require ? [...Object.values(target.require), ...Object.values(target.import)] : [],
    )
    .filter((file) => !existsSync(`${root}${file}`))
  if (unbuilt.length > 0) throw new Error(`dist is not whole, there is no ${unbuilt.join(', ')}`)
  for (const [path, text] of Object.entries(packedFiles())) {
    mkdirSync(dirname(`${root}${path}`), { recursive: true })
    writeFileSync(`${root}${path}`, text)
  }
}

function after() {
  for (const path of Object.keys(packedFiles())) {
    rmSync(`${root}${path}`, { force: true })
    if (dirname(path) !== 'native') rmSync(`${root}${dirname(path)}`, { recursive: true, force: true })
  }
}

const steps = { before, after }
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const step = steps[process.argv[2]]
  if (!step) throw new Error(`node scripts/pack.mjs ${Object.keys(steps).join(' or ')}`)
  step()
}
