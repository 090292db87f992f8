/** The service's log as the build has it. */
import { createInvalidationLog as createReal } from '../../../src/postgres/invalidation-log.ts'
import { builtLog } from './log.ts'

export * from '../../../src/postgres/invalidation-log.ts'

export function createInvalidationLog(...args: Parameters<typeof createReal>): ReturnType<typeof createReal> {
  return builtLog(createReal(...args))
}
