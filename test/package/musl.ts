/**
 * Programs for musl on a machine with glibc. Neither npm nor Debian has a Node.js for musl, but npm has Bun, and Debian musl's
 * loader and a libstdc++ that runs on musl with some help.
 */

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
// @ts-expect-error: a script without types
import { suiteArchive } from '../../scripts/vm/apt.mjs'
// @ts-expect-error: a script without types
import { cached } from '../../scripts/vm/cache.mjs'
import { root } from './project'

const MACHINES = {
  x64: {
    debian: 'amd64',
    triplet: 'x86_64-linux-musl',
    compiler: 'gcc',
    libraries: ['/usr/lib/x86_64-linux-gnu/libstdc++.so.6', '/lib/x86_64-linux-gnu/libgcc_s.so.1'],
  },
  arm64: {
    debian: 'arm64',
    triplet: 'aarch64-linux-musl',
    compiler: 'aarch64-linux-gnu-gcc',
    libraries: ['libstdc++.so.6', 'libgcc_s.so.1'].map((name) => `/usr/aarch64-linux-gnu/lib/${name}`),
  },
}

/** Debian's loader for musl, which is libc itself; taken out of the package, not installed. */
export async function muslLoader(arch: keyof typeof MACHINES): Promise<string> {
  const { debian, triplet } = MACHINES[arch]
  const musl = (await cached('musl', `musl-${arch}`, (path: string) => {
    mkdirSync(path)
    execFileSync('dpkg', ['-x', suiteArchive('bookworm', undefined, debian).download('musl', path), path])
  })) as string
  return join(musl, 'lib', triplet, 'libc.so')
}

/** What is to be run for a program for musl, libraries put into `folder`. */
export async function underMusl(
  arch: keyof typeof MACHINES,
  folder: string,
  program: string,
): Promise<[string, ...string[]]> {
  const { compiler, libraries } = MACHINES[arch]
  for (const path of libraries) copyFileSync(path, join(folder, path.replace(/.*\//, '')))
  // By the name that libstdc++ of x64 asks for; the one of arm64 asks for none.
  const names = join(folder, 'ld-linux-x86-64.so.2')
  const source = join(root, 'test/package/glibc-names.c')
  execFileSync(compiler, ['-shared', '-fPIC', '-nostdlib', '-fno-stack-protector', '-w', source, '-o', names])
  const musl = await muslLoader(arch)
  const args = ['--library-path', folder, '--preload', names, program]
  return arch === 'arm64' ? ['qemu-aarch64', musl, ...args] : [musl, ...args]
}
