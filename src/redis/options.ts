/**
 * How this service connects to Redis, each option with the incident that taught it. A cache that waits is worse than
 * none.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import type { ConnectionErrors } from './connection-errors.ts'
import { type Credential, present } from './credentials.ts'
import { SCRIPTS } from './scripts.ts'
import { type Endpoint, QuietSentinelConnector, type SentinelObserver } from './sentinel-connector.ts'

/** Where Redis is, and the credentials; in the form that the configuration has. */
export interface RedisSettings {
  /** Names or addresses of the Sentinels: list the Service and each pod, so that one that is gone hides nothing. */
  readonly sentinels?: readonly Endpoint[] | undefined
  /** A single Redis (`redis://` or `rediss://`) for small installations, instead of Sentinels. */
  readonly url?: string | undefined
  readonly masterName?: string | undefined
  readonly db?: number | undefined
  readonly username?: Credential | undefined
  readonly password?: Credential | undefined
  readonly sentinelUsername?: Credential | undefined
  readonly sentinelPassword?: Credential | undefined
  readonly tls?: boolean | undefined
  /** PEM of the authority that signed the servers' certificates; the system's own when absent. */
  readonly tlsCa?: string | undefined
  readonly sentinelTls?: boolean | undefined
  readonly sentinelTlsCa?: string | undefined
  /** Told of each certificate that a server shows, with the end of its validity in milliseconds since 1970. */
  readonly certificateSeen?: ((server: string, validUntilMs: number) => void) | undefined
  /** Where the connections report why they fail. */
  readonly errors?: ConnectionErrors | undefined
}

export type Role = 'master' | 'replica'

/** Replies after which the connection is useless: it leads to a server that is not, or not yet, the master. */
const RECONNECT_AFTER = /^(?:READONLY|UNBLOCKED|LOADING|MASTERDOWN)\b/

/** How soon to look for Sentinels again when none answers: a replica that does not exist is not urgent. */
const SENTINEL_RETRY_MAX_MS = { master: 500, replica: 5000 } as const

/**
 * @param how `random` for jitter, so that instances that lost one server together do not return together; `observer`
 *   hears what the search for the master meets
 */
export function redisOptions(
  settings: RedisSettings,
  role: Role,
  { random = Math.random, observer }: { readonly random?: () => number; readonly observer?: SentinelObserver } = {},
) {
  const jittered = (ms: number) => Math.round(ms * (0.75 + random() / 2))
  return {
    ...address(settings, role, jittered),
    ...(observer && { observer }),
    ...credentials(settings),
    scripts: SCRIPTS,

    // Boot never waits for Redis: the connection is started where it was made, and nothing awaits it.
    lazyConnect: true,
    // Commands of an outage would be kept in memory and answered to nobody (the default; ioredis#1059).
    enableOfflineQueue: false,
    // Commands in flight when a master dies must not run on the next one, long after their callers gave up (default on).
    autoResendUnfulfilledCommands: false,
    // By default a command survives 20 reconnects: half a minute for a cache that should take a millisecond (ioredis#556).
    maxRetriesPerRequest: 0,

    // A host that is gone answers no SYN at all; the kernel would try for two minutes.
    connectTimeout: 1000,
    // A paused or stopped process keeps its connections: without this its clients never leave it (ioredis#139, #1314).
    // It also bounds the handshake, and with it what waits in memory for replies that do not come.
    socketTimeout: 2000,
    // A peer that does not answer our FIN (the other side of a partition) would hold the reconnect for two seconds.
    disconnectTimeout: 200,
    // Under a millisecond on one machine; Nagle's algorithm would make it forty.
    noDelay: true,
    // A firewall that forgets idle connections leaves them half open; the heartbeat finds out, this tells the kernel.
    keepAlive: 10_000,
    // Never gives up: a cache comes back by itself, whenever that is.
    retryStrategy: (attempt: number) => jittered(Math.min(attempt * 50, 500)),

    // The role is in INFO: Sentinels name the old master for a moment after a failover, and a client without this
    // check stays with it (needs the permission +info).
    enableReadyCheck: true,
    // A server that loads its snapshot says so; its own guess of how long it needs may be far too long.
    maxLoadingRetryTime: 250,
    // A demoted master keeps its connections and refuses writes: only a new connection asks the Sentinels again.
    reconnectOnError: (error: Error) => RECONNECT_AFTER.test(error.message),

    // Not pipelined automatically: it waits for the end of the tick, which measured p99 13 ms against 3 ms.
    enableAutoPipelining: false,
    connectionName: `portcullis-${role}`,
  } satisfies RedisOptions & { readonly observer?: SentinelObserver; readonly sentinelCredentials?: object }
}

