/** The servers that an instance talks to, and its reports about them. */
import { systemClock } from '../cache/index.ts'
import type { Config } from '../config.ts'
import { LAYERS } from '../domain/layers.ts'
import { primaryOf } from '../postgres/connection.ts'
import { createDatabaseStatus } from '../postgres/database-status.ts'
import { createDatabase } from '../postgres/pool.ts'
import { createPrisma } from '../postgres/prisma.ts'
import { createStatementNames } from '../postgres/statement-names.ts'
import { createRedis } from '../redis/index.ts'
import type { Logger, Metrics, Tracing } from '../telemetry/index.ts'

export interface Telemetry {
  readonly logger: Logger
  readonly metrics: Metrics
  /** Absent where nothing is traced. */
  readonly tracing?: Tracing | undefined
}

export type Connections = ReturnType<typeof createConnections>

export function createConnections(config: Config, { logger, metrics }: Telemetry) {
  const databaseStatus = createDatabaseStatus({
    nowMs: systemClock.wallMs,
    onBegan: ({ code, reason }, cause) => logger.warn({ code, err: cause }, `PostgreSQL: ${reason}`),
    onEnded: ({ code, reason, since, count }) => logger.info({ code, since, count }, `ended: ${reason}`),
  })
  const names = createStatementNames(config.database.pooler, (error) =>
    logger.warn(
      { err: error },
      'the pooler lost a prepared statement: from now on each statement is planned every time',
    ),
  )
  const databaseOptions = { ...config.database, primary: primaryOf(config.database), status: databaseStatus, names }
  const database = createDatabase({ ...databaseOptions, sink: metrics.database })
  const redis = createRedis({
    ...config.redis,
    layers: LAYERS,
    prefix: config.cache.prefix,
    sink: metrics.redis,
    logger,
  })
  return { databaseStatus, databaseOptions, names, database, prisma: createPrisma(database), redis }
}
