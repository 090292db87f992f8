/** The only place where concrete adapters meet; wired by hand, in an order that needs no later patching. */
import { type Connections, createConnections, type Telemetry } from './composition/connections.ts'
import { createLifecycle } from './composition/lifecycle.ts'
import { createReadPath, type ReadPath } from './composition/read-path.ts'
import { createWrites } from './composition/writes.ts'
import type { Config } from './config.ts'
import { createAccess, createDisabled } from './domain/access/access.ts'
import { createActions } from './domain/access/actions.ts'
import { createAdministration, describeClock } from './domain/administration.ts'
import type { Portcullis } from './domain/api.ts'
import { createChangeFeed } from './domain/changes.ts'
import { createCursorCodec } from './domain/cursor.ts'
import { LAYERS } from './domain/layers.ts'
import type { JsonObject } from './domain/model.ts'
import { createMutations } from './domain/mutations-api.ts'
import { withVia } from './domain/visibility/effective-groups.ts'
import { createAuditTrail } from './postgres/audit-trail.ts'
import { createChangeLog } from './postgres/change-log.ts'
import { createDirectory } from './postgres/directory.ts'
import { outageHistory } from './postgres/fleet-health.ts'
import { readInvalidations } from './postgres/invalidation-history.ts'
import { createScimDirectory } from './postgres/scim-directory.ts'
import { createSharedCounter, type WindowCounter, type WindowOptions } from './redis/shared-counter.ts'

const OUTAGES_SHOWN = 20
const CHANGE_STREAMS = { streamsMax: 100, heartbeatMs: 15_000, lifeMs: 300_000 } as const

export interface Composed {
  /**
   * Resolves when the service can answer; earlier requests get a 503 that says to retry.
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

export function compose(config: Config, telemetry: Telemetry): Composed {
  const connections = createConnections(config, telemetry)
  const { database, databaseStatus, names, redis } = connections
  const changes = createChangeFeed({
    log: createChangeLog({ database, retentionMs: LAYERS.retentionMs.lasting }),
    cursors: createCursorCodec(config.cursorSecret),
    ...CHANGE_STREAMS,
  })
  const readPath = createReadPath(config, connections, telemetry, changes.wake)
  const { follower, history, index } = readPath
  const writes = createWrites(config, connections, readPath, telemetry)
  const lifecycle = createLifecycle(config, connections, readPath, telemetry)

  telemetry.metrics.gauges({
    followerLagMs: follower.lagMs,
    databaseClockBoundMs: () => config.cache.clockBoundMs,
    databaseClock: () => ({ offsetMs: follower.time.offsetMs(), uncertaintyMs: follower.time.uncertaintyMs() }),
    followerTrusted: () => follower.trust() === 'following',
    invalidationTagsHeld: () => index.size,
    redisOutageMs: writes.outageMs,
    databaseQueued: () => database.queued,
    databaseConnections: () => ({ total: database.pool.totalCount, idle: database.pool.idleCount }),
  })

  return {
    started: lifecycle.started,
    portcullis: {
      ...readsOf(config, connections, readPath),
      mutations: createMutations(writes.runner),
      scim: createScimDirectory({ database, idSource: config.scim.idSource }),
      changes,
      cache: administrationOf(config, connections, readPath, writes, telemetry),
    },
    sharedCounter: (window) =>
      createSharedCounter({ redis: redis.redis, guard: redis.guard, prefix: config.cache.prefix, ...window }),
    health: {
      ready: lifecycle.isReady,
      verbose: async () => ({
        schema: lifecycle.isMigrated() ? 'current' : 'unknown',
        log: {
          trust: follower.trust(),
          lagMs: Math.round(follower.lagMs()),
          database: history.followed(),
          ...lifecycle.inspection.found(),
        },
        clock: describeClock(follower.time),
        database: { ...databaseStatus.describe(), queued: database.queued, preparedStatements: names.areKept },
        redis: await redis.status(),
      }),
    },
    async close() {
      lifecycle.stop()
      changes.close()
      await writes.close()
      await readPath.close()
      await redis.close()
      await database.close()
    },
  }
}

function readsOf(
  config: Config,
  { database, prisma }: Connections,
  { source, cursors, freshness, visible, catalogue }: ReadPath,
): Pick<Portcullis, 'reads' | 'access'> {
  const { holders, ...directory } = createDirectory({ database, source, cursors })
  return {
    reads: {
      ...directory,
      checkToken: freshness.checkToken,
      visibleResources: visible.page.bind(visible),
      visibleResource: visible.one.bind(visible),
      counts: visible.counts.bind(visible),
      auditTrail: createAuditTrail({ prisma, cursors }).entries,
      async effectiveGroups(user, context) {
        const { groups: nodes, cache } = await visible.effectiveGroups(user, context)
        return { groups: withVia(nodes), cache }
      },
    },
    access: createAccess({
      actions: createActions(config.access.actions),
      visible,
      catalogue,
      source,
      holders,
      isDisabled: createDisabled({ visible, user: directory.user }),
      freshness,
      cursors,
    }),
  }
}

function administrationOf(
  config: Config,
  { database, prisma, redis }: Connections,
  { entries, index, follower, catalogue, followed, bypasses }: ReadPath,
  { runner, unitOfWork, outageMs }: ReturnType<typeof createWrites>,
  { metrics }: Telemetry,
): Portcullis['cache'] {
  return createAdministration({
    runner,
    unitOfWork,
    store: redis.store,
    entries,
    index,
    follower,
    heldEntries: redis.heldEntries,
    prefix: config.cache.prefix,
    parts: {
      redis: async () => (await redis.status()) as JsonObject,
      // An operator needs the rest most when the database cannot be asked.
      outages: async () => ({
        currentMs: Math.round(outageMs()),
        history: await outageHistory(prisma, OUTAGES_SHOWN).catch(() => 'unavailable'),
      }),
      database: () => ({
        queued: database.queued,
        connections: database.pool.totalCount,
        idle: database.pool.idleCount,
        connectionsMax: config.database.poolMax,
      }),
      requests: () => metrics.http.durations() as unknown as JsonObject,
      catalogue: () => ({ resources: catalogue.size, whole: followed.isWhole() }),
      layers: () => Object.fromEntries(LAYERS.names.map((layer) => [layer, metrics.layers.counts(layer)])),
      bypasses: bypasses.snapshot,
    },
    readInvalidations: (query) => readInvalidations(database, query),
  })
}
