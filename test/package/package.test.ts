import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, inject, it, vi } from 'vitest'
// @ts-expect-error: a script without types
import { checkAddon } from '../../scripts/check-floor.mjs'
// @ts-expect-error: a script without types
import { readElf } from '../../scripts/elf.mjs'
// @ts-expect-error: a script without types
import { chosenPrebuilds, unsetFields } from '../../scripts/pack.mjs'
// @ts-expect-error: a script without types
import { PREBUILDS, prebuildFault } from '../../scripts/prebuild.mjs'
// @ts-expect-error: a script without types
import { nodeBinary, oldestNode } from '../../scripts/vm/nodes.mjs'
import { type Consumer, consumer as shared } from './consumer'
import { full, Project, root } from './project'
import { commonJs, SAID } from './scenario'
import './bundles'
import './compilers'
import './matrix'
import { muslLoader } from './musl'

/** They find what hangs: programs are started here that others' work can make wait. */
vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 1_800_000 })

let consumer: Consumer
let oldNode: string

beforeAll(async () => {
  oldNode = await nodeBinary(oldestNode)
  consumer = shared()
})

/** What a CommonJS program prints. */
function script(node: string, text: string): string[] {
  const { stdout, stderr, status } = consumer.run(node, [consumer.write('script.js', text)])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.trim().split('\n')
}

const nodes = () => [process.execPath, oldNode]

