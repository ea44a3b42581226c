import { defineConfig } from 'vitest/config'

/**
 * Random and mutated bytes against every decoder. `FUZZ_SECONDS=30 npm run test:fuzz` is the run of a change,
 * `npm run test:fuzz:long` makes more than ten million executions.
 */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.fuzz.ts'],
    testTimeout: 3_600_000,
    // A file each: the time of a target is by the clock, so that the longest file decides.
    maxWorkers: 10,
    pool: 'forks',
  },
})
