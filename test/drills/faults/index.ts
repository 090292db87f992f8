/** All faults, in the order in which they are run. */
import { clockFaults } from './clock.ts'
import { combinedFaults } from './combined.ts'
import { databaseFaults } from './database.ts'
import type { Fault } from './fault.ts'
import { outsideFaults } from './outside.ts'
import { redisNetworkFaults } from './redis-network.ts'
import { redisProcessFaults } from './redis-processes.ts'
import { releaseFaults } from './releases.ts'
import { serviceFaults } from './service.ts'

export const FAULTS: readonly Fault[] = [
  ...serviceFaults.slice(0, 2),
  ...redisProcessFaults,
  ...redisNetworkFaults,
  ...clockFaults,
  ...serviceFaults.slice(2),
  ...databaseFaults,
  ...releaseFaults,
  ...outsideFaults,
  ...combinedFaults,
]
