/** Mutations with their invalidation, and the recovery after an outage, which is one of them. */
import { hostname } from 'node:os'
import { createMutationRunner, systemClock } from '../cache/index.ts'
import type { Config } from '../config.ts'
import type { MutationContext } from '../domain/api.ts'
import { LAYERS } from '../domain/layers.ts'
import { createRecovery } from '../domain/recovery.ts'
import type { Transaction } from '../domain/transaction.ts'
import { createFleetHealth } from '../postgres/fleet-health.ts'
import { paced } from '../postgres/transaction/organisation-import.ts'
import { createUnitOfWork } from '../postgres/unit-of-work.ts'
import type { Connections, Telemetry } from './connections.ts'
import type { ReadPath } from './read-path.ts'

/** A transaction over very many rows (an import) takes this long at most. */
const TRANSACTION_TIMEOUT_MS = 30_000
/** An import that is over sooner says nothing of its progress. */
const IMPORT_PROGRESS_EVERY_MS = 2000
/** How often an instance notes whether Redis answers. */
const WATCH_EVERY_MS = 250
/** An outage that ends this soon after the start is most likely the time in which no instance ran. */
const START_MAX_MS = 15_000

export function createWrites(
  config: Config,
  { database, redis }: Connections,
  { index }: Pick<ReadPath, 'index'>,
  { logger, metrics }: Telemetry,
) {
  const clock = systemClock
  const unitOfWork = createUnitOfWork({
    database,
    affectedMax: config.cache.usersMax,
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    notify: config.cache.logNotify,
    onImportProgress: paced(IMPORT_PROGRESS_EVERY_MS, clock.monotonicMs, ({ written, total }) =>
      logger.info({ written, total }, `importing: ${written} of ${total} items are written`),
    ),
  })
  const runner = createMutationRunner<Transaction, MutationContext>({
    unitOfWork,
    store: redis.store,
    index,
    layers: LAYERS,
    onStoreMissed: (event) => metrics.redis.invalidationMissed(event),
  })
  const startedAt = clock.wallMs()
  const recovery = createRecovery({
    runner,
    fleet: createFleetHealth(database),
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
    onFailed: (cause) => logger.debug({ err: cause }, 'the other instances could not be notified that Redis answers'),
  })
  const watch = setInterval(() => (redis.answers() ? recovery.healthy() : recovery.unhealthy()), WATCH_EVERY_MS)

  return {
    unitOfWork,
    runner,
    outageMs: recovery.outageMs,
    async close() {
      clearInterval(watch)
      await recovery.settled()
    },
  }
}
