/** Finds a Redis or Valkey server on this machine, or fetches one with the system's package manager. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { fetchRedis, type RedisBinary, unpackedRedis } from './redis-packages.ts'

/** Older ones lack what the cache's scripts and the client's handshake use. */
const OLDEST_MAJOR = 6

const WAYS_OUT = `There is no redis-server (or valkey-server) on this machine, and it could not be fetched. Three ways on:
  1. install it with a package manager:   apt-get install redis-tools · dnf install valkey · apk add valkey · brew install redis
  2. run everything in Docker:            docker compose up
  3. use a Redis that runs elsewhere:     REDIS_SENTINELS=host:26379,host:26379,host:26379 npm start`

export class NoRedisError extends Error {
  readonly code = 'no-redis'
  constructor(cause?: Error) {
    super(cause ? `${WAYS_OUT}\n\nWhat was tried: ${cause.message}` : WAYS_OUT, { cause })
  }
}

/**
 * @param toolsDir where a server may be unpacked that this user cannot install
 * @throws NoRedisError with the three ways out
 */
export async function findRedis(options: {
  readonly toolsDir: string
  readonly log: (message: string) => void
  readonly searchPath?: string
}): Promise<RedisBinary> {
  const present = presentRedis(options.searchPath ?? process.env.PATH ?? '')
  if (present) return present
  const unpacked = usable(unpackedRedis(options.toolsDir))
  if (unpacked) return unpacked
  try {
    const fetched = await fetchRedis(options)
    const found = 'unpacked' in fetched ? usable(fetched.unpacked ?? null) : presentRedis(process.env.PATH ?? '')
    if (found) return found
  } catch (error) {
    throw new NoRedisError(error as Error)
  }
  throw new NoRedisError()
}

function presentRedis(searchPath: string): RedisBinary | null {
  const folders = [...searchPath.split(path.delimiter), '/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin']
  for (const candidate of candidates()) {
    for (const folder of folders) {
      const command = path.join(folder, candidate.command)
      const found = folder !== '' && isExecutable(command) && usable({ ...candidate, command })
      if (found) return found
    }
  }
  return null
}

/** Debian's redis-tools brings no redis-server, but the same multi-call binary under another name. */
function candidates(): RedisBinary[] {
  return [
    { command: 'redis-server' },
    { command: 'valkey-server' },
    { command: 'redis-check-rdb', argv0: 'redis-server' },
    { command: 'valkey-check-rdb', argv0: 'valkey-server' },
  ]
}

function usable(binary: RedisBinary | null): RedisBinary | null {
  if (binary === null) return null
  const { stdout, status } = spawnSync(binary.command, ['--version'], {
    encoding: 'utf8',
    timeout: 5_000,
    ...(binary.argv0 ? { argv0: binary.argv0 } : {}),
    ...(binary.env ? { env: binary.env } : {}),
  })
  return status === 0 && (serverMajor(stdout) ?? 0) >= OLDEST_MAJOR ? binary : null
}

/** The major version in `Redis server v=7.0.15 …` or `Valkey server v=8.1.1 …`. */
export function serverMajor(version: string): number | null {
  const major = /^(?:Redis|Valkey|Server).* v=(\d+)\./i.exec(version)?.[1]
  return major === undefined ? null : Number(major)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
