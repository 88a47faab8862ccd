// Debian's Python and pyroute2 as one tar: downloaded and unpacked, not installed.
//
// Debian 12 has a pyroute2 from before it learned IPVS (0.7.5), so that one package, which is plain Python, is taken
// from unstable; the interpreter is that of the guest's own C library.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machineArchive, suiteArchive } from '../vm/apt.mjs'
import { cached } from '../vm/cache.mjs'
import { reason, run } from '../vm/command.mjs'

const own = [
  ...['python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib'],
  // What the standard library and pyroute2 load: ctypes, sqlite3, ssl, compression.
  ...['libexpat1', 'zlib1g', 'libffi8', 'libsqlite3-0', 'libssl3', 'libbz2-1.0', 'liblzma5', 'libuuid1'],
]
function pack(path) {
  const work = mkdtempSync(join(dirname(path), 'deb-'))
  const root = join(work, 'python')
  for (const name of own) run('dpkg-deb', ['-x', machineArchive.download(name, work), root])
  run('dpkg-deb', ['-x', suiteArchive('sid').download('python3-pyroute2', work), root])
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
    return { missing: `its packages cannot be had: ${reason(error)}` }
  }
}
