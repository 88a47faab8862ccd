// The mainline kernel: Debian's package, downloaded and unpacked, not installed. What it has as
// modules is loaded by an initramfs made here, which then hands over to the same root as FULLNAT's.

import { createHash } from 'node:crypto'
import {
  copyFileSync,
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
import { cached, cacheFolder, prune } from './cache.mjs'
import { run } from './command.mjs'
import { cpio } from './cpio.mjs'
import { candidate, download } from './tools.mjs'

// Loaded in this order, each after what it depends on; '*' takes all of a folder.
const wanted = [
  ...['crc32c_generic', 'virtio_pci', 'virtio_blk', 'virtio_console', 'ext4'],
  ...['nf_conntrack', 'ip_vs', 'net/netfilter/ipvs/*'],
  ...['veth', 'dummy', 'ipip', 'ip6_tunnel', 'ip_gre', 'fou', 'fou6'],
]

// Only these folders of the package are unpacked; the drivers are most of its 400 MB.
const parts = ['crypto', 'lib', 'fs', 'net', 'drivers/virtio', 'drivers/block', 'drivers/char']
const driverFiles = ['drivers/net/veth.ko*', 'drivers/net/dummy.ko*', 'drivers/net/virtio_net.ko*']

const moduleName = (path) =>
  basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_')

function readModule(path) {
  return path.endsWith('.xz') ? run('xz', ['-dc', path], { encoding: 'buffer' }) : readFileSync(path)
}

/** What the module itself says it depends on (section .modinfo; no depmod needed). */
function dependencies(bytes) {
  const at = bytes.indexOf('\0depends=')
  if (at < 0) return []
  const start = at + '\0depends='.length
  const names = bytes.toString('latin1', start, bytes.indexOf(0, start)).split(',')
  return names.filter(Boolean).map((name) => name.replaceAll('-', '_'))
}

/** The wanted modules in load order: [{ name, bytes }]. What is not there is built in. */
function modulesInOrder(folder) {
  const paths = readdirSync(folder, { recursive: true })
    .filter((path) => /\.ko(\.xz)?$/.test(path))
    .sort()
  const byName = new Map(paths.map((path) => [moduleName(path), path]))
  const loaded = new Map()
  const add = (name) => {
    const path = byName.get(name)
    if (!path || loaded.has(name)) return
    const bytes = readModule(join(folder, path))
    loaded.set(name, undefined)
    for (const dependency of dependencies(bytes)) add(dependency)
    loaded.delete(name)
    loaded.set(name, bytes)
  }
  for (const one of wanted) {
    if (!one.endsWith('/*')) add(one)
    else for (const path of paths) if (dirname(path) === one.slice(0, -2)) add(moduleName(path))
  }
  for (const must of ['virtio_blk', 'ip_vs', 'ip_vs_rr', 'ip_vs_wlc']) {
    if (!loaded.has(must)) throw new Error(`no module ${must} in the kernel package`)
  }
  return [...loaded].map(([name, bytes]) => ({ name, bytes }))
}

const init = `#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
while read -r module; do
  insmod "/modules/$module.ko" || echo "GUEST: insmod $module failed"
done </modules/order
mount -t ext2 -o ro /dev/vda /mnt
exec switch_root /mnt /sbin/init
`

function initramfs(modules) {
  const applets = ['sh', 'mount', 'insmod', 'switch_root']
  const text = (value) => Buffer.from(value)
  return cpio([
    ...['bin', 'modules', 'dev', 'mnt'].map((name) => ({ name, type: 'folder' })),
    { name: 'bin/busybox', type: 'file', data: readFileSync('/usr/bin/busybox') },
    ...applets.map((name) => ({ name: `bin/${name}`, type: 'link', data: text('busybox') })),
    ...modules.map(({ name, bytes }) => ({
      name: `modules/${name}.ko`,
      type: 'file',
      data: bytes,
    })),
    {
      name: 'modules/order',
      type: 'file',
      data: text(`${modules.map((m) => m.name).join('\n')}\n`),
    },
    { name: 'init', type: 'file', data: text(init) },
  ])
}

function unpack(deb, root) {
  mkdirSync(root)
  const modules = './lib/modules/*/kernel'
  const members = ['./boot/vmlinuz-*', ...[...parts, ...driverFiles].map((one) => `${modules}/${one}`)]
  const tar = `dpkg-deb --fsys-tarfile "$0" | tar x -C "$1" --wildcards ${members.map((m) => `'${m}'`).join(' ')}`
  // tar complains about members that this kernel does not have; modulesInOrder() checks what matters.
  run('sh', ['-c', `${tar} 2>/dev/null || true`, deb, root])
}

function build(name, path) {
  const work = mkdtempSync(join(dirname(path), 'deb-'))
  try {
    const root = join(work, 'root')
    unpack(download(name, work), root)
    const kernel = readdirSync(join(root, 'boot')).find((file) => file.startsWith('vmlinuz-'))
    const release = kernel.slice('vmlinuz-'.length)
    mkdirSync(path)
    copyFileSync(join(root, 'boot', kernel), join(path, 'bzImage'))
    const modules = modulesInOrder(join(root, 'lib/modules', release, 'kernel'))
    writeFileSync(join(path, 'initramfs.cpio'), initramfs(modules))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Made anew when this file changes: it decides which modules are loaded. */
function recipe() {
  const text = readFileSync(fileURLToPath(import.meta.url))
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** A kernel of an earlier run, for a machine that has no network now. */
function newestInCache() {
  const folder = cacheFolder('mainline')
  const time = (name) => statSync(join(folder, name)).mtimeMs
  const names = readdirSync(folder).filter((name) => name.startsWith('linux-image-'))
  const newest = names.sort((a, b) => time(b) - time(a))[0]
  return newest && join(folder, newest)
}

function packageName() {
  const name = /linux-image-[^\s,]+/.exec(candidate('linux-image-amd64').depends)?.[0]
  if (!name) throw new Error('linux-image-amd64 names no kernel package')
  return name
}

/** { image, initrd } of Debian's current kernel. */
export async function mainlineKernel(log = () => {}) {
  let folder
  try {
    const name = packageName()
    const version = candidate(name).version.replace(/[^\w.+-]/g, '_')
    folder = await cached('mainline', `${name}_${version}_${recipe()}`, (path) => {
      log(`fetching ${name} ${version}`)
      build(name, path)
    })
    prune('mainline')
  } catch (error) {
    folder = newestInCache()
    if (!folder) throw error
    log(`using the cached ${basename(folder)}: ${error.message.split('\n')[0]}`)
  }
  return { image: join(folder, 'bzImage'), initrd: join(folder, 'initramfs.cpio') }
}
