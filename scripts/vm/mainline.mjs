// The mainline kernels: Debian's packages, downloaded and unpacked, not installed.

import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machineArchive, suiteArchive } from './apt.mjs'
import { cached, cacheFolder, prune } from './cache.mjs'
import { reason, run } from './command.mjs'
import { initramfs, modulesInOrder } from './kernel-modules.mjs'
import { filePackages, kernelPackage, versionInName } from './package-facts.mjs'

const here = dirname(fileURLToPath(import.meta.url))

// Only these folders of the packages are unpacked; the drivers are most of their 400 MB.
const parts = ['crypto', 'lib', 'arch/x86/crypto', 'fs/ext4', 'fs/jbd2', 'fs/mbcache.ko*', 'net']
const drivers = ['virtio', 'block', 'char', 'net/veth.ko*', 'net/dummy.ko*', 'net/virtio_net.ko*']
const members = [...parts, ...drivers.map((one) => `drivers/${one}`)].map((one) => `kernel/${one}`)

// /lib is a link to /usr/lib since Debian 13, and /boot has been left to a trigger since 2026.
const moduleFolders = ['lib/modules', 'usr/lib/modules']

function unpack(debs, root) {
  mkdirSync(root)
  const inModules = ['vmlinuz', ...members]
  const patterns = [
    './boot/vmlinuz-*',
    ...moduleFolders.flatMap((folder) => inModules.map((one) => `./${folder}/*/${one}`)),
  ]
  const tar = `dpkg-deb --fsys-tarfile "$0" | tar x -C "$1" --wildcards ${patterns.map((one) => `'${one}'`).join(' ')}`
  // tar complains about members that a package does not have; what must be there is looked for afterwards.
  for (const deb of debs) run('sh', ['-c', `${tar} 2>/dev/null || true`, deb, root])
}

/** The kernel image and the folder of the modules in what was unpacked. */
function findKernelFiles(root) {
  for (const folder of moduleFolders.map((one) => join(root, one)).filter((one) => existsSync(one))) {
    for (const release of readdirSync(folder)) {
      const modules = join(folder, release, 'kernel')
      const images = [join(root, 'boot', `vmlinuz-${release}`), join(folder, release, 'vmlinuz')]
      const image = images.find((one) => existsSync(one))
      if (image && existsSync(modules)) return { image, modules }
    }
  }
  throw new Error('no kernel in the packages')
}

function build(archive, packages, path) {
  const work = mkdtempSync(join(dirname(path), 'deb-'))
  try {
    const root = join(work, 'root')
    unpack(
      packages.map((name) => archive.download(name, work)),
      root,
    )
    const { image, modules } = findKernelFiles(root)
    mkdirSync(path)
    copyFileSync(image, join(path, 'bzImage'))
    writeFileSync(join(path, 'initramfs.cpio'), initramfs(modulesInOrder(modules)))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Made anew when these files change: they decide which modules are loaded. */
function recipe() {
  const hash = createHash('sha256')
  for (const name of ['mainline.mjs', 'kernel-modules.mjs']) hash.update(readFileSync(join(here, name)))
  return hash.digest('hex').slice(0, 8)
}

/** This kernel as an earlier run made it, for a machine that has no network now. */
function newestInCache(name) {
  const folder = cacheFolder('mainline')
  const time = (entry) => statSync(join(folder, entry)).mtimeMs
  const entries = readdirSync(folder).filter((entry) => entry.startsWith(`${name}_`))
  const newest = entries.sort((a, b) => time(b) - time(a))[0]
  return newest && join(folder, newest)
}

/**
 * { image, initrd } of the kernel that a suite of Debian has now, which must be of the `series`. `name` is what the harness
 * calls it; without `suite` it is the machine's own.
 */
export async function mainlineKernel({ name, suite, series }, log = () => {}) {
  let folder
  try {
    const archive = suite ? suiteArchive(suite, log) : machineArchive
    const kernel = kernelPackage(archive.candidate('linux-image-amd64').depends)
    const { version, depends } = archive.candidate(kernel)
    if (series && !version.startsWith(`${series}.`)) throw new Error(`${kernel} ${version} is not ${series}`)
    const entry = `${name}_${kernel}_${versionInName(version)}_${recipe()}`
    folder = await cached('mainline', entry, (path) => {
      log(`fetching ${kernel} ${version}`)
      build(archive, filePackages(kernel, depends), path)
    })
    prune('mainline')
  } catch (error) {
    folder = newestInCache(name)
    if (!folder) throw error
    log(`using the cached ${basename(folder)}: ${reason(error)}`)
  }
  return { image: join(folder, 'bzImage'), initrd: join(folder, 'initramfs.cpio') }
}
