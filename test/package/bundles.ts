// The package in bundles that run away from node_modules: tests of package.test.ts, with CI_FULL=1.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { PREBUILDS } from '../../scripts/prebuild.mjs'
import { consumer } from './consumer'
import { full, type Ran } from './project'
import { commonJs, esModule, SAID } from './scenario'
import { tools, VERSIONS } from './tools'

const platform = `linux-${process.arch}`
const slow = it.skipIf(!full)
const left = full ? '' : ' (skipped: CI_FULL=1 runs it)'
const GIVEN = commonJs(`{ addon: require('ipvs-fullnat/${platform}') }`)
const LOST = `require('ipvs-fullnat').Ipvs.open().catch(({ code, message, hint }) => console.log(code, message, hint))`

/** A folder away from every node_modules. */
function away(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-bundle-'))
  try {
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function expectBuilt({ status, stdout, stderr }: Ran): void {
  expect({ status, said: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ status: 0, said: '' })
}

function expectRuns(program: string, command = process.execPath): void {
  const { status, stdout, stderr } = consumer().run(command, command === program ? [] : [program])
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: expect.stringMatching(SAID) })
}

describe('bundled by', () => {
  slow(
    `esbuild ${VERSIONS.esbuild}, with the addon of a subpath; without one open() says what to do${left}`,
    async () => {
      const folder = await tools('esbuild', [`esbuild@${VERSIONS.esbuild}`])
      const esbuild = join(folder, 'node_modules/esbuild/bin/esbuild')
      const options = ['--bundle', '--platform=node', '--loader:.node=copy', '--log-level=warning']
      away((out) => {
        const input = consumer().write('given.js', GIVEN)
        const built = consumer().run(esbuild, [input, ...options, `--outdir=${out}`])
        expectBuilt(built)
        expect(built.stderr).toBe('')
        expectRuns(join(out, 'given.js'))
      })
      for (const format of ['cjs', 'esm']) {
        away((out) => {
          const file = join(out, format === 'esm' ? 'lost.mjs' : 'lost.js')
          const banner = `--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`
          const more = [`--format=${format}`, `--outfile=${file}`, ...(format === 'esm' ? [banner] : [])]
          expectBuilt(consumer().run(esbuild, [consumer().write('lost.js', LOST), ...options, ...more]))
          const { stdout } = consumer().run(process.execPath, [file])
          expect(stdout).toMatch(/^ERR_IPVS_ADDON .*in a bundle.*Ipvs\.open\(\{ addon \}\)/)
        })
      }
    },
  )

  slow(`ncc ${VERSIONS.ncc}, which finds the addon by itself${left}`, async () => {
    const ncc = join(
      await tools('ncc', [`@vercel/ncc@${VERSIONS.ncc}`]),
      'node_modules/@vercel/ncc/dist/ncc/cli.js',
    )
    away((out) => {
      const input = consumer().write('scenario.js', commonJs())
      expectBuilt(consumer().run(process.execPath, [ncc, 'build', input, '-o', out]))
      expectRuns(join(out, 'index.js'))
    })
  })

  slow(`webpack ${VERSIONS.webpack} with node-loader${left}`, async () => {
    const folder = await tools('webpack', [
      `webpack@${VERSIONS.webpack}`,
      'webpack-cli@6.0.1',
      'node-loader@2.1.0',
    ])
    const cli = join(folder, 'node_modules/webpack-cli/bin/cli.js')
    away((out) => {
      const settings = {
        mode: 'production',
        target: 'node',
        entry: consumer().write('given.js', GIVEN),
        output: { path: out, filename: 'main.js' },
        resolveLoader: { modules: [join(folder, 'node_modules')] },
        node: { __dirname: false },
      }
      const rule = "{ test: /\\.node$/, loader: 'node-loader' }"
      const config = consumer().write(
        'webpack.config.cjs',
        `module.exports = { ...${JSON.stringify(settings)}, module: { rules: [${rule}] } }`,
      )
      const built = consumer().run(process.execPath, [cli, '--config', config], {
        NODE_PATH: join(folder, 'node_modules'),
      })
      expectBuilt(built)
      expect(built.stdout).not.toMatch(/WARNING/)
      expectRuns(join(out, 'main.js'))
    })
  })

  slow(`rollup ${VERSIONS.rollup}, with a copy of the addon${left}`, async () => {
    const plugins = ['@rollup/plugin-node-resolve@16.0.3', '@rollup/plugin-commonjs@29.0.3']
    const folder = await tools('rollup', [`rollup@${VERSIONS.rollup}`, ...plugins])
    away((out) => {
      copyFileSync(join(consumer().package, PREBUILDS.get(platform).file), join(out, 'ipvs.node'))
      const imports = `import { createRequire } from 'node:module'
        const addon = createRequire(import.meta.url)('./ipvs.node')`
      const input = consumer().write('given.mjs', esModule('{ addon }', imports))
      const config = consumer().write(
        'rollup.config.cjs',
        `const at = (name) => require(${JSON.stringify(`${folder}/node_modules/`)} + name)
        module.exports = {
          input: ${JSON.stringify(input)},
          output: { file: ${JSON.stringify(join(out, 'main.mjs'))} },
          plugins: [at('@rollup/plugin-node-resolve').nodeResolve(), at('@rollup/plugin-commonjs')()],
        }`,
      )
      expectBuilt(
        consumer().run(process.execPath, [join(folder, 'node_modules/rollup/dist/bin/rollup'), '-c', config]),
      )
      expectRuns(join(out, 'main.mjs'))
    })
  })

  it.skipIf(!full || process.arch !== 'x64')(
    `esbuild into a single executable application, with the addon beside it${left}`,
    async () => {
      const esbuild = join(
        await tools('esbuild', [`esbuild@${VERSIONS.esbuild}`]),
        'node_modules/esbuild/bin/esbuild',
      )
      const folder = await tools('postject', ['postject@1.0.0-alpha.6'])
      // @ts-expect-error: a script without types
      const { currentNode, nodeBinary } = await import('../../scripts/vm/nodes.mjs')
      const node = (await nodeBinary(currentNode)) as string
      away((out) => {
        copyFileSync(join(consumer().package, PREBUILDS.get(platform).file), join(out, 'ipvs.node'))
        const text = commonJs(
          "{ addon: require('node:module').createRequire(process.execPath)('./ipvs.node') }",
        )
        const input = consumer().write('sea.js', text)
        const bundle = join(out, 'bundle.js')
        expectBuilt(
          consumer().run(esbuild, [
            input,
            '--bundle',
            '--platform=node',
            `--outfile=${bundle}`,
            '--log-level=error',
          ]),
        )
        const blob = join(out, 'sea.blob')
        const config = { main: bundle, output: blob, disableExperimentalSEAWarning: true }
        const file = consumer().write('sea.json', JSON.stringify(config))
        expectBuilt(consumer().run(node, ['--experimental-sea-config', file]))
        mkdirSync(join(out, 'bin'))
        const program = join(out, 'application')
        copyFileSync(node, program)
        const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
        const postject = join(folder, 'node_modules/postject/dist/cli.js')
        expectBuilt(
          consumer().run(process.execPath, [
            postject,
            program,
            'NODE_SEA_BLOB',
            blob,
            '--sentinel-fuse',
            fuse,
          ]),
        )
        rmSync(bundle)
        expect(readdirSync(out)).not.toContain('node_modules')
        expectRuns(program, program)
      })
    },
  )
})