function address(settings: RedisSettings, role: Role, jittered: (ms: number) => number) {
  const { sentinels, url, db = 0 } = settings
  if (!sentinels) return { ...endpointOf(url ?? 'redis://127.0.0.1:6379', db), ...tls('tls', secure(settings)) }
  return {
    Connector: QuietSentinelConnector,
    sentinels: [...sentinels],
    name: settings.masterName ?? 'mymaster',
    role: role === 'master' ? ('master' as const) : ('slave' as const),
    db,
    ...(role === 'replica' && { preferredSlaves: freshest }),
    ...(secure(settings) && { enableTLSForSentinelMode: true }),
    ...tls('tls', secure(settings)),
    ...tls('sentinelTLS', sentinelTrust(settings)),
    ...(settings.sentinelUsername && { sentinelUsername: present(settings.sentinelUsername) }),
    ...(settings.sentinelPassword && { sentinelPassword: present(settings.sentinelPassword) }),
    // For connections to a Sentinel that are made again (QuietSentinelConnector).
    sentinelCredentials: { username: settings.sentinelUsername, password: settings.sentinelPassword },

    // Subscribes to +switch-master: a master that hangs, or was demoted politely, closes no connection (default off).
    failoverDetector: true,
    // A Sentinel that accepts and does not answer would hold the search for the master; the next one knows too.
    sentinelCommandTimeout: 300,
    // It never removes addresses: each rescheduled pod would leave a dead one that costs a connect timeout per search.
    updateSentinels: false,
    // None answers: search again soon. Endless, because without this the client ends for good (bullmq#3088).
    sentinelRetryStrategy: (attempt: number) => jittered(Math.min(attempt * 50, SENTINEL_RETRY_MAX_MS[role])),
    // The default is a minute, in which a restarted Sentinel's announcement is missed.
    sentinelReconnectStrategy: () => jittered(1000),
  }
}

function endpointOf(url: string, db: number) {
  const { hostname, port, pathname, username, password } = new URL(url)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number(port),
    db: pathname.length > 1 ? Number(pathname.slice(1)) : db,
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  }
}

/** Spread after the address: what is configured by name wins over what stands in the URL. */
function credentials({ username, password }: RedisSettings) {
  return { ...(username && { username: present(username) }), ...(password && { password: present(password) }) }
}

interface Trust {
  readonly ca: string | undefined
  readonly seen: RedisSettings['certificateSeen']
}

function secure(settings: RedisSettings): Trust | false | undefined {
  const { tls, url, tlsCa: ca, certificateSeen: seen } = settings
  return (tls || url?.startsWith('rediss:')) && { ca, seen }
}

function sentinelTrust({ sentinelTls, sentinelTlsCa: ca, certificateSeen: seen }: RedisSettings) {
  return sentinelTls && { ca, seen }
}

function tls<Name extends 'tls' | 'sentinelTLS'>(name: Name, trust: Trust | false | undefined) {
  if (!trust) return trust
  const { ca, seen } = trust
  const check = (host: string, certificate: PeerCertificate) => {
    seen?.(host, Date.parse(certificate.valid_to))
    return checkServerIdentity(host, certificate)
  }
  return { [name]: { ...(ca !== undefined && { ca }), ...(seen && { checkServerIdentity: check }) } }
}

interface KnownReplica {
  readonly ip: string
  readonly port: string
  readonly 'slave-repl-offset'?: string
}

/** The replica that has received most. An older one is safe, because entries are judged, but it misses more. */
function freshest<Replica extends KnownReplica>(replicas: readonly Replica[]): Replica | null {
  const offset = (replica: Replica) => Number(replica['slave-repl-offset'] ?? 0)
  return replicas.reduce<Replica | null>((best, each) => (!best || offset(each) > offset(best) ? each : best), null)
}

/** For one question to one Sentinel on a connection of its own: no second attempt, no waiting. */
export function sentinelQuestionOptions(settings: RedisSettings, { host, port }: Endpoint, timeoutMs: number) {
  return {
    host,
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 100,
    connectionName: 'portcullis-topology',
    ...(settings.sentinelUsername && { username: present(settings.sentinelUsername) }),
    ...(settings.sentinelPassword && { password: present(settings.sentinelPassword) }),
    ...tls('tls', sentinelTrust(settings)),
  } satisfies RedisOptions
}
