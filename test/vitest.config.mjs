import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// test/vm runs inside the guests and has a configuration of its own.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: [
      'test/unit/**/*.test.ts',
      'test/lifecycle/**/*.test.ts',
      'test/package/**/*.test.ts',
      'test/types/**/*.test.ts',
    ],
    pool: 'forks',
  },
})
