import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

it('api.ts compiles against the built declarations', { timeout: 600_000 }, () => {
  if (!existsSync(`${root}dist/index.d.ts`)) throw new Error('dist is not built: npm run build:ts')
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', `${root}test/types/tsconfig.json`], {
    encoding: 'utf8',
  })
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
