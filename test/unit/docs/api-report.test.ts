// The public types, as API Extractor sees the declarations that are built, beside those of test/golden/api. Where they are
// meant to change: npx vitest run -u --config test/vitest.config.mjs test/unit/docs/api-report.test.ts, and a line in CHANGELOG.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { afterAll, beforeAll, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { buildTypeScript } from '../../../scripts/build-ts.mjs'
import { root } from './code-blocks'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-api-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { require?: { types: string } }>
}
const entries = Object.entries(exports).flatMap(([subpath, { require }]) =>
  require
    ? [{ name: subpath.replace(/^\.\/?/, '') || 'ipvs-fullnat', types: join(root, require.types) }]
    : [],
)

const COMPILER = { module: 'Node16', lib: ['ES2022', 'ESNext.Disposable'], types: ['node'], strict: true }
const silent = { default: { logLevel: ExtractorLogLevel.None } }

function configOf({ name, types }: (typeof entries)[number]): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: COMPILER,
          files: entries.map((entry) => entry.types),
        },
      },
      apiReport: {
        enabled: true,
        // The exported types are made of others, whose members users see as well.
        includeForgottenExports: true,
        reportFileName: name,
        reportFolder: folder,
        reportTempFolder: folder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      // Comments are TypeDoc's to judge.
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  })
}

const configs = new Map<string, ExtractorConfig>()
let compilerState: CompilerState
beforeAll(() => {
  buildTypeScript()
  for (const entry of entries) configs.set(entry.name, configOf(entry))
  compilerState = CompilerState.create(configs.get('ipvs-fullnat') as ExtractorConfig)
})

it.each(entries.map(({ name }) => name))('%s has the public types that the repository says', async (name) => {
  const errors: string[] = []
  Extractor.invoke(configs.get(name) as ExtractorConfig, {
    compilerState,
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true
      if (message.logLevel === ExtractorLogLevel.Error) errors.push(message.text)
    },
  })
  expect(errors).toEqual([])
  const report = readFileSync(join(folder, `${name}.api.md`), 'utf8')
  await expect(report).toMatchFileSnapshot(join(root, `test/golden/api/${name}.api.md`))
})
