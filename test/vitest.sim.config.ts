import { defineConfig } from 'vitest/config'

/** Long runs in virtual time: many seeds, many events. `SEEDS=100 npm run test:sim` runs more. */
export default defineConfig({
  test: { include: ['test/sim/**/*.sim.ts'], testTimeout: 600_000, maxWorkers: 2, pool: 'forks' },
})
