/** The connection that reads the invalidation log and listens for wake-ups; after a failure the next read opens another. */
import type pg from 'pg'
import { LogUnreachableError } from '../cache/index.ts'
import type { DatabaseStatus } from './database-status.ts'
import { isUnreachable } from './failures.ts'

/** A read of the log that takes longer is given up, in milliseconds: the next one asks again. */
export const READ_TIMEOUT_MS = 500

/** How much later a statement is given up if PostgreSQL does not report its timeout either, in milliseconds. */
const ANSWER_MARGIN_MS = 250

export interface LogConnectionOptions {
  /** A client that is not connected yet; it should give up what takes longer than {@link READ_TIMEOUT_MS}. */
  readonly connect: () => pg.Client
  /** Asked of each connection before its first read. */
  readonly prepare?: (client: pg.Client) => Promise<unknown>
  /** The same: whether there may be rows for which nothing is notified. Default: there are none. */
  readonly isSilent?: (client: pg.Client) => Promise<boolean>
  /** What is listened to for wake-ups; null: polling alone guarantees. */
  readonly channel: string | null
  readonly status?: DatabaseStatus
}

export interface LogConnection {
  /**
   * The first row of one statement.
   * @throws LogUnreachableError when the database cannot be reached; else what PostgreSQL says
   */
  ask<Row extends pg.QueryResultRow>(
    statement: { name?: string; text: string },
    values?: unknown[],
    timeoutMs?: number,
  ): Promise<Row | undefined>
  /** Calls back at a notification, and when the connection is lost: a reader would otherwise learn of it at the next poll. */
  subscribe(callback: () => void): { close(): Promise<void> }
  isSilent(): boolean
  close(): Promise<void>
}

export function createLogConnection(options: LogConnectionOptions): LogConnection {
  const { channel } = options
  let onAppended: () => void = () => {}
  let connection: Promise<pg.Client> | null = null
  let isSilent = false
  let closed = false
  let current: pg.Client | null = null

  function connected(): Promise<pg.Client> {
    if (closed) return Promise.reject(new LogUnreachableError('the log is closed'))
    connection ??= open().catch((error: unknown) => {
      connection = null
      throw error
    })
    return connection
  }

  async function open(): Promise<pg.Client> {
    const client = options.connect()
    // Whatever ended it, the next read opens another connection.
    client.on('error', () => forget(client))
    client.on('end', () => forget(client))
    client.on('notification', () => onAppended())
    try {
      await client.connect()
      await options.prepare?.(client)
      isSilent = (await options.isSilent?.(client)) ?? false
      if (channel) await client.query(`LISTEN ${channel}`)
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
    current = client
    return client
  }

  function forget(client: pg.Client): void {
    if (current !== client) return
    current = null
    connection = null
    // A reader in between would otherwise learn of it only at the next poll.
    onAppended()
  }

  async function ask<Row extends pg.QueryResultRow>(
    statement: { name?: string; text: string },
    values: unknown[] = [],
    timeoutMs = READ_TIMEOUT_MS,
  ): Promise<Row | undefined> {
    let client: pg.Client | null = null
    try {
      client = await connected()
      const result = await client.query<Row>({
        ...statement,
        values,
        query_timeout: timeoutMs + ANSWER_MARGIN_MS,
      } as pg.QueryConfig)
      options.status?.succeeded()
      return result.rows[0]
    } catch (error) {
      options.status?.failed(error)
      // After a timeout the connection still waits for its answer: only a new one is sure to be in step.
      if (client) {
        forget(client)
        client.end().catch(() => {})
      }
      // A server that answers, though not with the log, goes on committing: without the log there is no grace then.
      if (isUnreachable(error)) throw new LogUnreachableError('the invalidation log cannot be read', { cause: error })
      throw error
    }
  }

  return {
    ask,
    subscribe(callback) {
      onAppended = callback
      return {
        close: async () => {
          onAppended = () => {}
        },
      }
    },
    isSilent: () => isSilent,
    async close() {
      closed = true
      const client = current
      current = null
      await client?.end().catch(() => {})
    },
  }
}
