/** One connection to the master (or a replica) that looks for it again for as long as it is not closed by us. */
import { Redis } from 'ioredis'
import { keepPresent } from './credentials.ts'
import { type RedisSettings, type Role, redisOptions } from './options.ts'
import { dropConnectionsWithUnreadableReplies } from './replies.ts'
import type { ScriptedRedis } from './scripts.ts'

export interface Connection {
  readonly redis: ScriptedRedis
  isReady(): boolean
  /** Where it leads; null until known. */
  readonly address: string | null
  /** Why there is no connection, as last heard; undefined while there is one. */
  readonly lastError: Error | undefined
  /** Drops the connection and makes another: its replies cannot be trusted, or its server is the wrong one. */
  reset(): void
  close(): void
}

export interface ConnectionOptions {
  readonly settings: RedisSettings
  readonly role: Role
  /** Called each time the connection is usable. */
  readonly onReady?: () => void
  readonly random?: () => number
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000

/** Starts connecting at once and returns without waiting. */
export function createConnection({ settings, role, onReady, random = Math.random }: ConnectionOptions): Connection {
  dropConnectionsWithUnreadableReplies()
  const { errors } = settings
  let address = settings.sentinels ? null : addressOfUrl(settings.url)
  const observer = errors && {
    answered: (sentinel: string) => errors.well('sentinel', sentinel),
    failed: (sentinel: string, error: Error) => errors.failed('sentinel', sentinel, printableError(error)),
    resolved: (server: string | null) => {
      address = server
    },
  }
  const redis = new Redis(redisOptions(settings, role, { random, ...(observer && { observer }) })) as ScriptedRedis
  const { username, password, sentinelUsername, sentinelPassword } = settings
  keepPresent(redis, { username, password, sentinelUsername, sentinelPassword })
  let closed = false
  let lastError: Error | undefined
  let pauseMs = FIRST_PAUSE_MS
  let timer: NodeJS.Timeout | undefined

  function connect(): void {
    // Failures arrive as events, and are followed by another attempt; there is nothing to do here.
    redis.connect().catch(() => {})
  }

  // Without a listener each failed attempt is printed with its stack.
  redis.on('error', (error: Error) => {
    const refusedSelect = isRefusedSelect(error)
    // The end of the list of Sentinels: what each of them said was heard by the observer, and when the last one led to a
    // server that could not be used, they said nothing wrong.
    if (error.message.startsWith('All sentinels are unreachable')) {
      if (error.message.includes('Last error')) lastError = error
      return
    }
    lastError = printableError(error)
    errors?.failed(role, address, lastError)
    // ioredis calls a connection ready whose SELECT was refused (fewer databases than before, a user who may not
    // select): it would go on in database 0, among keys that may be another installation's.
    if (refusedSelect) redis.disconnect(true)
  })
  redis.on('ready', () => {
    lastError = undefined
    errors?.well(role, address)
    pauseMs = FIRST_PAUSE_MS
    onReady?.()
  })
  // A client that is disconnected while it asks Sentinels for the master (the master is killed while one Sentinel hangs)
  // ends for good, whatever its retry strategy says (bullmq#4378, #3088). Only our own close may end it.
  redis.on('end', () => {
    if (closed) return
    timer = setTimeout(connect, pauseMs * (0.5 + random()))
    timer.unref()
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  })
  connect()

  return {
    redis,
    isReady: () => redis.status === 'ready',
    get address() {
      return address
    },
    get lastError() {
      return lastError
    },
    reset() {
      if (!closed) redis.disconnect(true)
    },
    close() {
      closed = true
      clearTimeout(timer)
      redis.disconnect()
    },
  }
}

function isRefusedSelect(error: Error): boolean {
  return (error as { command?: { name?: string } }).command?.name === 'select'
}

/**
 * The error of a refused AUTH contains the command, and so the password. The error of a refused certificate contains
 * all of it, in a circular structure.
 */
function printableError(error: Error & { command?: unknown; cert?: unknown }): Error {
  delete error.command
  delete error.cert
  return error
}

function addressOfUrl(url: string | undefined): string | null {
  return url === undefined ? null : (URL.parse(url)?.host ?? null)
}
