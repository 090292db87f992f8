/** The only place where concrete adapters meet; wired by hand, in an order that needs no later patching. */
import { hostname } from 'node:os'
import {
  createEntryCodec,
  createInvalidationIndex,
  createLogFollower,
  createMutationRunner,
  createReadThrough,
  systemClock,
} from './cache/index.ts'
import type { Config } from './config.ts'
import { createAccess, createDisabled } from './domain/access/access.ts'
import { createActions } from './domain/access/actions.ts'
import { createAdministration } from './domain/administration.ts'
import type { MutationContext, Portcullis } from './domain/api.ts'
import { createChangeFeed } from './domain/changes.ts'
import { createCursorCodec } from './domain/cursor.ts'
import { createFreshness } from './domain/freshness.ts'
import { CATALOGUE_BUCKETS, retentionOf } from './domain/keys.ts'
import { createBypassCounters, createLayerCounters, tee } from './domain/layer-counters.ts'
import { LAYERS } from './domain/layers.ts'
import type { JsonObject } from './domain/model.ts'
import { createMutations } from './domain/mutations-api.ts'
import { createRecovery } from './domain/recovery.ts'
import type { Transaction } from './domain/transaction.ts'
import { createCatalogue } from './domain/visibility/catalogue.ts'
import { createCatalogueCheckpoint } from './domain/visibility/catalogue-checkpoint.ts'
import { withVia } from './domain/visibility/effective-groups.ts'
import { createFollowedCatalogue } from './domain/visibility/followed-catalogue.ts'
import { createLayers } from './domain/visibility/layers.ts'
import { createResourcePages } from './domain/visibility/resource-page.ts'
import { createVisibleResources } from './domain/visibility/visible-resources.ts'
import { createAuditTrail } from './postgres/audit-trail.ts'
import { createChangeLog } from './postgres/change-log.ts'
import { createDatabaseStatus } from './postgres/database-status.ts'
import { createDirectory } from './postgres/directory.ts'
import { assertFit, DatabaseUnfitError } from './postgres/fitness.ts'
import { createFleetHealth, outageHistory } from './postgres/fleet-health.ts'
import { removeForeignHistory } from './postgres/foreign-history.ts'
import { readInvalidations } from './postgres/invalidation-history.ts'
import { createInvalidationLog } from './postgres/invalidation-log.ts'
import { createLogRetention, scheduleLogRetention } from './postgres/log-retention.ts'
import { assertMigrated, MigrationError, SchemaOlderError } from './postgres/migrate.ts'
import { createDatabase } from './postgres/pool.ts'
import { createPrisma } from './postgres/prisma.ts'
import { findSilentTables } from './postgres/silent-tables.ts'
import { createCacheSource } from './postgres/source.ts'
import { createUnitOfWork } from './postgres/unit-of-work.ts'
import { createRedis } from './redis/index.ts'
import { createSharedCounter, type WindowCounter, type WindowOptions } from './redis/shared-counter.ts'
import type { Logger, Metrics } from './telemetry/index.ts'

/** A transaction over very many rows (an import) takes this long at most. */
const TRANSACTION_TIMEOUT_MS = 30_000
const REMEMBERED_TAGS_MAX = 200_000
const TOKEN_WAIT_MS = 1000
const RETENTION_JOB_EVERY_MS = 60_000
/** How often the service checks what administrators have done to the database. */
const INSPECT_EVERY_MS = 60_000
const START_RETRY_MS = 500
/** How long a start waits for Redis and for the catalogue; after that the instance is ready without them. */
const WARM_UP_REDIS_MS = 1000
const WARM_UP_PAUSE_MS = 20
const WARM_UP_MAX_MS = 1500
/** How often an instance looks whether the catalogue's checkpoint in Redis is complete. */
const CHECKPOINT_EVERY_MS = 2000
const WATCH_EVERY_MS = 250
/** What ends this soon after the start is most likely the time in which nothing ran. */
const START_MAX_MS = 15_000
const OUTAGES_SHOWN = 20
const CHANGE_STREAMS = { streamsMax: 100, heartbeatMs: 15_000, lifeMs: 300_000 } as const

