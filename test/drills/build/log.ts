/**
 * A log whose rows nobody looks at, or not at those that commit late, or only later, where the build says so. The position moves all the same, or nothing
 * could be derived.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { InvalidationLog } from '../../../src/cache/index.ts'
import { has, LOG_DELAY_VARIABLE } from './parts.ts'

/** Between reading the log and knowing what it said. */
const DELAY_MS = Number(process.env[LOG_DELAY_VARIABLE] ?? 200)

export function builtLog<Log extends InvalidationLog<unknown>>(log: Log): Log {
  if (has('log-ignored'))
    return {
      ...log,
      readSince: async (since) => ({ ...(await log.readSince(since)), rows: [] }),
      readPast: async () => ({ ...(await log.readPast()), rows: [] }),
    }
  if (has('late-commits-ignored'))
    return { ...log, readSince: (since) => log.readSince({ ...since, xmin: since.xmax, inProgress: [] }) }
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
