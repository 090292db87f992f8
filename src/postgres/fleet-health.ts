/** The cheap part of the fleet's health: saying that Redis answered, and reading the history of its outages. */
import type { JsonObject } from '../domain/model.ts'
import { TIER_LAYERS, type Tier } from '../domain/outage-tiers.ts'
import type { FleetHealth } from '../domain/recovery.ts'
import type { Database } from './pool.ts'

/** Between $1 and $2 milliseconds after the last report; sooner nothing needs saying, later it may have been an outage. */
const REPORT = {
  name: 'report-healthy',
  text: `
WITH reported AS (
  UPDATE cache_health SET last_healthy_at = clock_timestamp()
  WHERE id = 1 AND last_healthy_at BETWEEN clock_timestamp() - $2 * interval '1 millisecond'
                                       AND clock_timestamp() - $1 * interval '1 millisecond'
  RETURNING 1)
SELECT EXISTS (SELECT 1 FROM reported) OR EXISTS (
  SELECT 1 FROM cache_health WHERE last_healthy_at > clock_timestamp() - $1 * interval '1 millisecond') AS continuous`,
}

const HISTORY = {
  name: 'outage-history',
  text: `SELECT started_at, ended_at, tier, recovered_by FROM cache_outages ORDER BY ended_at DESC LIMIT $1`,
}

interface OutageRow {
  started_at: Date
  ended_at: Date
  tier: string
  recovered_by: string
}

export function createFleetHealth(database: Database): FleetHealth & { history(limit: number): Promise<JsonObject[]> } {
  return {
    async reportContinuous({ everyMs, gapMs }) {
      const [row] = await database.query<{ continuous: boolean }>(REPORT, [everyMs, gapMs])
      return row?.continuous ?? false
    },
    async history(limit) {
      const rows = await database.query<OutageRow>(HISTORY, [limit])
      return rows.map(({ started_at, ended_at, tier, recovered_by }) => ({
        startedAt: started_at.toISOString(),
        endedAt: ended_at.toISOString(),
        seconds: (ended_at.getTime() - started_at.getTime()) / 1000,
        tier,
        flushed: [...(TIER_LAYERS[tier as Tier] ?? [])],
        recoveredBy: recovered_by,
      }))
    },
  }
}