export interface Composed {
  /**
   * Resolves when the service can answer; earlier requests are told to retry.
   * Rejects with MigrationError when the database's schema is not this version's and does not become it in MIGRATION_WAIT_MS.
   */
  readonly started: Promise<void>
  readonly portcullis: Portcullis
  /** Counts over all instances, for rate limits. */
  readonly sharedCounter: (options: WindowOptions) => WindowCounter
  readonly health: {
    /** Whether requests can be answered; it does not depend on Redis. */
    ready(): boolean
    verbose(): Promise<Record<string, unknown>>
  }
  close(): Promise<void>
}

export function compose(config: Config, { logger, metrics }: { logger: Logger; metrics: Metrics }): Composed {
  const clock = systemClock
  const counters = createLayerCounters()
  const bypasses = createBypassCounters()
  const events = tee(metrics.layers, counters.events)
  const databaseStatus = createDatabaseStatus({
    nowMs: clock.wallMs,
    onBegan: ({ code, reason }, cause) => logger.warn({ code, err: cause }, `PostgreSQL: ${reason}`),
    onEnded: ({ code, reason, since, count }) => logger.info({ code, since, count }, `over: ${reason}`),
  })
  const databaseOptions = { ...config.database, status: databaseStatus }
  const database = createDatabase({ ...databaseOptions, sink: metrics.database })
  const prisma = createPrisma(database)
  const redis = createRedis({
    ...config.redis,
    layers: LAYERS,
    prefix: config.cache.prefix,
    sink: metrics.redis,
    logger,
  })
  const { store } = redis
  const entries = createEntryCodec(config.cursorSecret)
  const cursors = createCursorCodec(config.cursorSecret)
  const changes = createChangeFeed({
    log: createChangeLog({ database, retentionMs: LAYERS.retentionMs.lasting }),
    cursors,
    ...CHANGE_STREAMS,
  })

  const source = createCacheSource(database)
  const catalogue = createCatalogue()
  const index = createInvalidationIndex({ retentionOf, maxTags: REMEMBERED_TAGS_MAX })
  const checkpoint = createCatalogueCheckpoint({
    store,
    entries,
    index,
    clock,
    catalogue,
    bucketCount: CATALOGUE_BUCKETS,
    layer: LAYERS.row('resources'),
    events,
  })
  const followed = createFollowedCatalogue({
    catalogue,
    bucketCount: CATALOGUE_BUCKETS,
    ttlMs: LAYERS.row('resources').ttlMs,
    source,
    checkpoint,
    index,
    clock,
    events,
    onFailed: (cause) =>
      logger.info({ err: cause }, 'the catalogue cannot be loaded now: lists are read by SQL meanwhile'),
  })
  const log = createInvalidationLog({ ...databaseOptions, notify: config.cache.logNotify })
  const follower = createLogFollower({
    log,
    index,
    clock,
    followed,
    pollMs: config.cache.logPollMs,
    boundMs: config.cache.logBoundMs,
    graceMs: config.cache.graceMs,
    retentionMs: LAYERS.retentionMs,
    onTrustChange(trust, cause) {
      if (trust === 'following') logger.info({ trust }, 'following the invalidation log')
      else logger.warn({ trust, err: cause }, 'the invalidation log is out of reach')
    },
    onBatch: ({ rows }) => {
      if (rows.length > 0) changes.wake()
    },
  })

  const pages = createResourcePages(cursors)
  const layers = createLayers({ index, follower, clock, entries, events })
  const freshness = createFreshness({ index, follower, tokenWaitMs: TOKEN_WAIT_MS })
  const visible = createVisibleResources({
    reads: createReadThrough({ store, follower, clock, entries, events }),
    layers,
    catalogue,
    followed,
    index,
    follower,
    clock,
    freshness,
    source,
    pages,
    storeBudgetMs: config.redis.budgetMs,
    bypassed: bypasses.bypassed,
  })

  const { holders, ...directory } = createDirectory({ database, source, cursors })
  const access = createAccess({
    actions: createActions(config.access.actions),
    visible,
    catalogue,
    source,
    holders,
    isDisabled: createDisabled({ groups: visible.effectiveGroups, user: directory.user }),
    freshness,
    cursors,
  })

  const unitOfWork = createUnitOfWork({
    database,
    affectedMax: config.cache.usersMax,
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    notify: config.cache.logNotify,
  })
  const runner = createMutationRunner<Transaction, MutationContext>({
    unitOfWork,
    store,
    index,
    layers: LAYERS,
    onStoreMissed: (event) => metrics.redis.invalidationMissed(event),
  })

  const fleet = createFleetHealth(database)
  const startedAt = clock.wallMs()
  const recovery = createRecovery({
    runner,
    fleet,
    clock,
    thresholds: config.outage,
    instance: `${hostname()}:${process.pid}`,
    onRecovered(outage) {
      metrics.outages.recovered(outage.tier, outage.endedAt.getTime() - outage.startedAt.getTime())
      if (outage.endedAt.getTime() - startedAt < START_MAX_MS && outage.startedAt.getTime() < startedAt)
        logger.info(
          outage,
          'no instance had reported Redis well for a while before this one started: treated as an outage',
        )
      else logger.warn(outage, 'an outage of Redis ended')
    },
    onFailed: (cause) => logger.debug({ err: cause }, 'the fleet could not be told that Redis answers'),
  })
  const watch = setInterval(() => (redis.answers() ? recovery.healthy() : recovery.unhealthy()), WATCH_EVERY_MS)

  metrics.gauges({
    followerLagMs: follower.lagMs,
    followerTrusted: () => follower.trust() === 'following',
    invalidationTagsHeld: () => index.size,
    redisOutageMs: recovery.outageMs,
    databaseQueued: () => database.queued,
    databaseConnections: () => ({ total: database.pool.totalCount, idle: database.pool.idleCount }),
  })

  let migrated = false
  let warm = false
  const closing = new AbortController()

  const foreignRemoved = { rows: 0, checkpoints: 0 }
  let silentTables: readonly string[] = []

  /** What administrators do to a database behind the service's back: restore it, switch its triggers off. */
  async function inspectDatabase(): Promise<void> {
    const removed = await removeForeignHistory(database)
    foreignRemoved.rows += removed.rows
    foreignRemoved.checkpoints += removed.checkpoints
    if (removed.rows + removed.checkpoints > 0)
      logger.warn(removed, 'the log had rows of another history, as a restored database has: they were removed')
    const silent = await findSilentTables(database)
    if (silent.join() !== silentTables.join())
      logger.warn(
        { tables: silent },
        'tables whose triggers do not tell of changes by SQL; enable them, then flush all',
      )
    silentTables = silent
  }

  /** A release and its migrations are applied at once, so the schema may be a moment behind. */
  function createMigrationWait() {
    let sinceMs: number | undefined
    return {
      /** @throws the error itself where waiting is of no use, or has lasted long enough */
      goOn(error: MigrationError): void {
        if (!(error instanceof SchemaOlderError)) throw error
        if (sinceMs === undefined) logger.warn({ reason: error.message }, 'waiting for the migrations')
        sinceMs ??= clock.monotonicMs()
        if (clock.monotonicMs() - sinceMs >= config.database.migrationWaitMs) throw error
      },
      over(): void {
        if (sinceMs !== undefined) logger.info('the migrations have been applied')
      },
    }
  }

  /** Waits for the database as long as it takes; only a schema that stays too old is a reason not to start. */
  async function start(): Promise<void> {
    const migrationWait = createMigrationWait()
    follower.start()
    while (!migrated && !closing.signal.aborted) {
      try {
        await assertFit(databaseOptions)
        databaseStatus.succeeded()
        await database.admitted(() => assertMigrated(database.pool))
        migrationWait.over()
        await inspectDatabase()
        migrated = true
      } catch (error) {
        if (error instanceof DatabaseUnfitError) throw error
        if (error instanceof MigrationError) migrationWait.goOn(error)
        else if (!databaseStatus.failed(error)) logger.warn({ err: error }, 'waiting for the database')
        await clock.sleep(START_RETRY_MS, closing.signal).catch(() => {})
      }
    }
    await follower.ready
    await database.open()
    // The catalogue may lie in Redis, and Redis needs a moment; without it the catalogue is loaded from PostgreSQL.
    for (let waitedMs = 0; !redis.answers() && waitedMs < WARM_UP_REDIS_MS; waitedMs += WARM_UP_PAUSE_MS)
      await clock.sleep(WARM_UP_PAUSE_MS, closing.signal).catch(() => {})
    followed.start(follower)
    const giveUp = new AbortController()
    const waited = clock.sleep(WARM_UP_MAX_MS, AbortSignal.any([giveUp.signal, closing.signal])).catch(() => {})
    // The first readers would all ask PostgreSQL; of a very large catalogue they may.
    await Promise.race([followed.whole(), waited]).finally(() => giveUp.abort())
    warm = true
  }

  const checkpointJob = setInterval(() => {
    if (follower.trust() === 'following')
      void checkpoint
        .save(followed)
        .catch((error: unknown) => logger.info({ err: error }, 'the checkpoint of the catalogue was not saved'))
  }, CHECKPOINT_EVERY_MS)

  const inspection = setInterval(() => void inspectDatabase().catch(() => {}), INSPECT_EVERY_MS)
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

  return {
    started: start(),
    portcullis: {
      reads: {
        ...directory,
        checkToken: freshness.checkToken,
        visibleResources: visible.page,
        visibleResource: visible.one,
        counts: visible.counts,
        auditTrail: createAuditTrail({ prisma, cursors }).entries,
        async effectiveGroups(user, context) {
          const { groups: nodes, cache } = await visible.effectiveGroups(user, context)
          return { groups: withVia(nodes), cache }
        },
      },
      access,
      mutations: createMutations(runner),
      changes,
      cache: createAdministration({
        runner,
        unitOfWork,
        store,
        entries,
        index,
        follower,
        heldEntries: redis.heldEntries,
        prefix: config.cache.prefix,
        parts: {
          redis: async () => (await redis.status()) as JsonObject,
          // An operator needs the rest most when the database cannot be asked.
          outages: async () => ({
            currentMs: Math.round(recovery.outageMs()),
            history: await outageHistory(prisma, OUTAGES_SHOWN).catch(() => 'unavailable'),
          }),
          catalogue: () => ({ resources: catalogue.size, whole: followed.isWhole() }),
          layers: counters.snapshot,
          bypasses: bypasses.snapshot,
        },
        readInvalidations: (query) => readInvalidations(database, query),
      }),
    },
    sharedCounter: (window) =>
      createSharedCounter({ redis: redis.redis, guard: redis.guard, prefix: config.cache.prefix, ...window }),
    health: {
      ready: () => migrated && index.position !== null && warm,
      verbose: async () => ({
        schema: migrated ? 'current' : 'unknown',
        log: { trust: follower.trust(), lagMs: Math.round(follower.lagMs()), foreignRemoved, silentTables },
        database: { ...databaseStatus.describe(), queued: database.queued },
        redis: await redis.status(),
      }),
    },
    async close() {
      closing.abort()
      changes.close()
      retention.stop()
      clearInterval(watch)
      clearInterval(inspection)
      clearInterval(checkpointJob)
      await recovery.settled()
      await followed.close()
      await follower.close()
      await log.close()
      await redis.close()
      await database.close()
    },
  }
}
