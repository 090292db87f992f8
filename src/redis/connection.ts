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
export function createConnection(options: ConnectionOptions): Connection {
  return new RepeatedConnection(options)
}

class RepeatedConnection implements Connection {
  readonly redis: ScriptedRedis
  address: string | null
  lastError: Error | undefined
  readonly #options: ConnectionOptions
  #isClosed = false
  #pauseMs = FIRST_PAUSE_MS
  #timer: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    dropConnectionsWithUnreadableReplies()
    this.#options = options
    const { settings, role } = options
    this.address = settings.sentinels ? null : addressOfUrl(settings.url)
    this.redis = new Redis(redisOptions(settings, role, this.#watching())) as ScriptedRedis
    const { username, password, sentinelUsername, sentinelPassword } = settings
    keepPresent(this.redis, { username, password, sentinelUsername, sentinelPassword })
    // Without a listener each failed attempt is printed with its stack.
    this.redis.on('error', (error: Error) => this.#failed(error))
    this.redis.on('ready', () => this.#succeeded())
    this.redis.on('end', () => this.#ended())
    this.#connect()
  }

  isReady(): boolean {
    return this.redis.status === 'ready'
  }

  reset(): void {
    if (!this.#isClosed) this.redis.disconnect(true)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.redis.disconnect()
  }

  #connect(): void {
    // Failures arrive as events, and are followed by another attempt; there is nothing to do here.
    this.redis.connect().catch(() => {})
  }

  #watching(): Parameters<typeof redisOptions>[2] {
    const { settings, random = Math.random } = this.#options
    const { errors } = settings
    if (!errors) return { random }
    const observer = {
      answered: (sentinel: string) => errors.well('sentinel', sentinel),
      failed: (sentinel: string, error: Error) => errors.failed('sentinel', sentinel, printableError(error)),
      resolved: (server: string | null) => {
        this.address = server
      },
    }
    return { random, observer }
  }

  #failed(error: Error): void {
    const refusedSelect = isRefusedSelect(error)
    // The end of the list of Sentinels: what each of them said was heard by the observer, and when the last one led to a
    // server that could not be used, they said nothing wrong.
    if (error.message.startsWith('All sentinels are unreachable')) {
      if (error.message.includes('Last error')) this.lastError = error
      return
    }
    this.lastError = printableError(error)
    this.#options.settings.errors?.failed(this.#options.role, this.address, this.lastError)
    // ioredis calls a connection ready whose SELECT was refused (fewer databases than before, a user who may not
    // select): it would go on in database 0, among keys that may be another installation's.
    if (refusedSelect) this.redis.disconnect(true)
  }

  #succeeded(): void {
    const { settings, role, onReady } = this.#options
    this.lastError = undefined
    settings.errors?.well(role, this.address)
    this.#pauseMs = FIRST_PAUSE_MS
    onReady?.()
  }

  /**
   * A client that is disconnected while it asks Sentinels for the master (the master is killed while one Sentinel hangs)
   * ends for good, whatever its retry strategy says (bullmq#4378, #3088). Only our own close may end it.
   */
  #ended(): void {
    if (this.#isClosed) return
    const { random = Math.random } = this.#options
    this.#timer = setTimeout(() => this.#connect(), this.#pauseMs * (0.5 + random()))
    this.#timer.unref()
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
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
