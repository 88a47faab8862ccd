// The example of docs/testing.md is a test of its own; it runs here as it is. test/vitest.config.mjs leads its
// `ipvs-fullnat` and `ipvs-fullnat/testing` to the sources.

await import('../../examples/testing/controller.test')

export {}
