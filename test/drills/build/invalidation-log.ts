/**
 * A log whose rows nobody looks at, or only later, where the build says so. The position moves all the same, or nothing
 * could be derived.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createInvalidationLog as createReal } from '../../../src/postgres/invalidation-log.ts'
import { has, LOG_DELAY_VARIABLE } from './parts.ts'

export * from '../../../src/postgres/invalidation-log.ts'

/** Between reading the log and knowing what it said. */
const DELAY_MS = Number(process.env[LOG_DELAY_VARIABLE] ?? 200)

export function createInvalidationLog(...args: Parameters<typeof createReal>): ReturnType<typeof createReal> {
  const log = createReal(...args)
  if (has('log-ignored'))
    return {
      ...log,
      readSince: async (since) => ({ ...(await log.readSince(since)), rows: [] }),
      readPast: async () => ({ ...(await log.readPast()), rows: [] }),
    }
  if (!has('slow-log')) return log
  return {
    ...log,
    async readSince(since) {
      const batch = await log.readSince(since)
      await sleep(DELAY_MS)
      return batch
    },
  }
}
