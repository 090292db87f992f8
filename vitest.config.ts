import { defineConfig } from 'vitest/config'

/** One group of projects after another; the projects of a group share their workers. */
const inGroup = (groupOrder: number, maxWorkers: number | string) => ({ sequence: { groupOrder }, maxWorkers })

/** Servers that wait for each other's timeouts more than they compute: more workers than processors of a small machine. */
const together = inGroup(2, 3)

/** On a shared machine a clock may stand still for longer than any bound; a fault test gets a second chance there. */
const faults = { retry: process.env.CI ? 1 : 0 }

/** They judge how soon something happens, so nothing runs beside them. */
const ALONE = [
  'any-writer-replicated',
  'expiry',
  'expiry-ends',
  'postgres-failover',
  'process-pause',
  'redis-budget',
  'redis-faults',
  'redis-sentinel',
  'shared-counter',
].map((name) => `test/integration/${name}.test.ts`)

const onServers = {
  environment: 'node',
  pool: 'forks',
  testTimeout: 60_000,
  hookTimeout: 60_000,
  ...faults,
} as const

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'unit',
          ...inGroup(1, '100%'),
          include: [
            'src/**/*.test.ts',
            'test/model/**/*.test.ts',
            'test/races/**/*.test.ts',
            'test/examples/**/*.test.ts',
            'test/drills/**/*.test.ts',
          ],
          environment: 'node',
          setupFiles: ['test/support/answers-setup.ts', 'test/support/properties-setup.ts'],
          // Simulations take seconds of processor time; how long that is depends on what else the machine does.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          ...together,
          ...onServers,
          include: ['test/integration/**/*.test.ts'],
          exclude: ALONE,
          setupFiles: ['test/support/answers-setup.ts', 'test/support/properties-setup.ts'],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'integration-alone',
          ...inGroup(3, 1),
          ...onServers,
          include: ALONE,
          setupFiles: ['test/support/answers-setup.ts', 'test/support/properties-setup.ts'],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'browser',
          ...together,
          ...onServers,
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'k8s',
          ...together,
          ...onServers,
          include: ['test/k8s/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'containers',
          ...inGroup(4, 1),
          include: ['test/containers/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 300_000,
          globalSetup: ['test/support/containers-setup.ts'],
        },
      },
    ],
  },
})
