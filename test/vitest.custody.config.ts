import { defineConfig } from 'vitest/config'

/** Custody as it is lived: ceremonies over real processes, every death, a thousand lives of one lock. */
export default defineConfig({
  test: {
    include: ['test/custody/**/*.custody.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
    pool: 'forks',
  },
})
