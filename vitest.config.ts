import { defineConfig } from 'vitest/config'

/** One project after another: faults staged with real clocks must not compete with simulations for two processors. */
const turn = (groupOrder: number) => ({ sequence: { groupOrder } })

/** On a shared machine a clock may stand still for longer than any bound; a fault test gets a second chance there. */
const faults = { retry: process.env.CI ? 1 : 0 }

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'unit',
          ...turn(0),
          include: [
            'src/**/*.test.ts',
            'test/model/**/*.test.ts',
            'test/races/**/*.test.ts',
            'test/examples/**/*.test.ts',
            'test/drills/**/*.test.ts',
          ],
          environment: 'node',
          setupFiles: ['test/support/answers-setup.ts'],
          // Simulations take seconds of processor time; how long that is depends on what else the machine does.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          ...turn(1),
          ...faults,
          include: ['test/integration/**/*.test.ts'],
          setupFiles: ['test/support/answers-setup.ts'],
          environment: 'node',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'browser',
          ...turn(2),
          ...faults,
          include: ['test/browser/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'k8s',
          ...turn(3),
          ...faults,
          include: ['test/k8s/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          // Servers that wait for each other's timeouts more than they compute.
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'containers',
          ...turn(4),
          include: ['test/containers/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          globalSetup: ['test/support/containers-setup.ts'],
        },
      },
    ],
  },
})
