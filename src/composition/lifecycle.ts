/** The life of an instance: when it is ready, and its background jobs. */
import { systemClock } from '../cache/index.ts'
import type { Config } from '../config.ts'
import { LAYERS } from '../domain/layers.ts'
import { createEndedAccess, scheduleEndedAccess } from '../postgres/ended-access.ts'
import { assertFit, DatabaseUnfitError } from '../postgres/fitness.ts'
import { createLogRetention, scheduleLogRetention } from '../postgres/log-retention.ts'
import { assertMigrated, MigrationError, SchemaOlderError } from '../postgres/migrate.ts'
import type { Connections, Telemetry } from './connections.ts'
import { createDatabaseInspection, type DatabaseInspection } from './database-inspection.ts'
import type { ReadPath } from './read-path.ts'

const RETENTION_JOB_EVERY_MS = 60_000
/** How often the service checks what administrators have done to the database. */
const INSPECT_EVERY_MS = 60_000
/** How often an instance looks whether the catalogue's checkpoint in Redis is complete. */
const CHECKPOINT_EVERY_MS = 2000
const START_RETRY_MS = 500
/** How long a start waits for Redis and for the catalogue; after that the instance is ready without them. */
const WARM_UP_REDIS_MS = 1000
const WARM_UP_PAUSE_MS = 20
const WARM_UP_MAX_MS = 850

export interface Lifecycle {
  /**
   * Resolves when the service can answer. @throws {MigrationError} {@link DatabaseUnfitError} if waiting does not help
   */
  readonly started: Promise<void>
  isReady(): boolean
  isMigrated(): boolean
  readonly inspection: Pick<DatabaseInspection, 'found'>
  /** Ends the start and the jobs. */
  stop(): void
}

export function createLifecycle(
  config: Config,
  connections: Connections,
  readPath: ReadPath,
  telemetry: Telemetry,
): Lifecycle {
  const { databaseOptions, database, databaseStatus } = connections
  const { logger } = telemetry
  const inspection = createDatabaseInspection(database, logger)
  const closing = new AbortController()
  let migrated = false
  let warm = false

  /** Waits for the database as long as it takes; only a schema that stays too old is a reason not to start. */
  async function start(): Promise<void> {
    const migrationWait = createMigrationWait(config, telemetry)
    readPath.follower.start()
    while (!migrated && !closing.signal.aborted) {
      try {
        await assertFit(databaseOptions)
        databaseStatus.succeeded()
        await database.admitted(() => assertMigrated(database.pool))
        migrationWait.over()
        await inspection.run()
        migrated = true
      } catch (error) {
        if (error instanceof DatabaseUnfitError) throw error
        if (error instanceof MigrationError) migrationWait.goOn(error)
        else if (!databaseStatus.failed(error)) logger.warn({ err: error }, 'waiting for the database')
        await systemClock.sleep(START_RETRY_MS, closing.signal).catch(() => {})
      }
    }
    await readPath.follower.ready
    await database.open()
    await warmUp(connections, readPath, closing.signal)
    warm = true
  }

  const stopJobs = startJobs(connections, readPath, telemetry, inspection)
  const ending = endAccess(config, connections, telemetry, () => migrated)
  return {
    started: start(),
    isReady: () => migrated && readPath.index.position !== null && warm,
    isMigrated: () => migrated,
    inspection,
    stop() {
      closing.abort()
      ending.stop()
      stopJobs()
    },
  }
}

/** A release and its migrations are applied at once, so the schema may be a moment behind. */
function createMigrationWait(config: Config, { logger }: Telemetry) {
  let sinceMs: number | undefined
  return {
    /** @throws the error itself if waiting does not help, or has lasted long enough */
    goOn(error: MigrationError): void {
      if (!(error instanceof SchemaOlderError)) throw error
      if (sinceMs === undefined) logger.warn({ reason: error.message }, 'waiting for the migrations')
      sinceMs ??= systemClock.monotonicMs()
      if (systemClock.monotonicMs() - sinceMs >= config.database.migrationWaitMs) throw error
    },
    over(): void {
      if (sinceMs !== undefined) logger.info('the migrations have been applied')
    },
  }
}

/**
 * Otherwise the first readers would all ask PostgreSQL; with a very large catalogue they may. And the first query of an
 * administrator would stop every reader.
 */
async function warmUp(
  { redis, prisma }: Connections,
  { followed, follower }: ReadPath,
  closing: AbortSignal,
): Promise<void> {
  const pause = (ms: number, signal = closing) => systemClock.sleep(ms, signal).catch(() => {})
  // The catalogue may be in Redis, and Redis needs a moment; without it the catalogue is loaded from PostgreSQL.
  for (let waitedMs = 0; !redis.answers() && waitedMs < WARM_UP_REDIS_MS; waitedMs += WARM_UP_PAUSE_MS)
    await pause(WARM_UP_PAUSE_MS)
  followed.start(follower)
  const giveUp = new AbortController()
  const waited = pause(WARM_UP_MAX_MS, AbortSignal.any([giveUp.signal, closing]))
  await Promise.race([Promise.all([followed.whole(), prisma.open()]), waited]).finally(() => giveUp.abort())
}

/** Announces and removes what has ended, as it ends. */
function endAccess(
  config: Config,
  { database }: Connections,
  { logger, metrics }: Telemetry,
  isReady: () => boolean,
): { stop(): void } {
  const ending = scheduleEndedAccess({
    endedAccess: createEndedAccess(database, { notify: config.cache.logNotify }),
    clock: systemClock,
    everyMs: config.database.expiryCheckMs,
    isReady,
    events: {
      ended: ({ memberships, grants }) => metrics.database.accessEnded(memberships, grants),
      failed: metrics.database.endingFailed,
      changed(state, cause) {
        if (state === 'working') logger.info('ended access is announced again')
        else logger.warn({ err: cause }, 'ended access cannot be announced; readers do not see it any more')
      },
    },
  })
  metrics.gauges({ endsOverdueMs: ending.overdueMs })
  return ending
}

/** @returns a function that stops them */
function startJobs(
  { database }: Connections,
  { checkpoint, followed, follower }: ReadPath,
  { logger, metrics }: Telemetry,
  inspection: DatabaseInspection,
): () => void {
  const checkpointJob = setInterval(() => {
    if (follower.trust() === 'following')
      void checkpoint
        .save(followed)
        .catch((error: unknown) => logger.info({ err: error }, 'the checkpoint of the catalogue was not saved'))
  }, CHECKPOINT_EVERY_MS)
  const inspectionJob = setInterval(() => void inspection.run().catch(() => {}), INSPECT_EVERY_MS)
  const retention = scheduleLogRetention({
    retention: createLogRetention({ database, retentionMs: LAYERS.retentionMs.lasting }),
    everyMs: RETENTION_JOB_EVERY_MS,
    events: {
      failed: metrics.database.retentionFailed,
      changed(state, cause) {
        if (state === 'working') logger.info('the invalidation log is pruned again')
        else logger.warn({ err: cause }, 'the invalidation log cannot be pruned')
      },
    },
  })
  return () => {
    clearInterval(checkpointJob)
    clearInterval(inspectionJob)
    retention.stop()
  }
}
