// Reads what apt says of packages. Pure: no apt here.

/** { version, depends } of what `apt-cache show` prints of one package. */
export function packageFacts(text) {
  const field = (key) => new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? ''
  return { version: field('Version'), depends: field('Depends') }
}

/** The names in a Depends field; of alternatives the first. */
export function dependencyNames(depends) {
  return depends
    .split(',')
    .map((one) => /^\s*([^\s(|:]+)/.exec(one)?.[1])
    .filter(Boolean)
}

/** The kernel's own package, by what the package that always names the newest one depends on. */
export function kernelPackage(depends) {
  const name = dependencyNames(depends).find((one) => /^linux-image-\d/.test(one))
  if (!name) throw new Error(`linux-image-amd64 names no kernel package: ${depends || 'no such package'}`)
  return name
}

/**
 * The packages that have a kernel's files: its own, and where that is but a name for them (Debian since 2026), those that
 * have the image and the modules.
 */
export function filePackages(name, depends) {
  const parts = dependencyNames(depends).filter((one) => /^linux-(binary|modules)-(unsigned-)?\d/.test(one))
  return [name, ...parts]
}

/** The address of the mirror of Debian proper in lines ORIGIN|LABEL|ADDRESS of `apt-get indextargets`. */
export function debianMirror(text) {
  const lines = text.split('\n').map((line) => line.split('|'))
  const found = lines.find(([origin, label]) => origin === 'Debian' && label === 'Debian')
  if (!found) throw new Error('the sources of apt name no mirror of Debian')
  return found[2]
}

/** A version as part of a file name. */
export const versionInName = (version) => version.replace(/[^\w.+-]/g, '_')
