// The modules of a Debian kernel that the guest loads, and the initramfs that loads them before it hands over to the same
// root as FULLNAT's.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run } from './command.mjs'
import { cpio } from './cpio.mjs'

// Loaded in this order, each after what it depends on; '*' takes all of a folder.
const wanted = [
  ...['crc32c_generic', 'virtio_pci', 'virtio_blk', 'virtio_console', 'ext4'],
  ...['nf_conntrack', 'ip_vs', 'net/netfilter/ipvs/*'],
  ...['veth', 'dummy', 'ipip', 'ip6_tunnel', 'ip_gre', 'fou', 'fou6'],
]

const required = ['virtio_blk', 'ip_vs', 'ip_vs_rr', 'ip_vs_wlc']

/** How a packed module is read. Debian packs them since its 13th release. */
const unpackers = { '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' }
const modulePattern = /\.ko(\.xz|\.zst|\.gz)?$/

const moduleName = (path) => basename(path).replace(modulePattern, '').replaceAll('-', '_')

function readModule(path) {
  const packing = modulePattern.exec(path)[1]
  return packing ? run(unpackers[packing], ['-dc', path], { encoding: 'buffer' }) : readFileSync(path)
}

/**
 * What the module itself says it depends on (section .modinfo). Debian's packages have no modules.dep: depmod makes it when
 * they are installed.
 */
function dependencies(bytes) {
  const at = bytes.indexOf('\0depends=')
  if (at < 0) return []
  const start = at + '\0depends='.length
  const names = bytes.toString('latin1', start, bytes.indexOf(0, start)).split(',')
  return names.filter(Boolean).map((name) => name.replaceAll('-', '_'))
}

/** The wanted modules in load order: [{ name, bytes }]. What is not in `folder` is built in. */
export function modulesInOrder(folder) {
  const paths = readdirSync(folder, { recursive: true })
    .filter((path) => modulePattern.test(path))
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
  for (const must of required) {
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

export function initramfs(modules) {
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
