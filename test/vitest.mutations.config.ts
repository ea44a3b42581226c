import { defineConfig } from 'vitest/config'

/** Published evidence, changed in every byte and at random: minutes of work, so it is not part of the default suite. */
export default defineConfig({
  test: {
    include: ['test/mutations/**/*.mutations.ts'],
    testTimeout: 3_600_000,
    maxWorkers: 2,
    pool: 'forks',
  },
})
