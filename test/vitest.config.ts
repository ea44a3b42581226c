import { defineConfig } from 'vitest/config'

/** The default suite. Two workers: the tests start processes of their own. */
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], testTimeout: 30_000, maxWorkers: 2, pool: 'forks' },
})
