import { defineConfig } from 'vitest/config'

/** What only shows after a long while: growth of memory, leftovers of churn. */
export default defineConfig({
  test: {
    include: ['test/soak/**/*.soak.ts'],
    testTimeout: 7_200_000,
    // A network that stops gives each of its processes ten seconds.
    hookTimeout: 120_000,
    pool: 'forks',
    execArgv: ['--expose-gc'],
    fileParallelism: false,
  },
})
