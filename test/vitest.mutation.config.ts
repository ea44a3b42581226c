import { defineConfig } from 'vitest/config'

/** Breaks a copy of the source on purpose: what protects must be missed by a check. One testnet at a time. */
export default defineConfig({
  test: {
    include: ['test/mutation/**/*.mutation.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    pool: 'forks',
  },
})
