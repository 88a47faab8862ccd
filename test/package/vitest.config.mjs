import { mergeConfig } from 'vitest/config'
import shared from '../vitest.config.mjs'

// Everything but what the other suites run: the package is packed before any file of it.
export default mergeConfig(
  { ...shared, test: { ...shared.test, include: [] } },
  {
    test: {
      include: ['test/package/**/*.test.ts'],
      globalSetup: ['test/package/machine.ts', 'test/package/pack.ts'],
    },
  },
)
