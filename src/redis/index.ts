/** The door to Redis: the shared store behind its guard, and its status. */
import type { EntryStore, LayerNames, StoreUnavailableError } from '../cache/index.ts'
import type { BreakerState } from './breaker.ts'
import { type Connection, createConnection } from './connection.ts'
import { type ConnectionErrorEvents, type ConnectionErrors, createConnectionErrors } from './connection-errors.ts'
import { createRedisEntryStore } from './entry-store.ts'
import { createGuard, type Guard, type GuardEvents } from './guard.ts'
import { countHeldEntries, type Named } from './held-entries.ts'
import { createKeys } from './keys.ts'
import type { RedisSettings } from './options.ts'
import { createReplicaReader } from './replica-reader.ts'
import type { ScriptedRedis } from './scripts.ts'
import { createHeartbeat, type Heartbeat, readServerInfo, type ServerInfo } from './server-info.ts'
import { createTopologyReader, type Topology } from './topology.ts'

export type { Topology } from './topology.ts'

export interface RedisDependencies extends RedisSettings {
  readonly prefix: string
  readonly layers: LayerNames
  /** The longest a command may take, in milliseconds. */
  readonly budgetMs: number
  /** Time between heartbeats, in milliseconds. */
  readonly heartbeatMs?: number
  /** Whether replicas are read while the master is out of reach. */
  readonly replicaReads?: 'while-master-is-away' | 'never'
  readonly sink?: RedisSinkLike
  /** Told of connections that fail and of the breaker: pino, console, or the like. */
  readonly logger?: {
    /** Something fails: which connection, and why. */
    warn(fields: object, message: string): void
    /** It is well again. */
    info(fields: object, message: string): void
  }
}

/** The part of the telemetry that this module reports to. */
export interface RedisSinkLike {
  command(name: string, outcome: 'ok' | 'failed' | 'timeout', durationMs: number): void
  breaker(state: BreakerState): void
  /** A connection or a command failed, for a reason in one word. */
  error?(connection: string, reason: string): void
  /** A server showed a certificate that is valid until then, in milliseconds since 1970. */
  certificate?(server: string, validUntilMs: number): void
}

export interface RedisAdapter {
  readonly store: EntryStore
  readonly guard: Guard
  /** Whether the master answers this instance, as far as the last heartbeat told. */
  answers(): boolean
  /** The connection to the master, for what shares it. */
  readonly redis: ScriptedRedis
  /** How many of the named entries exist; null if that is unknown. */
  heldEntries(named: Named): Promise<number | null>
  /** JSON-ready: breaker, server, Sentinels. Never throws; takes half a second at most. */
  status(): Promise<RedisStatus>
  close(): Promise<void>
}

export type RedisStatus = {
  readonly breaker: BreakerState
  readonly awayMs: number
  readonly connected: boolean
  /** What fails now, each with its address and why; empty while all is well. */
  readonly errors: ReturnType<ConnectionErrors['current']>
  readonly replicaReads: 'ready' | 'unavailable' | 'off'
  /** How old the fleet's last write to these data was when the present connection was made; null: there was none. */
  readonly dataAgeAtConnectMs: number | null
  readonly server: ServerInfo | null
  readonly topology: Topology | null
}

const HEARTBEAT_MS = 250
const STATUS_TIMEOUT_MS = 500

/** Returns at once, with or without a Redis; the store answers when there is one. */
export function createRedis(options: RedisDependencies): RedisAdapter {
  const { budgetMs, heartbeatMs = HEARTBEAT_MS, replicaReads = 'while-master-is-away' } = options
  const keys = createKeys(options.prefix, options.layers)
  const errors = createConnectionErrors(errorEventsOf(options))
  const settings: RedisSettings = { ...options, errors, certificateSeen: options.sink?.certificate }
  const connection: Connection = createConnection({ settings, role: 'master', onReady: onConnected })
  const { redis } = connection
  const heartbeat = createHeartbeat({ redis, key: keys.heartbeat })
  const guard: Guard = createGuard({
    budgetMs,
    heartbeatMs,
    heartbeat: heartbeat.beat,
    connected: () => connection.isReady(),
    connectionError: () => connection.lastError,
    distrust: () => connection.reset(),
    events: eventsOf(options, { errors, connection, dataAgeMs: heartbeat.dataAgeMs }),
  })
  const replica =
    options.sentinels && replicaReads === 'while-master-is-away'
      ? createReplicaReader({ settings, keys, budgetMs, heartbeatMs })
      : undefined
  const topology = createTopologyReader({ settings: options, timeoutMs: STATUS_TIMEOUT_MS })

  function onConnected(): void {
    heartbeat.reconnected()
    guard.nudge()
  }

  return {
    store: createRedisEntryStore({ redis, guard, keys, replica }),
    guard,
    redis,
    answers: () => connection.isReady() && heartbeat.proven() && guard.state() === 'closed',
    heldEntries: (named) => countHeldEntries({ redis, guard, keys }, named),
    async status() {
      const [server, sentinels] = await Promise.all([
        guard.admits() ? readServerInfo(redis, budgetMs) : null,
        topology.read(),
      ])
      return {
        breaker: guard.state(),
        awayMs: Math.round(guard.awayMs()),
        connected: connection.isReady(),
        errors: errors.current(),
        replicaReads: replica ? (replica.isHealthy() ? 'ready' : 'unavailable') : 'off',
        dataAgeAtConnectMs: heartbeat.dataAgeMs() ?? null,
        server,
        topology: sentinels,
      }
    },
    async close() {
      guard.close()
      replica?.close()
      connection.close()
    },
  }
}

function eventsOf(
  { sink, logger }: RedisDependencies,
  {
    errors,
    connection,
    dataAgeMs,
  }: Pick<Heartbeat, 'dataAgeMs'> & { errors: ConnectionErrors; connection: Connection },
): GuardEvents {
  return {
    command: sink?.command,
    failed(name, failure) {
      if (failure.cause instanceof Error && isOfTheCommand(failure))
        errors.failed(`command ${name}`, connection.address, failure.cause)
    },
    recovered: (name) => errors.well(`command ${name}`, connection.address),
    breaker(state, { cause, awayMs }) {
      sink?.breaker(state)
      if (state === 'open')
        logger?.warn({ detail: cause?.detail, err: cause?.cause }, 'Redis is away: the breaker opened')
      else
        logger?.info(
          { awayMs: Math.round(awayMs ?? 0), dataAgeMs: dataAgeMs() ?? null },
          'Redis is back: the breaker closed',
        )
    },
  }
}

/** A connection that is gone, or slow, has its own entry, its own metric and the breaker. */
const isOfTheCommand = ({ detail }: StoreUnavailableError): boolean =>
  detail !== 'redis-unavailable' && detail !== 'redis-timeout' && detail !== 'breaker-open'

function errorEventsOf({ sink, logger }: RedisDependencies): ConnectionErrorEvents {
  return {
    failed: (connection, reason) => sink?.error?.(connection, reason),
    changed: ({ connection, address, reason, message }) =>
      logger?.warn({ connection, address, reason }, `Redis, ${connection}${address ? ` ${address}` : ''}: ${message}`),
    recovered: (connection, address) => logger?.info({ connection, address }, `Redis, ${connection}: works again`),
  }
}
