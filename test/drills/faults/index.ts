/** All faults, in the order in which they are run. */
import { clockFaults } from './clock.ts'
import { combinedFaults } from './combined.ts'
import type { Fault } from './fault.ts'
import { redisNetworkFaults } from './redis-network.ts'
import { redisProcessFaults } from './redis-processes.ts'
import { serviceFaults } from './service.ts'

export const FAULTS: readonly Fault[] = [
  ...serviceFaults.slice(0, 2),
  ...redisProcessFaults,
  ...redisNetworkFaults,
  ...clockFaults,
  ...serviceFaults.slice(2),
  ...combinedFaults,
]
