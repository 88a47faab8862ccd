import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

// test/package needs the package, test/vm runs inside the guests: they have configurations of their own.
export default defineConfig({
  // What examples and code blocks of the documentation import is the package; here it is its source.
  resolve: {
    alias: [
      {
        find: /^ipvs-fullnat\/(diagnose|formats|metrics|reconcile|testing)$/,
        replacement: at('lib/$1/index.ts'),
      },
      { find: /^ipvs-fullnat$/, replacement: at('lib/index.ts') },
    ],
  },
  test: {
    root: at(''),
    include: ['test/{unit,contract,lifecycle,types}/**/*.test.ts'],
    setupFiles: [at('test/property-seed.ts')],
    pool: 'forks',
    // vitest would leave one processor to itself, and of two that is half of them.
    maxWorkers: availableParallelism(),
    // These find what hangs, and measure nothing: other work may keep every CPU busy, and some compile the addon.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    coverage: { include: ['lib/**/*.ts'], reporter: ['text'] },
  },
})
