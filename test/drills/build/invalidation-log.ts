/** A log whose rows nobody looks at, where the build says so: the position still moves, or nothing could be derived. */
import { createInvalidationLog as createReal } from '../../../src/postgres/invalidation-log.ts'
import { has } from './parts.ts'

export * from '../../../src/postgres/invalidation-log.ts'

export function createInvalidationLog(...args: Parameters<typeof createReal>): ReturnType<typeof createReal> {
  const log = createReal(...args)
  if (!has('log-ignored')) return log
  return {
    ...log,
    readSince: async (since) => ({ ...(await log.readSince(since)), rows: [] }),
    readPast: async () => ({ ...(await log.readPast()), rows: [] }),
  }
}
