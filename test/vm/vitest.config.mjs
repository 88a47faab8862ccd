import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Runs inside the guests (scripts/vm). Tests in smp/ need several CPUs and have a boot of their own; the others run
// on one CPU, where a FULLNAT connection of v3 always meets its local address.
const cpus = Number(process.env.IPVS_VM_SMP ?? 1)

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export default defineConfig({
  // What tests import of lib/ is what was built of it: to compile all of lib/ again takes an emulated CPU long.
  resolve: { alias: [{ find: /^(?:\.\.\/)+lib((?:\/.*)?)$/, replacement: `${at('dist')}$1` }] },
  test: {
    root: at(''),
    server: { deps: { external: [/\/dist\//] } },
    include: ['test/vm/**/*.test.ts'],
    exclude: cpus > 1 ? [] : ['test/vm/smp/**'],
    // The kernel's table is one for all files.
    pool: 'threads',
    isolate: false,
    fileParallelism: false,
    // These find what hangs, and measure nothing: emulated CPUs on a machine that others keep busy take many times longer.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    teardownTimeout: 600_000,
  },
})
