import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

// test/vm runs inside the guests and has a configuration of its own.
export default defineConfig({
  // What examples import is the package; here it is its source.
  resolve: {
    alias: [
      { find: /^ipvs-fullnat\/metrics$/, replacement: at('lib/metrics/index.ts') },
      { find: /^ipvs-fullnat\/testing$/, replacement: at('lib/testing/index.ts') },
      { find: /^ipvs-fullnat$/, replacement: at('lib/index.ts') },
    ],
  },
  test: {
    root: at(''),
    include: ['test/{unit,contract,lifecycle,package,types}/**/*.test.ts'],
    setupFiles: [at('test/property-seed.ts')],
    pool: 'forks',
    // These find what hangs, and measure nothing: other work may keep every CPU busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
