// The public types beside those of test/golden/api. Where they are meant to change: npx vitest run -u --config
// test/vitest.config.mjs test/unit/docs/api-report.test.ts, and a line in CHANGELOG.

import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { buildTypeScript } from '../../../scripts/build-ts.mjs'
import { apiReport } from './api-report'
import { root } from './code-blocks'

beforeAll(() => buildTypeScript())

it.each([
  ['ipvs-fullnat', 'index'],
  ...['diagnose', 'formats', 'metrics', 'reconcile', 'testing'].map(
    (name) => [name, `${name}/index`] as const,
  ),
] as const)('%s has the public types that the repository says', async (name, entry) => {
  const report = apiReport(join(root, `dist/${entry}.d.ts`))
  await expect(report).toMatchFileSnapshot(join(root, `test/golden/api/${name}.txt`))
})
