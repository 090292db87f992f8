/** The cheap part of the fleet's health: saying that Redis answered, and reading the history of its outages. */
import type { JsonObject } from '../domain/model.ts'
import { TIER_LAYERS, type Tier } from '../domain/outage-tiers.ts'
import type { FleetHealth } from '../domain/recovery.ts'
import type { Database, Statement } from './pool.ts'
import type { PrismaReads } from './prisma.ts'

/** Between $1 and $2 milliseconds after the last report; sooner nothing needs saying, later it may have been an outage. */
const REPORT: Statement = {
  name: 'report-healthy',
  writes: true,
  text: `
WITH reported AS (
  UPDATE cache_health SET last_healthy_at = clock_timestamp()
  WHERE id = 1 AND last_healthy_at BETWEEN clock_timestamp() - $2 * interval '1 millisecond'
                                       AND clock_timestamp() - $1 * interval '1 millisecond'
  RETURNING 1)
SELECT EXISTS (SELECT 1 FROM reported) OR EXISTS (
  SELECT 1 FROM cache_health WHERE last_healthy_at > clock_timestamp() - $1 * interval '1 millisecond') AS continuous`,
}

export function createFleetHealth(database: Database): FleetHealth {
  return {
    async reportContinuous({ everyMs, gapMs }) {
      const [row] = await database.query<{ continuous: boolean }>(REPORT, [everyMs, gapMs])
      return row?.continuous ?? false
    },
  }
}

/** The latest outages, newest first. */
export async function outageHistory(prisma: PrismaReads, limit: number): Promise<JsonObject[]> {
  const outages = await prisma.ask(({ cacheOutage }) =>
    cacheOutage.findMany({ orderBy: { endedAt: 'desc' }, take: limit }),
  )
  return outages.map(({ startedAt, endedAt, tier, recoveredBy }) => ({
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    seconds: (endedAt.getTime() - startedAt.getTime()) / 1000,
    tier,
    flushed: [...(TIER_LAYERS[tier as Tier] ?? [])],
    recoveredBy,
  }))
}
