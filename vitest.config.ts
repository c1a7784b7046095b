import { defineConfig } from 'vitest/config'

/** Real servers are shared by a whole run: they start once, in global set-up, and are stopped by id. */
const real = {
  globalSetup: ['test/servers/global-setup.ts'],
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 180_000,
  // Real servers on a busy machine: a second failure is one of ours.
  retry: 1,
}

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...real } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts', 'test/faults/**/*.test.ts'], ...real } },
    ],
  },
})
