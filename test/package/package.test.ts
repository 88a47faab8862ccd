import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
// @ts-expect-error: a script without types
import { checkFloor, floorOf, neededVersions } from '../../scripts/check-floor.mjs'
// @ts-expect-error: a script without types
import { nodeBinary, oldestNode } from '../../scripts/vm/nodes.mjs'
import { Consumer, root } from './consumer'

/** They find what hangs: programs are started here that others' work can make wait. */
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

let consumer: Consumer
let oldNode: string

beforeAll(async () => {
  for (const needed of ['dist/index.js', 'build/Release/ipvs_fullnat.node']) {
    if (!existsSync(join(root, needed))) throw new Error(`${needed} is missing: npm run build`)
  }
  oldNode = await nodeBinary(oldestNode)
  consumer = new Consumer()
})

afterAll(() => consumer?.remove())

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
      /^native\/.+\.(cc|h)$/,
      /^prebuilds\//,
      /^(package\.json|binding\.gyp|scripts\/check-floor\.mjs|README\.md|CHANGELOG\.md|LICENSE)$/,
    ]
    expect(consumer.files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([])
    for (const entry of ['index.js', 'index.mjs', 'index.d.ts', 'index.d.mts']) {
      expect(consumer.files).toContain(`dist/${entry}`)
    }
  })

  it('has every file that package.json and binding.gyp name', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const named: string[] = []
    const collect = (value: unknown) => {
      if (typeof value === 'string') named.push(value.replace('./', ''))
      else for (const one of Object.values(value as object)) collect(one)
    }
    collect(manifest.exports)
    const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8')
    named.push(...(gyp.match(/native\/[a-z_/]+\.(?:cc|h)/g) ?? []))
    expect(named.length).toBeGreaterThan(15)
    expect(named.filter((file) => !consumer.files.includes(file))).toEqual([])
  })
})

describe('the addon that npm install built', () => {
  it('stays below the floor of CentOS 6', () => {
    const built = join(consumer.package, 'build/Release/ipvs_fullnat.node')
    expect(checkFloor(neededVersions(built), floorOf(built)).above).toEqual([])
  })

  it('runs: opening finds out that ip_vs is not loaded, or opens', () => {
    const text = `require('ipvs-fullnat').Ipvs.open().then(
      (ipvs) => console.log('opened', ipvs.dialect),
      (error) => console.log(error.name, error.code, error.operation),
    )`
    const loaded = ['ip_vs', 'ip_vs_ext_stats'].some((name) => existsSync(`/proc/net/${name}`))
    for (const node of nodes()) {
      expect(script(node, text)).toEqual([
        loaded ? expect.stringMatching(/^opened /) : 'IpvsError ERR_IPVS_NOT_LOADED open',
      ])
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
    // Node 10 knows no exports.
    const load = `const find = (name) => {
        try { return require('ipvs-fullnat/' + name) } catch (_) { return require('ipvs-fullnat/dist/' + name) }
      }
      const { Ipvs } = require('ipvs-fullnat')
      const { FakeKernel } = find('testing')
      const { collect } = find('metrics')`
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
    // Node 10 knows no exports.
    const load = `const find = (name) => {
        try { return require('ipvs-fullnat/' + name) } catch (_) { return require('ipvs-fullnat/dist/' + name) }
      }
      const { Ipvs } = require('ipvs-fullnat')
      const { FakeKernel } = find('testing')
      const { parseKeepalived, parseRules } = find('formats')
      const { apply, plan, Reconciler } = find('reconcile')
      const { diagnose, diagnoseOpenFailure } = find('diagnose')`
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

describe('without an addon for this platform', () => {
  const text = `const { Ipvs, parseServiceKey } = require('ipvs-fullnat')
    console.log(parseServiceKey('fwmark 7').fwmark)
    Ipvs.open().catch((error) => {
      console.log(error.name, error.code, error.operation, error.sent)
      console.log(/npm rebuild ipvs-fullnat/.test(error.hint), error.cause instanceof Error)
    })`
  const expected = ['7', 'IpvsError ERR_IPVS_ADDON open false', 'true true']

  it.each([
    ['there is none', undefined],
    ['it is for another platform', 'not an ELF file'],
  ])('everything loads and open() explains itself: %s', (_, content) => {
    consumer.withAddon(content, () => {
      for (const node of nodes()) expect(script(node, text)).toEqual(expected)
    })
  })

  it('open() says so on a system that has no IPVS at all', () => {
    const elsewhere = `Object.defineProperty(process, 'platform', { value: 'darwin' })
      require('ipvs-fullnat').Ipvs.open().catch(({ code, message, hint }) => console.log(code, message, '/', hint))`
    expect(script(process.execPath, elsewhere)).toEqual([
      'ERR_IPVS_ADDON ERR_IPVS_ADDON: IPVS exists on Linux only, this is darwin, open / ' +
        'Develop against a fake kernel, run on Linux.',
    ])
  })
})
