// Debian's Python and pyroute2 as one tar: downloaded and unpacked, not installed.
//
// Debian 12 has a pyroute2 from before it learned IPVS (0.7.5), so that one package, which is plain Python, is taken
// from unstable; the interpreter is that of the guest's own C library.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from '../vm/cache.mjs'
import { run } from '../vm/command.mjs'
import { download } from '../vm/tools.mjs'

const own = [
  ...['python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib'],
  // What the standard library and pyroute2 load: ctypes, sqlite3, ssl, compression.
  ...['libexpat1', 'zlib1g', 'libffi8', 'libsqlite3-0', 'libssl3', 'libbz2-1.0', 'liblzma5', 'libuuid1'],
]
const suite = 'unstable'
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** The mirror that this machine is set up with, whichever it is. */
function mirror() {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Component: main']
  const uri = run('apt-get', args)
    .split('\n')
    .find((line) => /\/debian\/?$/.test(line))
  if (!uri) throw new Error('apt knows no Debian mirror')
  return uri
}

/** Downloads a package of another suite, with package lists of its own: those of the machine stay as they are. */
function downloadFrom(name, work) {
  const state = join(work, 'apt')
  mkdirSync(join(state, 'lists/partial'), { recursive: true })
  mkdirSync(join(state, 'cache/archives/partial'), { recursive: true })
  writeFileSync(join(state, 'sources.list'), `deb [signed-by=${keyring}] ${mirror()} ${suite} main\n`)
  const options = [
    ...[`Dir::Etc::SourceList=${state}/sources.list`, 'Dir::Etc::SourceParts=/dev/null'],
    ...[`Dir::State::Lists=${state}/lists`, `Dir::Cache=${state}/cache`],
    ...['Acquire::Languages=none', 'APT::Sandbox::User=root'],
  ].flatMap((option) => ['-o', option])
  run('apt-get', [...options, 'update', '-q'])
  run('apt-get', [...options, 'download', name], { cwd: work })
  return join(
    work,
    readdirSync(work).find((file) => file.startsWith(`${name}_`)),
  )
}

function pack(path) {
  const work = mkdtempSync(join(dirname(path), 'deb-'))
  const root = join(work, 'python')
  for (const name of own) run('dpkg-deb', ['-x', download(name, work), root])
  run('dpkg-deb', ['-x', downloadFrom('python3-pyroute2', work), root])
  for (const unused of ['usr/share', 'usr/lib/python3.11/lib2to3', 'usr/lib/python3.11/ensurepip']) {
    rmSync(join(root, unused), { recursive: true, force: true })
  }
  run('tar', ['--format=gnu', '--owner=0', '--group=0', '-cf', path, '-C', work, 'python'])
  rmSync(work, { recursive: true, force: true })
}

/** Packed anew when this file changes. */
function recipe() {
  const text = readFileSync(fileURLToPath(import.meta.url))
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** { tar } which unpacks to a folder `python`, or { missing: reason } where the packages cannot be had. */
export async function pyroute2() {
  try {
    return { tar: await cached('bench', `pyroute2-${recipe()}.tar`, pack) }
  } catch (error) {
    return { missing: `its packages cannot be had: ${error.message.split('\n')[0]}` }
  }
}
