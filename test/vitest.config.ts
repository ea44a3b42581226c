import { defineConfig } from 'vitest/config'

/**
 * The default suite. Two workers: the tests start processes of their own. Nothing is judged by its time: the limits
 * end what hangs, and are far above what the most loaded machine needs.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/property-seed.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
    pool: 'forks',
  },
})
