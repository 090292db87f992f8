/**
 * Reads from a replica while the master is out of reach. A replica may be behind, and may have missed deletes.
 * This is safe because every entry is judged by its stamp like any other.
 */
import type { EntryRead, ReadRequest, StoreWait } from '../cache/index.ts'
import { type Connection, createConnection } from './connection.ts'
import { readEntry } from './entry-reader.ts'
import { createGuard, type Guard, runWithin } from './guard.ts'
import type { Keys } from './keys.ts'
import type { RedisSettings } from './options.ts'

export interface ReplicaReader {
  /** Connected, and answering as far as is known. */
  isHealthy(): boolean
  /** @throws StoreUnavailableError */
  read(request: ReadRequest, wait?: StoreWait): Promise<EntryRead>
  close(): void
}

export interface ReplicaReaderOptions {
  readonly settings: RedisSettings
  readonly keys: Keys
  readonly budgetMs: number
  readonly heartbeatMs: number
}

export function createReplicaReader({ settings, keys, budgetMs, heartbeatMs }: ReplicaReaderOptions): ReplicaReader {
  const connection: Connection = createConnection({ settings, role: 'replica', onReady: () => guard.nudge() })
  const { redis } = connection
  const guard: Guard = createGuard({
    budgetMs,
    heartbeatMs,
    // A read rather than a PING: a replica that has lost its master may be set to refuse reads.
    heartbeat: () => redis.exists(keys.heartbeat),
    connectionError: () => connection.lastError,
    distrust: () => connection.reset(),
  })

  return {
    isHealthy: () => connection.isReady() && guard.admits(),
    read: (request, wait) => runWithin(guard, wait, 'replica-read', () => readEntry(redis, keys, request)),
    close() {
      guard.close()
      connection.close()
    },
  }
}
