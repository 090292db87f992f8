/** What the fleet knows of Redis. */
import type { Transaction } from '../../domain/transaction.ts'
import type { Statement } from '../pool.ts'
import type { Session } from '../session.ts'

// The row is the locked one, as it is after any wait, and the clock is read when it is had.
const LOCK: Statement = {
  name: 'lock-health',
  text: `
WITH locked AS MATERIALIZED (SELECT last_healthy_at FROM cache_health WHERE id = 1 FOR UPDATE)
SELECT last_healthy_at AS "lastHealthyAt", clock_timestamp() AS now FROM locked`,
}
const REPORT = 'UPDATE cache_health SET last_healthy_at = clock_timestamp() WHERE id = 1'
const RECORD = 'INSERT INTO cache_outages (started_at, ended_at, tier, recovered_by) VALUES ($1, $2, $3, $4)'

export function healthIn(session: Session): Transaction['health'] {
  return {
    async lock() {
      const [row] = await session.query<{ lastHealthyAt: Date | null; now: Date }>(LOCK, [])
      return row ?? { lastHealthyAt: null, now: new Date() }
    },
    reportHealthy: () => session.write({ name: 'report-health', parts: [REPORT], values: [] }),
    recordOutage: ({ startedAt, endedAt, tier, recoveredBy }) =>
      session.write({ name: 'record-outage', parts: [RECORD], values: [startedAt, endedAt, tier, recoveredBy] }),
  }
}
