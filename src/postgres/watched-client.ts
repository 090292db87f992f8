/** A connection that reports each of its statements, and that ends when the server does not answer one of them. */
import type pg from 'pg'
import { codeOf, READ_ONLY } from './failures.ts'
import { RoutedClient } from './routed-client.ts'
import type { Named, StatementNames } from './statement-names.ts'

export interface StatementSink {
  /**
   * One statement, from sending it to its result, in milliseconds.
   * @param name of a prepared statement; of any other its first word (`insert`, `begin`), so that there are few names
   */
  statement(name: string, outcome: 'ok' | 'failed', durationMs: number): void
  /** A request was turned away because the queue for the database was full. */
  rejected(): void
}

export const NO_SINK: StatementSink = { statement: () => {}, rejected: () => {} }

export interface WatchedClientOptions {
  readonly sink: StatementSink
  readonly names: StatementNames
  /** A server that takes longer (stopped, unreachable) loses the connection, in milliseconds. */
  readonly answerWithinMs: number
}

interface Asked extends Named {
  /** The name, for metrics, of a statement whose plan is not kept. */
  readonly label?: string
  /** Of a statement that may take longer than all others, in milliseconds. */
  readonly answerWithinMs?: number
}
type Given = readonly [config: string | Asked, ...rest: unknown[]]
type Ask = (...given: unknown[]) => Promise<unknown> | undefined

/** @returns the class for a pool's `Client` */
export function watchedClient({ sink, names, answerWithinMs }: WatchedClientOptions): typeof pg.Client {
  return class WatchedClient extends RoutedClient {
    /** With a callback, as the pool calls it, or with a promise, as Prisma does. */
    override query(...given: never[]): never {
      const [config, ...rest] = given as unknown as Given
      const ask = super.query.bind(this) as unknown as Ask
      const sent = typeof config === 'string' ? config : names.sent(config)
      const answered = watch(this, config, sent)
      const callback = rest.at(-1)
      if (typeof callback === 'function') {
        const told = (error: unknown, result: unknown) => {
          answered(error)
          callback(error, result)
        }
        return ask(sent, ...rest.slice(0, -1), told) as never
      }
      const result = ask(sent, ...rest)
      result?.then(() => answered(), answered)
      return result as never
    }
  }

  /** @returns what to call with the statement's error, or with nothing */
  function watch(client: RoutedClient, config: Given[0], sent: Given[0]): (error?: unknown) => void {
    const sentMs = performance.now()
    let pending = true
    // Timers run before sockets are read. If this process itself stood still (stopped, or short of processor time), the
    // answer is in the socket: one more turn of the event loop reads it. The driver's own `query_timeout` takes no such turn.
    const timer = setTimeout(() => setImmediate(() => pending && abandon(client)), limitOf(config) ?? answerWithinMs)
    return (error) => {
      pending = false
      clearTimeout(timer)
      if (codeOf(error) === READ_ONLY) client.leaveServer()
      if (error && typeof sent !== 'string') names.failed(sent, error)
      sink.statement(nameOf(config), error ? 'failed' : 'ok', performance.now() - sentMs)
    }
  }
}

/** The statement fails with this error, and the pool drops the connection, whose state is unknown. */
function abandon({ connection }: pg.Client): void {
  connection.stream.destroy(new Error('Query read timeout'))
}

function limitOf(config: Given[0]): number | undefined {
  return typeof config === 'string' ? undefined : config.answerWithinMs
}

function nameOf(config: Given[0]): string {
  if (typeof config === 'string') return firstWordOf(config)
  return config.name ?? config.label ?? firstWordOf(config.text)
}

function firstWordOf(text: string): string {
  return /^\s*(\w+)/.exec(text)?.[1]?.toLowerCase() ?? 'other'
}
