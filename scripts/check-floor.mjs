// Fails when an addon needs more than the user space that FULLNAT kernels live under has (CentOS 6, glibc 2.12), any
// library but libc, or shows others more than the two names that Node looks for. Reads the ELF file itself.
//
//   node scripts/check-floor.mjs [FILE.node...]
import { pathToFileURL } from 'node:url'
import { readElf } from './elf.mjs'

/** By e_machine of the file, whatever this machine is. arm64 exists since glibc 2.17: the platform began with it. */
const PLATFORMS = new Map([
  [62, { arch: 'x64', glibc: '2.12' }],
  [183, { arch: 'arm64', glibc: '2.17' }],
])
/** ld-linux is a part of glibc; on arm64 it has the stack protector's guard. */
const GLIBC = /^(libc\.so\.6|ld-linux-aarch64\.so\.1)$/
/** musl's own name, and the one it has on Alpine; musl takes either for itself (ldso/dynlink.c:load_library). */
const MUSL = /^(libc\.so|libc\.musl-\w+\.so\.1)$/
const EXPORTED = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** Compares dotted versions. */
export function newer(a, b) {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** The highest version of glibc among the names, and those names that are above the floor or of another library. */
export function checkVersions(names, floor) {
  let highest
  const above = []
  for (const name of names) {
    const [, version] = /^GLIBC_(\d+(?:\.\d+)*)$/.exec(name) ?? []
    // GLIBC_ABI_DT_RELR is none of the ordered ones, and came after the floor.
    if (version === undefined || newer(version, floor)) above.push(name)
    if (version !== undefined && (highest === undefined || newer(version, highest))) highest = version
  }
  return { highest, above }
}

/** { arch, libc, needed, glibc, faults }: what the file is for, what it needs, and what is wrong with that. */
export function checkAddon(file) {
  const { machine, needed, versions, exported } = readElf(file)
  const platform = PLATFORMS.get(machine)
  if (!platform) throw new Error(`${file}: for a machine without a floor, e_machine ${machine}`)
  const libc = needed.some((name) => MUSL.test(name)) ? 'musl' : 'glibc'
  const faults = []
  const allowed = libc === 'musl' ? MUSL : GLIBC
  const others = needed.filter((name) => !allowed.test(name))
  if (others.length > 0) faults.push(`needs ${others.join(', ')}`)
  if (needed.length === others.length) faults.push('does not need libc')
  const { highest, above } = checkVersions(versions, platform.glibc)
  if (libc === 'musl' && versions.length > 0)
    faults.push(`needs versions, musl has none: ${versions.join(', ')}`)
  if (libc === 'glibc' && above.length > 0) {
    faults.push(`above the floor of ${platform.arch} (glibc ${platform.glibc}): ${above.join(', ')}`)
  }
  if ([...exported].sort().join() !== EXPORTED.join())
    faults.push(`exports ${exported.sort().join(', ') || 'nothing'}`)
  return { arch: platform.arch, libc, needed, glibc: highest, faults }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = process.argv.slice(2)
  // Elsewhere the package is built without an addon; a file that was named is looked at anywhere.
  if (process.platform !== 'linux' && given.length === 0) process.exit(0)
  for (const file of given.length > 0 ? given : ['build/Release/ipvs_fullnat.node']) {
    const { arch, libc, needed, glibc, faults } = checkAddon(file)
    console.log(`${file}: ${arch}, ${libc}${glibc ? ` ${glibc}` : ''}, needs ${needed.join(', ')}`)
    for (const fault of faults) console.error(`${file} ${fault}`)
    if (faults.length > 0) process.exitCode = 1
  }
}
