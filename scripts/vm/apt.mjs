// What the harness asks of apt: what there is of a package, and the package itself, never installed. Either with the
// machine's own settings, or with private ones for another suite of Debian, which leave the machine's as they are.
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './cache.mjs'
import { reason, run } from './command.mjs'
import { debianMirror, packageFacts } from './package-facts.mjs'

export const isRoot = () => process.getuid?.() === 0
const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }

/** Runs apt-get with the machine's settings. */
export const aptGet = (args) => run('apt-get', args, { env: environment })

/**
 * What can be had with some settings of apt. `mayUpdate` says whether the lists may be fetched anew, which happens once
 * at most: where apt does not know a package, and where its lists are older than the archive.
 */
function archive(settings, mayUpdate) {
  // The sandbox user of apt may not write where downloads go; only root has that sandbox.
  const options = [...settings, ...(isRoot() ? ['-o', 'APT::Sandbox::User=root'] : [])]
  let updated = false

  function update() {
    if (updated || !mayUpdate()) return
    updated = true
    aptGet([...options, 'update', '-q'])
  }

  function withLists(ask) {
    try {
      return ask()
    } catch (error) {
      if (updated || !mayUpdate()) throw error
      update()
      return ask()
    }
  }

  /** What apt would download: { name, version, depends }. */
  function candidate(name) {
    return withLists(() => {
      const args = [...options, 'show', '--no-all-versions', name]
      return { name, ...packageFacts(run('apt-cache', args, { env: environment })) }
    })
  }

  /** Downloads one package into `folder` without installing it; returns the path of the .deb. */
  function download(name, folder) {
    withLists(() => run('apt-get', [...options, 'download', name], { cwd: folder, env: environment }))
    const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`))
    if (!file) throw new Error(`apt-get download ${name}: no file`)
    return join(folder, file)
  }

  /** The mirror that the machine takes Debian itself from. */
  function mirror() {
    const format = '$(ORIGIN)|$(LABEL)|$(REPO_URI)'
    return withLists(() => debianMirror(aptGet([...options, 'indextargets', '--format', format])))
  }

  return { update, candidate, download, mirror }
}

/** The suite that the machine itself has. */
export const machineArchive = archive([], isRoot)

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const listDays = 1

const suites = new Map()

/**
 * Another suite of Debian ('trixie', 'sid'), or one of another architecture ('arm64'), from the machine's own mirror. Its
 * lists stay in the cache.
 */
export function suiteArchive(suite, log = () => {}, architecture = undefined) {
  const name = architecture ? `${suite}-${architecture}` : suite
  if (!suites.has(name)) suites.set(name, openSuite(suite, log, architecture, name))
  return suites.get(name)
}

function openSuite(suite, log, architecture, name) {
  if (!existsSync(keyring)) throw new Error('the package debian-archive-keyring is missing')
  const folder = join(cacheFolder('apt'), name)
  for (const empty of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, empty), { recursive: true })
  }
  const sources = join(folder, 'sources.list')
  writeFileSync(sources, `deb [signed-by=${keyring}] ${machineArchive.mirror()} ${suite} main\n`)
  const settings = {
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::Status': '/dev/null',
    'Dir::Cache': join(folder, 'cache'),
    'APT::Default-Release': '',
    'Acquire::Languages': 'none',
    ...(architecture ? { 'APT::Architecture': architecture } : {}),
    // Otherwise what could not be fetched is a warning.
    'APT::Update::Error-Mode': 'any',
  }
  const one = archive(
    Object.entries(settings).flatMap(([option, value]) => ['-o', `${option}=${value}`]),
    () => true,
  )
  refresh(one, folder, name, log)
  return one
}

/** New lists where they are older than a day; without them the old ones do, if there are any. */
function refresh(one, folder, suite, log) {
  const stamp = join(folder, 'updated')
  const updated = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (Date.now() - updated < listDays * 24 * 3600 * 1000) return
  try {
    one.update()
    writeFileSync(stamp, '')
  } catch (error) {
    if (updated === 0) throw error
    log(`the lists of ${suite} are those of an earlier run: ${reason(error)}`)
  }
}
