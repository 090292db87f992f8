/** The configuration files of the local Redis servers and Sentinels: the cluster's settings, on loopback. */
import { createHash } from 'node:crypto'

export interface RedisSettings {
  readonly port: number
  /** The port of the master that it follows; null for the master itself. */
  readonly replicaOf: number | null
}

export interface SentinelSettings {
  readonly port: number
  readonly id: string
  readonly masterName: string
  readonly masterPort: number
  readonly replicaPorts: readonly number[]
  readonly peers: readonly { readonly port: number; readonly id: string }[]
}

/**
 * Milliseconds without an answer after which a Sentinel calls the master down; the cluster uses 5,000.
 * With 1,000 a Sentinel calls a freshly promoted master down as well, because it connects to it only after its own
 * ping period of one second: two of eight failovers were followed by a second one that nobody needed.
 */
export const DOWN_AFTER_MS = 2_000
/** Milliseconds after which a failover attempt counts as failed; the next one starts after twice this. */
export const FAILOVER_TIMEOUT_MS = 3_000

export function renderRedisConfiguration({ port, replicaOf }: RedisSettings): string {
  return lines([
    'bind 127.0.0.1',
    'protected-mode yes',
    `port ${port}`,
    'daemonize no',
    'dir .',
    'dbfilename dump.rdb',
    'save 10800 1',
    'appendonly no',
    'stop-writes-on-bgsave-error no',
    'maxmemory 256mb',
    'maxmemory-policy allkeys-lru',
    'replica-announce-ip 127.0.0.1',
    `replica-announce-port ${port}`,
    // An isolated master stops accepting writes, as in the cluster.
    'min-replicas-to-write 1',
    'min-replicas-max-lag 10',
    'repl-backlog-size 16mb',
    'repl-timeout 30',
    'repl-diskless-sync yes',
    // On one machine there is no gain in waiting for a second replica to join the transfer.
    'repl-diskless-sync-delay 0',
    ...(replicaOf === null ? [] : [`replicaof 127.0.0.1 ${replicaOf}`]),
  ])
}

/** Names all peers and replicas from the start, so that the quorum stands at once instead of after two rounds of hello. */
export function renderSentinelConfiguration(settings: SentinelSettings): string {
  const { masterName } = settings
  return lines([
    'bind 127.0.0.1',
    'protected-mode yes',
    `port ${settings.port}`,
    'daemonize no',
    'dir .',
    'sentinel deny-scripts-reconfig yes',
    `sentinel myid ${settings.id}`,
    'sentinel announce-ip 127.0.0.1',
    `sentinel announce-port ${settings.port}`,
    `sentinel monitor ${masterName} 127.0.0.1 ${settings.masterPort} 2`,
    `sentinel down-after-milliseconds ${masterName} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${masterName} ${FAILOVER_TIMEOUT_MS}`,
    `sentinel parallel-syncs ${masterName} 1`,
    ...settings.replicaPorts.map((port) => `sentinel known-replica ${masterName} 127.0.0.1 ${port}`),
    ...settings.peers.map(({ port, id }) => `sentinel known-sentinel ${masterName} 127.0.0.1 ${port} ${id}`),
  ])
}

/** A Sentinel keeps one identity over all starts of one data folder, so that no ghosts count towards the quorum. */
export function sentinelId(dataDir: string, index: number): string {
  return createHash('sha1').update(`${dataDir}\0sentinel-${index}`).digest('hex')
}

/**
 * The master as a Sentinel last wrote it down.
 * @returns null for a file that no Sentinel has rewritten yet, or of another master name
 */
export function readMonitoredMaster(configuration: string, masterName: string): { port: number; epoch: number } | null {
  const values = new Map<string, string>()
  for (const line of configuration.split('\n')) {
    const [word, directive, name, ...rest] = line.trim().split(/\s+/)
    if (word === 'sentinel' && directive && name === masterName) values.set(directive, rest.join(' '))
  }
  const port = Number(values.get('monitor')?.split(' ')[1])
  if (!Number.isInteger(port)) return null
  return { port, epoch: Number(values.get('config-epoch') ?? 0) }
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