describe('the tarball', () => {
  it('has what is needed to run and to build, and nothing else', () => {
    const allowed = [
      /^dist\/.+\.(js|mjs|d\.ts|d\.mts)$/,
      /^native\/.+\.(cc|h|map)$/,
      /^native\/binding\.gyp$/,
      /^prebuilds\/linux-(x64|arm64)\/ipvs-fullnat\.(glibc|musl)\.node$/,
      /^(testing|metrics|formats|reconcile|diagnose)\/package\.json$/,
      /^linux-(x64|arm64)(-musl)?\/index\.(js|d\.ts)$/,
      /^docs\/.+\.(md|json|svg|txt)$/,
      /^examples\/(\w+\.mjs|testing\/[\w.]+\.ts)$/,
      /^(package\.json|README\.md|CHANGELOG\.md|SECURITY\.md|LICENSE)$/,
    ]
    expect(consumer.files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([])
    for (const entry of ['index.js', 'index.mjs', 'index.d.ts', 'index.d.mts']) {
      expect(consumer.files).toContain(`dist/${entry}`)
    }
  })

  it('has every file that its documents link to', () => {
    const documents = consumer.files.filter((file) => file.endsWith('.md'))
    const linked = documents.flatMap((file) => {
      const text = readFileSync(join(consumer.package, file), 'utf8')
      return Array.from(text.matchAll(/\]\(([^)#\s]+)/g), ([, target]) => target as string)
        .filter((target) => !/^https?:/.test(target))
        .map((target) => join(dirname(file), target))
    })
    expect(linked.length).toBeGreaterThan(100)
    const missing = linked.filter((file) => !consumer.files.includes(file))
    // For those who have the repository.
    expect(missing.filter((file) => file !== 'CONTRIBUTING.md')).toEqual([])
  })

  it('has every file that package.json and binding.gyp name', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const named: string[] = []
    const collect = (value: unknown) => {
      if (typeof value === 'string') named.push(value.replace('./', ''))
      else for (const one of Object.values(value as object)) collect(one)
    }
    collect(manifest.exports)
    const gyp = readFileSync(join(consumer.package, 'native/binding.gyp'), 'utf8')
    named.push(...(gyp.match(/[a-z_]+\/[a-z_/]+\.(?:cc|h)/g) ?? []).map((file) => `native/${file}`))
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter((file) => !consumer.files.includes(file))).toEqual([])
    expect(gyp).not.toContain('"native')
  })

  it('has nothing that makes npm run a script', () => {
    const manifest = JSON.parse(readFileSync(join(consumer.package, 'package.json'), 'utf8'))
    expect(Object.keys(manifest.scripts)).not.toEqual(expect.arrayContaining(['install']))
    expect(manifest).toMatchObject({ gypfile: false, dependencies: { 'node-gyp-build': expect.anything() } })
    expect(Object.keys(manifest.dependencies)).toEqual(['node-gyp-build'])
    expect(consumer.files.filter((file) => /^[^/]*\.gyp/.test(file))).toEqual([])
  })

  it('has prebuilds that need libc alone', () => {
    const expected = full ? [...PREBUILDS.values()] : [PREBUILDS.get(`linux-${process.arch}`)]
    for (const { arch, libc, file } of expected) {
      expect(checkAddon(join(consumer.package, file))).toMatchObject({ arch, libc, faults: [] })
    }
  })

  const left = full ? '' : ' (skipped: CI_FULL=1 runs it)'
  it.skipIf(!full)(`has prebuilds for musl that look for nothing musl does not have${left}`, async () => {
    for (const { file, arch, libc } of PREBUILDS.values()) {
      if (libc !== 'musl') continue
      const known: string[] = readElf(await muslLoader(arch)).exported
      const wanted: string[] = readElf(join(consumer.package, file)).undefined
      const others = wanted.filter((name) => !/^(napi|uv)_/.test(name))
      expect(others.length).toBeGreaterThan(20)
      expect(others.filter((name) => !known.includes(name))).toEqual([])
    }
  })
})

describe('packing', () => {
  const { forge, ...unset } = { forge: 'https://example.org/ipvs', author: 'OWNER', homepage: undefined }
  it('tells what nobody has set yet', () => {
    const set = {
      author: 'A',
      homepage: forge,
      bugs: { url: forge },
      repository: { type: 'git', url: forge },
    }
    expect(unsetFields(set)).toEqual([])
    expect(unsetFields({ ...set, ...unset })).toEqual(['author', 'homepage'])
    expect(unsetFields({ ...set, repository: { url: 'git+https://forge.invalid/x' } })).toEqual([
      'repository',
    ])
  })

  it('refuses to publish a part of the prebuilds', () => {
    const some = { IPVS_FULLNAT_PREBUILDS: 'linux-x64' }
    expect(chosenPrebuilds({ ...some, npm_command: 'pack' })).toEqual(['linux-x64'])
    expect(() => chosenPrebuilds({ ...some, npm_command: 'publish' })).toThrow(/not published/)
    expect(chosenPrebuilds({ npm_command: 'publish' })).toHaveLength(4)
  })

  it('refuses a prebuild that is not there, or was made of other sources', () => {
    const name = `linux-${process.arch}`
    const folder = `${consumer.folder}/prebuilds-of-another/`
    const { file } = PREBUILDS.get(name)
    expect(prebuildFault(name, folder)).toMatch(/there is no prebuilds/)
    mkdirSync(dirname(folder + file), { recursive: true })
    writeFileSync(folder + file, 'another')
    expect(prebuildFault(name, folder)).toMatch(/other sources/)
    expect(prebuildFault(name, `${consumer.package}/`)).toBeUndefined()
  })

  it('leaves nothing of it in the repository', () => {
    const made = ['testing', 'metrics', 'linux-x64', 'native/binding.gyp']
    expect(made.filter((path) => existsSync(join(root, path)))).toEqual([])
  })
})

describe('the addon of the package', () => {
  it('runs: opening finds out that ip_vs is not loaded, or opens', () => {
    const text = `require('ipvs-fullnat').Ipvs.open().then(
      (ipvs) => console.log('opened', ipvs.dialect),
      (error) => console.log(error.name, error.code, error.operation),
    )`
    const loaded = ['ip_vs', 'ip_vs_ext_stats'].some((name) => existsSync(`/proc/net/${name}`))
    for (const node of nodes()) {
      expect(script(node, text)).toEqual([
        loaded ? expect.stringMatching(/^opened |EPERM/) : 'IpvsError ERR_IPVS_NOT_LOADED open',
      ])
    }
  })

  it.each([
    ['a HOME that cannot be', { HOME: '/proc/none' }],
    ['no HOME', { HOME: undefined }],
  ])('is installed from an empty cache and runs with %s', (_, environment) => {
    const project = new Project()
    try {
      const options = [
        '--offline',
        '--install-links',
        '--no-audit',
        '--no-fund',
        `--cache=${project.folder}/cache`,
      ]
      const packages = [inject('tarball').path, `${root}node_modules/node-gyp-build`]
      const installed = project.run('npm', ['install', ...options, ...packages], environment)
      expect({ status: installed.status, said: installed.status === 0 ? '' : installed.stderr }).toEqual({
        status: 0,
        said: '',
      })
      const file = project.write('scenario.js', commonJs())
      expect(project.run(process.execPath, [file], environment)).toEqual({
        status: 0,
        stdout: expect.stringMatching(SAID),
        stderr: '',
      })
    } finally {
      project.remove()
    }
  })
})

describe('require and import', () => {
  it('give the same classes on this Node, with every name in both', () => {
    const module = consumer.write(
      'both.mjs',
      `import { createRequire } from 'node:module'
      import * as imported from 'ipvs-fullnat'
      const required = createRequire(import.meta.url)('ipvs-fullnat')
      console.log(imported.Ipvs === required.Ipvs, imported.IpvsError === required.IpvsError)
      console.log(Object.keys(required).filter((name) => required[name] !== imported[name]).join() || 'all')
      console.log(required === (await import('ipvs-fullnat')) ? 'one object' : 'two objects')`,
    )
    const { stdout, stderr } = consumer.run(process.execPath, [module])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(['true true', 'all', 'two objects'])
  })

  it('give the same classes on the oldest Node', () => {
    consumer.write('required.js', "module.exports = require('ipvs-fullnat')")
    // Its modules are experimental: no exports map, and a CommonJS package has a default export alone.
    const module = consumer.write(
      'old.mjs',
      `import * as imported from 'ipvs-fullnat'
      import required from './required.js'
      const { Ipvs, parseServiceKey } = imported.Ipvs ? imported : imported.default
      console.log(typeof Ipvs, Ipvs === required.Ipvs, parseServiceKey('fwmark 7').fwmark)`,
    )
    const { stdout } = consumer.run(oldNode, ['--experimental-modules', module])
    expect(stdout).toBe('function true 7\n')
  })

  it('load the package.json, and nothing that is not exported', () => {
    const text = `const { name, version } = require('ipvs-fullnat/package.json')
      console.log(name, version)
      try {
        require('ipvs-fullnat/dist/dispatch/dispatcher')
      } catch (error) {
        console.log(error.code)
      }`
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(script(process.execPath, text)).toEqual([
      `ipvs-fullnat ${version}`,
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
    ])
  })

  it('run what needs no kernel on every Node', () => {
    const text = `const { Ipvs, IpvsError, formatServiceKey, parseServiceKey } = require('ipvs-fullnat')
      console.log(formatServiceKey(parseServiceKey('tcp [2001:DB8::0:1]:80')))
      console.log(typeof Ipvs.open, new IpvsError({ code: 'X', description: 'y' }) instanceof Error)
      Ipvs.open({ timeout: -1 }).catch((error) => console.log(error.name, error.code, error.field))
      Ipvs.open({ transport: { run() { throw new Error('mine') }, close() { console.log('closed') } } })
        .catch((error) => console.log(error.message))`
    for (const node of nodes()) {
      // Node 10 puts the code into the name of its own errors; the two calls end in any order.
      expect(script(node, text).sort()).toEqual([
        expect.stringMatching(/^RangeError.* ERR_OUT_OF_RANGE options\.timeout$/),
        'closed',
        'function true',
        'mine',
        'tcp [2001:db8::1]:80',
      ])
    }
  })
})

describe('ipvs-fullnat/metrics', () => {
  const program = (load: string) => `${load}
    const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
    Ipvs.open({ transport: kernel.transport() }).then(async (ipvs) => {
      await ipvs.services.add({ protocol: 'tcp', address: '192.0.2.1', port: 80 })
      const text = await collect(ipvs, { compat: 'node_exporter' })
      console.log(text.split('\\n').filter((line) => /^ipvs_(up|service_connections|client_trips)/.test(line)).join('\\n'))
      await collect(ipvs, { label: {} }).catch((error) => console.log(error.code))
    })`
  const expected = [
    'ipvs_service_connections_total{protocol="tcp",address="192.0.2.1",port="80",fwmark="",family="ipv4"} 0',
    'ipvs_client_trips_total 2',
    'ipvs_up 1',
    'ERR_INVALID_ARG_VALUE',
  ]

  it('works on every Node, without prom-client', () => {
    const load = `const { Ipvs } = require('ipvs-fullnat')
      const { FakeKernel } = require('ipvs-fullnat/testing')
      const { collect } = require('ipvs-fullnat/metrics')`
    for (const node of nodes()) expect(script(node, program(load))).toEqual(expected)
  })

  it('can be imported', () => {
    const load = `import { Ipvs } from 'ipvs-fullnat'
      import { FakeKernel } from 'ipvs-fullnat/testing'
      import { collect } from 'ipvs-fullnat/metrics'`
    const { stdout, stderr } = consumer.run(process.execPath, [consumer.write('metrics.mjs', program(load))])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(expected)
  })
})

describe('ipvs-fullnat/formats, ipvs-fullnat/reconcile and ipvs-fullnat/diagnose', () => {
  const RULES = '-A -t 192.0.2.1:80 -s wrr\\n-a -t 192.0.2.1:80 -r 10.9.0.5:80 -m -w 3\\n'
  const program = (load: string) => `${load}
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    Ipvs.open({ transport: kernel.transport() }).then(async (ipvs) => {
      const { state, errors } = parseRules('${RULES}', { dialect: 'mainline' })
      const { complete } = await apply(ipvs, await plan(ipvs, state))
      console.log(errors.length, complete, (await plan(ipvs, state)).steps.length)
      console.log(parseKeepalived('virtual_server 1.2.3.4 80 {', { dialect: 'mainline' }).errors.length > 0)
      const open = () => Ipvs.open({ transport: kernel.transport() })
      const states = async function* () { yield { services: [] } }
      const reconciler = new Reconciler({ open, desired: states, debounce: 0 })
      reconciler.on('reached', async (generation) => {
        await reconciler.stop()
        console.log(generation, (await ipvs.services.list()).length)
      })
      reconciler.start()
      const { findings } = await diagnose(ipvs, { interval: 1 })
      console.log(findings.length + ' ' + diagnoseOpenFailure(new Error('x')).findings[0].code)
    })`
  const expected = ['0 true 0', 'true', '0 open-failed', '1 0']

  it('work on every Node', () => {
    const load = `const { Ipvs } = require('ipvs-fullnat')
      const { FakeKernel } = require('ipvs-fullnat/testing')
      const { parseKeepalived, parseRules } = require('ipvs-fullnat/formats')
      const { apply, plan, Reconciler } = require('ipvs-fullnat/reconcile')
      const { diagnose, diagnoseOpenFailure } = require('ipvs-fullnat/diagnose')`
    for (const node of nodes()) expect(script(node, program(load))).toEqual(expected)
  })

  it('can be imported', () => {
    const load = `import { Ipvs } from 'ipvs-fullnat'
      import { FakeKernel } from 'ipvs-fullnat/testing'
      import { parseKeepalived, parseRules } from 'ipvs-fullnat/formats'
      import { apply, plan, Reconciler } from 'ipvs-fullnat/reconcile'
      import { diagnose, diagnoseOpenFailure } from 'ipvs-fullnat/diagnose'`
    const { stdout, stderr } = consumer.run(process.execPath, [consumer.write('texts.mjs', program(load))])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(expected)
  })
})

describe('types', () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const PROGRAM = `import { Ipvs, type ServiceInfo } from 'ipvs-fullnat'
    import { parseRules } from 'ipvs-fullnat/formats'
    import { collect } from 'ipvs-fullnat/metrics'
    import { type DesiredStates, type Plan, plan, Reconciler } from 'ipvs-fullnat/reconcile'
    import { diagnose, type FindingCode } from 'ipvs-fullnat/diagnose'
    export const planned = (ipvs: Ipvs): Promise<Plan> => plan(ipvs, parseRules('', { dialect: 'mainline' }).state)
    export const kept = (ipvs: Ipvs, desired: DesiredStates): Reconciler =>
      new Reconciler({ open: async () => ipvs, desired }).on('drift', ({ steps }) => steps[0]?.verb)
    export const text = (ipvs: Ipvs): Promise<string> => collect(ipvs, { labels: { services: ['port'] } })
    export const codes = async (ipvs: Ipvs): Promise<FindingCode[]> =>
      (await diagnose(ipvs)).findings.map(({ code }) => code)
    export async function first(ipvs: Ipvs): Promise<bigint | undefined> {
      const services: ServiceInfo[] = await ipvs.services.list()
      return services[0]?.stats.inBytes
    }
    // @ts-expect-error: the types are really there
    collect(7)
    // @ts-expect-error: the types are really there
    Ipvs.open({ transport: 'ioctl' })\n`

  it.each([
    ['node16', 'node16', ['types.mts', 'types.cts']],
    ['bundler', 'esnext', ['types.ts']],
    ['node10', 'commonjs', ['types.ts']],
  ])('resolve with moduleResolution %s, module %s, in %s', (resolution, module, files) => {
    for (const file of files) consumer.write(file, PROGRAM)
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,esnext.disposable']
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    const resolve = ['--moduleResolution', resolution, '--module', module]
    // TypeScript 6 has it still, and says that it goes.
    if (resolution === 'node10') resolve.push('--ignoreDeprecations', '6.0')
    const { stdout, status } = consumer.run(process.execPath, [
      tsc,
      ...options,
      ...types,
      ...resolve,
      ...files,
    ])
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
})

describe('an addon that cannot be had', () => {
  const TEXT = `const { Ipvs, parseServiceKey } = require('ipvs-fullnat')
    console.log(parseServiceKey('fwmark 7').fwmark)
    Ipvs.open().catch((error) => {
      console.log(error.name, error.code, error.operation, error.sent)
      console.log(error.message)
      console.log(error.hint)
    })`
  const HEAD = ['7', 'IpvsError ERR_IPVS_ADDON open false']
  const prebuild = () => join(consumer.package, PREBUILDS.get(`linux-${process.arch}`).file)

  /** With the installed package changed by `change`, and as it was afterwards. */
  function changed(change: () => void, use: () => void): void {
    const aside = `${consumer.package}.aside`
    cpSync(consumer.package, aside, { recursive: true })
    try {
      change()
      use()
    } finally {
      rmSync(consumer.package, { recursive: true })
      renameSync(aside, consumer.package)
    }
  }

  /** Of another package, that has one. */
  const foreign = readdirSync(join(root, 'node_modules'), { recursive: true, encoding: 'utf8' }).find(
    (name) => name.endsWith('.node') && !/ipvs/.test(name),
  )

  it.each<[string, () => void, RegExp, RegExp]>([
    [
      'there is none',
      () => rmSync(join(consumer.package, 'prebuilds'), { recursive: true }),
      /no prebuild for linux-\w+ with glibc, but none at all/,
      /node-addon-api && npx node-gyp rebuild -C .*native/,
    ],
    [
      'it is damaged',
      () => writeFileSync(prebuild(), readFileSync(prebuild()).subarray(0, 20)),
      /damaged, or not an addon for linux-/,
      /install it again/,
    ],
    [
      'it ends in the middle',
      () => writeFileSync(prebuild(), readFileSync(prebuild()).subarray(0, 100_000)),
      /damaged, or not an addon for linux-.*file too short/,
      /install it again/,
    ],
    [
      'it is of another machine',
      () => writeFileSync(prebuild(), ofAnotherMachine(readFileSync(prebuild()))),
      /damaged, or not an addon for linux-.*another machine/,
      /install it again/,
    ],
    [
      'it is no such file',
      () => writeFileSync(prebuild(), 'not an ELF file'),
      /damaged, or not an addon/,
      /install it again/,
    ],
    [
      'a build of before stands beside it',
      () => {
        mkdirSync(join(consumer.package, 'build/Release'), { recursive: true })
        writeFileSync(join(consumer.package, 'build/Release/x.node'), otherVersion(readFileSync(prebuild())))
      },
      /of version 9\.1\.0, the JavaScript of .*hides the prebuilds/,
      /Delete .*build\/Release/,
    ],
    [
      'it is of another version',
      () => writeFileSync(prebuild(), otherVersion(readFileSync(prebuild()))),
      /of version 9\.1\.0, the JavaScript of/,
      /install it again/,
    ],
  ])('everything loads and open() explains itself: %s', (_, change, message, hint) => {
    changed(change, () => {
      for (const node of nodes()) {
        const said = script(node, TEXT)
        expect(said.slice(0, 2)).toEqual(HEAD)
        expect(said[2]).toMatch(message)
        expect(said[3]).toMatch(hint)
      }
    })
  })

  it.runIf(foreign)('it is the addon of something else', () => {
    changed(
      () => cpSync(join(root, 'node_modules', foreign as string), prebuild()),
      () => expect(script(process.execPath, TEXT)[2]).toMatch(/addon of something else|not an addon/),
    )
  })

  it('in native/build/Release it is found when there is no prebuild', () => {
    changed(
      () => {
        const built = join(consumer.package, 'native/build/Release')
        mkdirSync(built, { recursive: true })
        renameSync(prebuild(), join(built, 'ipvs_fullnat.node'))
        rmSync(join(consumer.package, 'prebuilds'), { recursive: true })
      },
      () => {
        for (const node of nodes()) {
          expect(consumer.run(node, [consumer.write('built.js', commonJs())]).stdout).toMatch(SAID)
        }
      },
    )
  })

  it("Node's permission model: open() says what to allow, and works with it", () => {
    // Node 20 has it under another name.
    const flag = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission'
    const file = consumer.write('permission.js', TEXT)
    const [head, code, message, hint] = consumer
      .run(process.execPath, [flag, '--allow-fs-read=*', '--no-warnings', file])
      .stdout.split('\n')
    expect([head, code]).toEqual(HEAD)
    expect(message).toMatch(/permission model forbids addons/)
    expect(hint).toMatch(/--allow-addons/)
    const allowed = process.allowedNodeEnvironmentFlags.has('--allow-addons')
    if (!allowed) return
    const works = consumer.write('scenario.js', commonJs())
    const options = [flag, '--allow-addons', '--allow-fs-read=*', '--no-warnings']
    expect(consumer.run(process.execPath, [...options, works]).stdout).toMatch(SAID)
  })

  it('two versions of the package work in one process', () => {
    const other = join(consumer.folder, 'node_modules/other/node_modules/ipvs-fullnat')
    cpSync(consumer.package, other, { recursive: true })
    const file = join(other, PREBUILDS.get(`linux-${process.arch}`).file)
    writeFileSync(file, otherVersion(readFileSync(file)))
    const version = join(other, 'dist/host/version.js')
    writeFileSync(version, readFileSync(version, 'utf8').replace(/'\d+\.\d+\.\d+'/, "'9.1.0'"))
    const text = `const one = require('ipvs-fullnat')
      const two = require('./node_modules/other/node_modules/ipvs-fullnat')
      console.log(one.Ipvs === two.Ipvs)
      for (const { Ipvs } of [one, two]) Ipvs.open().then(
        () => console.log('opened'),
        ({ code }) => console.log(code === 'ERR_IPVS_ADDON' ? code : 'opened'),
      )`
    for (const node of nodes()) expect(script(node, text)).toEqual(['false', 'opened', 'opened'])
  })

  it('open() says so on a system that has no IPVS at all', () => {
    const elsewhere = `Object.defineProperty(process, 'platform', { value: 'darwin' })
      require('ipvs-fullnat').Ipvs.open().catch(({ code, message, hint }) => console.log(code, message, '/', hint))`
    expect(script(process.execPath, elsewhere)).toEqual([
      'ERR_IPVS_ADDON ERR_IPVS_ADDON: IPVS exists on Linux only, this is darwin, open / ' +
        "Develop and test against FakeKernel of 'ipvs-fullnat/testing', run on Linux.",
    ])
  })
})

/** The same addon, as if it were of version 9.1.0. */
function otherVersion(addon: Buffer): Buffer {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const text = Buffer.from(`\0${version}\0`)
  const at = addon.indexOf(text)
  if (at < 0 || text.length !== 7) throw new Error(`the addon has no version ${version}`)
  addon.write('9.1.0', at + 1)
  return addon
}

/** e_machine of the file is that of RISC-V. */
function ofAnotherMachine(addon: Buffer): Buffer {
  addon.writeUInt16LE(243, 0x12)
  return addon
}
