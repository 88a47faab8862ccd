// The guest's read-only root file system: busybox, adapted glibc, Node, `ip`, mainline's ipvsadm.
// No privilege needed: mke2fs -d copies a folder, device nodes come from devtmpfs in the guest.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached, prune } from './cache.mjs'
import { run } from './command.mjs'
import { mainlineIpvsadm } from './ipvsadm-mainline.mjs'
import { currentNode, cycleNodes, nodeBinary } from './nodes.mjs'
import { patchGlibc } from './patch-glibc.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const libraries = '/lib/x86_64-linux-gnu'
const busybox = '/usr/bin/busybox'
const loader = '/lib64/ld-linux-x86-64.so.2'
const ip = '/bin/ip'

const folders = ['bin', 'sbin', 'lib64', 'etc', 'proc', 'dev', 'sys', 'tmp', 'root', 'usr', 'work']
const moreFolders = ['nodes', 'mnt', 'run', libraries.slice(1)]

// What Node and busybox want, name services included; the rest of glibc's pieces are empty stubs.
const plainLibraries = [
  ...['libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libutil.so.1', 'libresolv.so.2'],
  ...['libnss_files.so.2', 'libnss_dns.so.2', 'libgcc_s.so.1', 'libstdc++.so.6'],
]

/** The shared libraries of a program, glibc's own left out (they are there already, adapted). */
function librariesOf(program) {
  const text = run('ldd', [program])
  const paths = [...text.matchAll(/=> (\/\S+)/g)].map((match) => match[1])
  return paths.filter((path) => !['libc.so.6', ...plainLibraries].includes(basename(path)))
}

/** Everything that goes into the image: { target, source, patch?, link? }. */
async function contents() {
  const ipvsadm = mainlineIpvsadm()
  const list = [
    { target: '/bin/busybox', source: busybox, patch: 'program' },
    { target: '/lib64/ld-linux-x86-64.so.2', source: loader, patch: 'loader' },
    { target: `${libraries}/libc.so.6`, source: `${libraries}/libc.so.6`, patch: 'libc' },
    { target: '/sbin/init', source: join(here, 'guest-init') },
    { target: '/sbin/ip', source: ip },
  ]
  for (const name of plainLibraries) {
    list.push({ target: `${libraries}/${name}`, source: `${libraries}/${name}` })
  }
  for (const source of librariesOf(ip)) {
    list.push({ target: `${libraries}/${basename(source)}`, source })
  }
  for (const version of [currentNode, ...cycleNodes]) {
    list.push({ target: `/nodes/node-${version}`, source: await nodeBinary(version) })
  }
  const unpacked = await ipvsadm
  if (unpacked) {
    list.push({ target: '/bin/ipvsadm-mainline', source: join(unpacked, 'ipvsadm') })
    for (const name of readdirSync(unpacked).filter((entry) => entry.includes('.so.'))) {
      list.push({ target: `${libraries}/${name}`, source: join(unpacked, name) })
    }
  }
  return list
}

function contentKey(list) {
  const hash = createHash('sha256')
  hash.update(readFileSync(fileURLToPath(import.meta.url)))
  hash.update(readFileSync(join(here, 'patch-glibc.mjs')))
  for (const { target, source } of list) {
    // Node binaries are large and their name says what they are.
    hash.update(`\0${target}\0`)
    if (!target.startsWith('/nodes/')) hash.update(readFileSync(source))
  }
  return hash.digest('hex').slice(0, 16)
}

function fill(root, list) {
  for (const folder of [...folders, ...moreFolders]) mkdirSync(join(root, folder), { recursive: true })
  for (const { target, source, patch } of list) {
    const path = join(root, target)
    if (patch) writeFileSync(path, patchGlibc(readFileSync(source), patch, source))
    else copyFileSync(source, path)
    chmodSync(path, 0o755)
  }
  for (const applet of run(busybox, ['--list']).trim().split('\n')) {
    const path = join(root, 'bin', applet)
    if (applet !== 'init' && applet !== 'ip' && !existsSync(path)) symlinkSync('busybox', path)
  }
  symlinkSync(`/nodes/node-${currentNode}`, join(root, 'bin/node'))
  // busybox's shell prefers its own applets to the PATH: shell text must say /sbin/ip for iproute2.
  symlinkSync('/sbin/ip', join(root, 'bin/ip'))
  symlinkSync('../lib/x86_64-linux-gnu', join(root, 'usr/lib'))
  symlinkSync('../bin', join(root, 'usr/bin'))
  symlinkSync('../sbin', join(root, 'usr/sbin'))
  const etc = (name, text) => writeFileSync(join(root, 'etc', name), text)
  etc('passwd', 'root:x:0:0:root:/root:/bin/sh\n')
  etc('group', 'root:x:0:\n')
  etc('hosts', '127.0.0.1 localhost\n::1 localhost\n')
  etc('nsswitch.conf', 'hosts: files dns\n')
}

function makeImage(root, path) {
  const megabytes = Number(run('du', ['-sm', '--apparent-size', root]).split('\t')[0]) + 40
  // Only features that the ext2 driver of 2.6.32 knows.
  const features = 'none,filetype,sparse_super,large_file'
  const owner = 'root_owner=0:0'
  const args = ['-q', '-t', 'ext2', '-b', '4096', '-I', '128', '-m', '0', '-O', features]
  run('/sbin/mke2fs', [...args, '-E', owner, '-d', root, path, `${megabytes}M`])
}

let image

/** The path of the guest's root image, built where the cache has none for this content. */
export function rootImage() {
  image ??= (async () => {
    const list = await contents()
    const path = await cached('rootfs', `root-${contentKey(list)}.ext2`, async (target) => {
      const root = `${target}.d`
      try {
        fill(root, list)
        makeImage(root, target)
      } finally {
        rmSync(root, { recursive: true, force: true })
      }
    })
    prune('rootfs')
    return path
  })()
  return image
}
