/**
 * One transaction on one connection, in few round trips: BEGIN travels with the first statement and COMMIT with the
 * last one, and writes wait for the statement that follows them and become part of it.
 *
 * PostgreSQL works through what arrives on a connection one statement after the other, each with a snapshot of its own
 * (READ COMMITTED): statements that are sent together are still "earlier statements" to those behind them. And where a
 * statement fails, a COMMIT behind it ends the transaction without any of its effects.
 */
import type pg from 'pg'
import { DomainError } from '../domain/errors.ts'
import { askedAgain } from './asked-again.ts'
import { codeOf, READ_ONLY } from './failures.ts'
import type { Statement } from './pool.ts'

/** Statements without a result that their caller needs, as parts of a later one; `$1…` are numbered within this write. */
export interface Write {
  /** Short: the names of all statements that are sent together form one of at most 63 characters. */
  readonly name: string
  readonly parts: readonly string[]
  readonly values: readonly unknown[]
}

export type Question = readonly [statement: Statement, values: readonly unknown[]]

export interface Session {
  /** A statement without parameters and without a result that its caller needs; it travels with the next one. */
  run(text: string): void
  /** @throws DomainError `database-unavailable` when the transaction has taken too long; what the driver throws */
  query<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
  /** Two statements in one round trip; the second sees the effects of the first. */
  both<One extends pg.QueryResultRow, Other extends pg.QueryResultRow>(
    one: Question,
    other: Question,
  ): Promise<[One[], Other[]]>
  write(write: Write): void
  /** The new limit for a statement, and for the transaction, in milliseconds. */
  extend(limits: { readonly statementMs: number; readonly transactionMs: number }): void
  /**
   * A statement without parameters, to run after the commit. It is lost with the connection, and harmless if nothing
   * was done.
   */
  afterCommit(text: string): void
  /** As `query`, for the last statement: COMMIT is sent with it, unless the session was told that more follows. */
  conclude<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
}

export interface TransactionOptions {
  readonly pool: pg.Pool
  /** The statements that open it. */
  readonly beginning: string
  /** A transaction that takes longer is rolled back, in milliseconds. */
  readonly timeoutMs: number
  /** Whether further statements follow `conclude`. */
  readonly goesOn: boolean
}

/** Runs the work in one transaction; nothing is kept when it throws. */
export async function inTransaction<T>(
  { pool, beginning, timeoutMs, goesOn }: TransactionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs
  const client = await askedAgain(() => pool.connect())
  const session = createSession(client, { beginning, deadlineMs, goesOn })
  let broken: Error | undefined
  try {
    const value = await work(session)
    await session.commit()
    return value
  } catch (error) {
    broken = await session.rollback(error)
    throw error
  } finally {
    client.release(broken)
  }
}

