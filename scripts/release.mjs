// What stands between the repository and a release.
//
//   npm run release -- --set X.Y.Z     write the version where it stands, and give the changelog's Unreleased its name
//   npm run release [-- --tag vX.Y.Z]  say what is against publishing what is here; publishes nothing
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checkAddon } from './check-floor.mjs'
import { unsetFields } from './pack.mjs'
import { PREBUILDS, prebuildFault } from './prebuild.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const VERSION_FILE = 'lib/host/version.ts'
const SEMVER = /^\d+\.\d+\.\d+(-[\w.]+)?$/

const read = (path) => readFileSync(`${root}${path}`, 'utf8')
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

/** Of the changelog: the text under Unreleased, and the version of the first heading below it. */
export function readChangelog(text) {
  const [, ...parts] = text.split(/^## /m)
  const unreleased = parts
    .find((part) => part.startsWith('[Unreleased]'))
    ?.replace('[Unreleased]', '')
    .trim()
  const [, newest, date] =
    /^\[(\d[^\]]*)\](?: - (\d{4}-\d\d-\d\d))?/.exec(parts.find((part) => /^\[\d/.test(part)) ?? '') ?? []
  return { unreleased, newest, date }
}

/** Sentences on what is against a release. `facts` are what the repository says of itself. */
export function faultsOf({
  version,
  versionFile,
  lockVersion,
  changelog,
  unset,
  prebuilds,
  dirty,
  tag,
  tags,
}) {
  const faults = [...prebuilds]
  if (!SEMVER.test(version)) faults.push(`package.json: ${version} is no version`)
  if (versionFile !== version) faults.push(`${VERSION_FILE} has ${versionFile}, package.json ${version}`)
  if (lockVersion !== version) faults.push(`package-lock.json has ${lockVersion}, package.json ${version}`)
  const { unreleased, newest, date } = readChangelog(changelog)
  if (newest !== version) faults.push(`the newest version of CHANGELOG.md is ${newest}, not ${version}`)
  else if (date === undefined) faults.push(`CHANGELOG.md says no date for ${version}`)
  if (unreleased) faults.push('CHANGELOG.md has something under Unreleased')
  if (unset.length > 0) faults.push(`package.json does not say where the project lives: ${unset.join(', ')}`)
  if (dirty) faults.push(`not committed:\n${dirty}`)
  if (tag !== undefined && tag !== `v${version}`) faults.push(`the tag is ${tag}, the version ${version}`)
  if (tag === undefined && tags.includes(`v${version}`)) faults.push(`v${version} is tagged already`)
  return faults
}

function prebuildFaults() {
  return [...PREBUILDS].flatMap(([name, { file }]) => {
    const fault = prebuildFault(name)
    return fault ? [fault] : checkAddon(`${root}${file}`).faults.map((one) => `${file} ${one}`)
  })
}

function facts(tag) {
  const manifest = JSON.parse(read('package.json'))
  return {
    version: manifest.version,
    versionFile: /'([^']+)'/.exec(read(VERSION_FILE))?.[1],
    lockVersion: JSON.parse(read('package-lock.json')).version,
    changelog: read('CHANGELOG.md'),
    unset: unsetFields(manifest),
    prebuilds: prebuildFaults(),
    dirty: git('status', '--porcelain'),
    tag,
    tags: git('tag').split('\n'),
  }
}

function set(version) {
  if (!SEMVER.test(version)) throw new Error(`${version} is no version: X.Y.Z`)
  execFileSync(
    'npm',
    ['version', version, '--no-git-tag-version', '--ignore-scripts', '--allow-same-version'],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  writeFileSync(`${root}${VERSION_FILE}`, read(VERSION_FILE).replace(/'[^']+'/, `'${version}'`))
  const today = new Date().toISOString().slice(0, 10)
  const heading = '## [Unreleased]\n'
  const changelog = read('CHANGELOG.md')
  if (!changelog.includes(heading)) throw new Error('CHANGELOG.md has no Unreleased')
  writeFileSync(`${root}CHANGELOG.md`, changelog.replace(heading, `${heading}\n## [${version}] - ${today}\n`))
  console.log(
    `${version} stands in package.json, package-lock.json, ${VERSION_FILE} and CHANGELOG.md: look, commit, tag v${version}`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { set: { type: 'string' }, tag: { type: 'string' } } })
  if (values.set !== undefined) set(values.set)
  else {
    const faults = faultsOf(facts(values.tag))
    for (const fault of faults) console.error(fault)
    console.log(faults.length === 0 ? 'nothing is against it: npm publish' : `${faults.length} against it`)
    if (faults.length > 0) process.exitCode = 1
  }
}
