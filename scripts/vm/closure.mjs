// Which packages of node_modules a program in the guest needs: its dependencies and theirs.
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** The folder that Node would take for `name` when required from `from`. */
function resolvePackage(name, from, root) {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(join(path, 'package.json'))) return realpathSync(path)
    if (folder === root || folder === dirname(folder)) return undefined
  }
}

function neededBy(manifest) {
  const optionalPeer = (name) => manifest.peerDependenciesMeta?.[name]?.optional
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter((name) => !optionalPeer(name))
  const { dependencies = {}, optionalDependencies = {} } = manifest
  return [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers]
}

/** Paths below `root` (node_modules/…) of the named packages and all that they need. */
export function packageClosure(root, names) {
  const top = realpathSync(root)
  const found = new Set()
  const add = (name, from) => {
    const path = resolvePackage(name, from, top)
    // Optional packages of other platforms are not installed.
    if (!path || found.has(path)) return
    found.add(path)
    const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
    for (const next of neededBy(manifest)) add(next, path)
  }
  for (const name of names) add(name, top)
  return [...found].map((path) => relative(top, path)).sort()
}
