/** The cache: what follows the log of invalidations, and the reads that it answers. */
import {
  createEntryCodec,
  createInvalidationIndex,
  createLogFollower,
  createReadThrough,
  systemClock,
} from '../cache/index.ts'
import type { Config } from '../config.ts'
import { createBypassCounters } from '../domain/bypass-counters.ts'
import { createCursorCodec } from '../domain/cursor.ts'
import { createFreshness } from '../domain/freshness.ts'
import { CATALOGUE_BUCKETS, retentionOf } from '../domain/keys.ts'
import { LAYERS } from '../domain/layers.ts'
import { createCatalogue } from '../domain/visibility/catalogue.ts'
import { createCatalogueCheckpoint } from '../domain/visibility/catalogue-checkpoint.ts'
import { createFollowedCatalogue, type FollowedCatalogue } from '../domain/visibility/followed-catalogue.ts'
import { createLayers } from '../domain/visibility/layers.ts'
import { createResourcePages } from '../domain/visibility/resource-page.ts'
import { createVisibleResources } from '../domain/visibility/visible-resources.ts'
import { createInvalidationLog } from '../postgres/invalidation-log.ts'
import { createCacheSource } from '../postgres/source.ts'
import type { Tracing } from '../telemetry/index.ts'
import type { Connections, Telemetry } from './connections.ts'
import { createHistoryWatch } from './history-watch.ts'

const REMEMBERED_TAGS_MAX = 200_000
const TOKEN_WAIT_MS = 1000

export type ReadPath = ReturnType<typeof createReadPath>

/** @param onLogRows called in the step in which the position moves over rows of the log */
export function createReadPath(config: Config, connections: Connections, telemetry: Telemetry, onLogRows: () => void) {
  const common = createCommon(config, connections, telemetry)
  const { clock, store, entries, events, index } = common
  const cursors = createCursorCodec(config.cursorSecret)
  const bypasses = createBypassCounters()
  const { source, catalogue, checkpoint, followed } = createFollowed(connections, telemetry, common)
  const { log, follower, history } = createFollowing(config, connections, telemetry, { ...common, followed, onLogRows })
  const freshness = createFreshness({ index, follower, tokenWaitMs: TOKEN_WAIT_MS })
  const visible = createVisibleResources({
    reads: createReadThrough({ store, follower, clock, entries, events }),
    layers: createLayers({ index, follower, clock, entries, events }),
    catalogue,
    followed,
    index,
    follower,
    clock,
    freshness,
    source,
    pages: createResourcePages(cursors),
    bypassed: bypasses.bypassed,
  })

  return {
    cursors,
    entries,
    source,
    index,
    catalogue,
    checkpoint,
    followed,
    follower,
    history,
    freshness,
    visible,
    bypasses,
    async close() {
      await followed.close()
      await follower.close()
      await log.close()
    },
  }
}

type Common = ReturnType<typeof createCommon>

/** What every part of the read path is made of. */
function createCommon(config: Config, { redis }: Connections, { metrics, tracing }: Telemetry) {
  const traced: Tracing['traced'] = (name, target, methods) => tracing?.traced(name, target, methods) ?? target
  return {
    clock: systemClock,
    traced,
    store: traced('cache', redis.store, ['open', 'fill', 'read', 'takeLeases']),
    entries: createEntryCodec(config.cursorSecret),
    events: metrics.layers,
    index: createInvalidationIndex({ retentionOf, maxTags: REMEMBERED_TAGS_MAX }),
  }
}

/** The catalogue, which follows the log, and where it is loaded from. */
function createFollowed({ database }: Connections, { logger }: Telemetry, common: Common) {
  const { ttlMs, leaseMs, shape } = LAYERS.row('resources')
  const source = common.traced('load', createCacheSource(database), [
    'effectiveGroups',
    'visibleList',
    'visible',
    'visibleOne',
  ])
  const catalogue = createCatalogue()
  const bucketCount = CATALOGUE_BUCKETS
  const layer = { ttlMs, leaseMs, shape }
  const checkpoint = createCatalogueCheckpoint({ ...common, catalogue, bucketCount, layer })
  const followed = createFollowedCatalogue({
    ...common,
    catalogue,
    bucketCount,
    ttlMs,
    source,
    checkpoint,
    onFailed: (cause) =>
      logger.info({ err: cause }, 'the catalogue cannot be loaded now: until then, lists are read by SQL'),
  })
  return { source, catalogue, checkpoint, followed }
}

function createFollowing(
  config: Config,
  { databaseOptions }: Connections,
  { logger, metrics }: Telemetry,
  { clock, traced, index, followed, onLogRows }: Common & { followed: FollowedCatalogue; onLogRows: () => void },
) {
  const log = traced('log', createInvalidationLog({ ...databaseOptions, notify: config.cache.logNotify }), [
    'readSince',
  ])
  const history = createHistoryWatch(logger, clock.wallMs)
  const follower = createLogFollower({
    log,
    index,
    clock,
    followed,
    pollMs: config.cache.logPollMs,
    silentPollMs: config.cache.logSilentPollMs,
    boundMs: config.cache.logBoundMs,
    graceMs: config.cache.graceMs,
    clockBoundMs: config.cache.clockBoundMs,
    retentionMs: LAYERS.retentionMs,
    onTrustChange(trust, cause) {
      if (trust === 'following') logger.info({ trust }, 'following the invalidation log')
      else logger.warn({ trust, err: cause }, 'the invalidation log cannot be read')
    },
    onBatch(batch) {
      const { position, rows, agesMs = [] } = batch
      history.follow(position.database)
      // Rows that were written before this instance began to follow are not late.
      if (!('floor' in batch)) agesMs.forEach(metrics.database.invalidationVisible)
      if (rows.length > 0) onLogRows()
    },
  })
  return { log, follower, history }
}