function createSession(
  client: pg.PoolClient,
  { beginning, goesOn, ...limits }: { beginning: string; deadlineMs: number; goesOn: boolean },
) {
  let { deadlineMs } = limits
  /** How long the server may be silent; undefined: as for any statement of this connection. */
  let answerWithinMs: number | undefined
  let state: 'new' | 'open' | 'over' = 'new'
  /** Already sent, ahead of the statement that will wait for them. */
  let ahead: Promise<unknown>[] = []
  let writes: Write[] = []
  let afterwards: string | undefined

  function ask(text: string): Promise<pg.QueryResult> {
    return client.query({ text, answerWithinMs } as pg.QueryConfig)
  }

  function run(text: string): void {
    const opening = state === 'new'
    state = 'open'
    const sent = ask(opening ? (text ? `${beginning}; ${text}` : beginning) : text)
    // The next statement's caller learns of it; until then it is not an unhandled rejection.
    sent.catch(() => {})
    ahead.push(sent)
  }

  function send<Row extends pg.QueryResultRow>(
    { name, text }: Statement,
    values: readonly unknown[],
  ): Promise<pg.QueryResult<Row>> {
    if (performance.now() > deadlineMs)
      throw new DomainError('database-slow', 'the transaction took longer than it may', { retryAfterSeconds: 1 })
    if (state === 'new') run('')
    const [statement, all] = writes.length === 0 ? [{ name, text }, values] : withWrites({ name, text }, values, writes)
    writes = []
    return client.query<Row>({ ...statement, values: [...all], answerWithinMs } as pg.QueryConfig)
  }

  /**
   * The first failure among the statements sent. It is known only when all have been answered, so nothing is in flight.
   */
  async function answered<T>(last: Promise<T>): Promise<T> {
    const all = await Promise.allSettled([...ahead, last])
    ahead = []
    const failed = all.find((each) => each.status === 'rejected')
    if (failed) throw failed.reason
    return last
  }

  /** Its success does not matter: the transaction is committed. */
  function follow(): void {
    if (afterwards !== undefined) client.query(afterwards).catch(() => {})
  }

  async function query<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]) {
    return (await answered(send<Row>(statement, values))).rows
  }

  return {
    run,
    query,
    async both<One extends pg.QueryResultRow, Other extends pg.QueryResultRow>(
      one: Question,
      other: Question,
    ): Promise<[One[], Other[]]> {
      const first = send<One>(...one)
      first.catch(() => {})
      ahead.push(first)
      const second = await answered(send<Other>(...other))
      return [(await first).rows, second.rows]
    },
    write(write: Write): void {
      writes.push(write)
    },
    extend({ statementMs, transactionMs }: { statementMs: number; transactionMs: number }): void {
      answerWithinMs = statementMs + ANSWER_MARGIN_MS
      deadlineMs = performance.now() + transactionMs
      run(
        `SET LOCAL statement_timeout = ${statementMs}; SET LOCAL idle_in_transaction_session_timeout = ${statementMs}`,
      )
    },
    afterCommit(text: string): void {
      afterwards = text
    },
    async conclude<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]) {
      if (goesOn) return query<Row>(statement, values)
      const last = send<Row>(statement, values)
      run('COMMIT')
      state = 'over'
      follow()
      return (await answered(last)).rows
    },
    async commit(): Promise<void> {
      if (writes.length > 0) await query(NOTHING, [])
      if (state === 'open') {
        const committed = ask('COMMIT')
        follow()
        await answered(committed)
      }
      state = 'over'
    },
    /** Returns the reason why the connection cannot be used again. */
    async rollback(cause: unknown): Promise<Error | undefined> {
      // Not an answer of the server, so the state of the connection is unknown.
      if (cause instanceof Error && !(cause instanceof DomainError) && !isServerError(cause)) return cause
      // The next connection may find the server that is the primary now.
      if (codeOf(cause) === READ_ONLY) return cause as Error
      if (state !== 'open') return undefined
      try {
        await answered(client.query('ROLLBACK'))
        return undefined
      } catch (error) {
        // In an order that fails only if the connection fails; statements ahead of it may fail for reasons of their
        // own.
        return isServerError(error) ? undefined : (error as Error)
      }
    },
  }
}

/** FATAL ends the connection. */
function isServerError(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity === 'ERROR'
}

/** A server that does not even end a statement is given up this much later, in milliseconds. */
const ANSWER_MARGIN_MS = 5000

const NOTHING: Statement = { name: 'nothing', text: 'SELECT 1' }

const combined = new Map<string, string>()

/** The parameters of the statement keep their numbers, those of the writes follow. */
function withWrites(
  statement: Statement,
  values: readonly unknown[],
  writes: readonly Write[],
): [Statement, readonly unknown[]] {
  const name = [...writes.map((write) => write.name), statement.name].join('+')
  let text = combined.get(name)
  if (text === undefined) {
    text = combinedText(statement, values.length, writes)
    combined.set(name, text)
  }
  return [{ name, text }, [...values, ...writes.flatMap((write) => write.values)]]
}

function combinedText({ text }: Statement, valueCount: number, writes: readonly Write[]): string {
  let offset = valueCount
  const parts = writes.flatMap((write) => {
    const from = offset
    offset += write.values.length
    return write.parts.map((part) => part.replace(/\$(\d+)/g, (_, number) => `$${Number(number) + from}`))
  })
  const tables = parts.map((part, at) => `write_${at} AS (${part})`).join(',\n')
  return text.startsWith('WITH ') ? `WITH ${tables},\n${text.slice('WITH '.length)}` : `WITH ${tables}\n${text}`
}
