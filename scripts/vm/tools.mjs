// The Debian packages that the harness itself needs, and packages it only unpacks.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.mjs'

const packages = ['qemu-system-x86', 'busybox-static', 'e2fsprogs', 'iproute2', 'xz-utils']

const isRoot = () => process.getuid?.() === 0
const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
const apt = (args) => run('apt-get', args, { env: environment })

let updated = false

function update() {
  if (updated || !isRoot()) return
  updated = true
  apt(['update', '-q'])
}

/** Asks apt; where it does not know (a new machine has no package lists) updates once and asks again. */
function withLists(ask) {
  try {
    return ask()
  } catch (error) {
    if (updated || !isRoot()) throw error
    update()
    return ask()
  }
}

function installed(name) {
  try {
    return run('dpkg-query', ['-s', name]).includes('\nStatus: install ok installed\n')
  } catch {
    return false
  }
}

/** Installs what is missing where that is possible; otherwise says plainly what is missing. */
export function ensureTools(log = () => {}) {
  if (process.arch !== 'x64' || process.platform !== 'linux') {
    throw new Error('the test VM needs an x86-64 Linux machine with Debian 12 user space')
  }
  if (!existsSync('/usr/bin/dpkg-query')) {
    throw new Error(`the test VM needs Debian 12 with the packages ${packages.join(' ')}`)
  }
  const missing = packages.filter((name) => !installed(name))
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (!isRoot()) {
    throw new Error(`packages missing: ${missing.join(' ')}\nas root: apt-get update && ${command}`)
  }
  log(`installing ${missing.join(' ')}`)
  update()
  apt(['install', '-y', '-q', '--no-install-recommends', ...missing])
}

function show(name) {
  const text = run('apt-cache', ['show', '--no-all-versions', name], { env: environment })
  const field = (key) => new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? ''
  return { name, version: field('Version'), depends: field('Depends') }
}

/** What apt would download: { name, version, depends }. */
export function candidate(name) {
  return withLists(() => show(name))
}

/** Downloads one package into `folder` without installing it; returns the path of the .deb. */
export function download(name, folder) {
  // The sandbox user of apt may not write here; only root has that sandbox.
  const sandbox = isRoot() ? ['-o', 'APT::Sandbox::User=root'] : []
  const fetch = () => run('apt-get', [...sandbox, 'download', name], { cwd: folder, env: environment })
  try {
    fetch()
  } catch (error) {
    // Lists that are older than the archive name a file which is gone.
    if (updated || !isRoot()) throw error
    update()
    fetch()
  }
  const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`))
  if (!file) throw new Error(`apt-get download ${name}: no file`)
  return join(folder, file)
}
