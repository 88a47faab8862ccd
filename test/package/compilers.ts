// The types as compilers see them, and what tools for packages say of it: tests of package.test.ts, with CI_FULL=1.

import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { consumer } from './consumer'
import { full, root } from './project'
import { tools, VERSIONS } from './tools'

const slow = it.skipIf(!full)
const left = full ? '' : ' (skipped: CI_FULL=1 runs it)'

const PROGRAM = `import { Ipvs, type OpenOptions, type ServiceInfo } from 'ipvs-fullnat'
import { parseRules } from 'ipvs-fullnat/formats'
import addon from 'ipvs-fullnat/linux-x64'
import { collect } from 'ipvs-fullnat/metrics'
import { type Plan, plan } from 'ipvs-fullnat/reconcile'
import { FakeKernel } from 'ipvs-fullnat/testing'

export const options: OpenOptions = { addon, unprivileged: true }
export const planned = (ipvs: Ipvs): Promise<Plan> => plan(ipvs, parseRules('', { dialect: 'mainline' }).state)
export const text = (ipvs: Ipvs): Promise<string> => collect(ipvs, { labels: { services: ['port'] } })
export const open = (): Promise<Ipvs> => Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
export async function first(ipvs: Ipvs): Promise<bigint | undefined> {
  const services: ServiceInfo[] = await ipvs.services.list()
  return services[0]?.stats.inBytes
}
// @ts-expect-error: the types are really there
export const wrong: OpenOptions = { addon: 'x.node' }
`

describe('compiled by', () => {
  slow.each(['5.0.4', '5.4.5', '5.9.3', '6.0.3', '7.0.2'])(
    `TypeScript %s, strict, with skipLibCheck false${left}`,
    async (version) => {
      const folder = await tools('typescript', [`typescript@${version}`, '@types/node@18.19.130'])
      const tsc = join(folder, 'node_modules/typescript/bin/tsc')
      const strict = {
        strict: true,
        exactOptionalPropertyTypes: true,
        verbatimModuleSyntax: true,
        skipLibCheck: false,
        noEmit: true,
        esModuleInterop: true,
        target: 'es2022',
        lib: ['es2022'],
        types: ['node'],
        typeRoots: [join(folder, 'node_modules/@types')],
      }
      for (const [file, module, moduleResolution] of [
        ['check.mts', 'node16', 'node16'],
        ['check.ts', 'esnext', 'bundler'],
      ] as const) {
        consumer().write(file, PROGRAM)
        const settings = { compilerOptions: { ...strict, module, moduleResolution }, files: [file] }
        // By the usual name it would be in the way of what is compiled by its name later.
        const config = consumer().write('strict.json', JSON.stringify(settings))
        const { status, stdout, stderr } = consumer().run(process.execPath, [tsc, '-p', config])
        expect({ moduleResolution, status, said: stdout + stderr }).toEqual({
          moduleResolution,
          status: 0,
          said: '',
        })
      }
    },
  )

  slow(`TypeScript 7.0.2: the library itself${left}`, async () => {
    const folder = await tools('typescript', ['typescript@7.0.2', '@types/node@18.19.130'])
    const tsc = join(folder, 'node_modules/typescript/bin/tsc')
    const { status, stdout, stderr } = consumer().run(process.execPath, [
      tsc,
      '--noEmit',
      '-p',
      join(root, 'tsconfig.json'),
    ])
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' })
  })
})

describe('judged by', () => {
  slow(`publint ${VERSIONS.publint} --strict${left}`, async () => {
    const folder = await tools('publint', [`publint@${VERSIONS.publint}`])
    const cli = join(folder, 'node_modules/publint/src/cli.js')
    const { status, stdout, stderr } = consumer().run(process.execPath, [
      cli,
      'run',
      inject('tarball').path,
      '--strict',
    ])
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' })
  })

  slow(`attw ${VERSIONS.attw}${left}`, async () => {
    const folder = await tools('attw', [`@arethetypeswrong/cli@${VERSIONS.attw}`])
    const cli = join(folder, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const { status, stdout, stderr } = consumer().run(process.execPath, [
      cli,
      inject('tarball').path,
      '--no-emoji',
    ])
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' })
  })
})
