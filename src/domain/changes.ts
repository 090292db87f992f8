/** The change feed: what stopped being valid, in the order the log shows it, from any position at which a client resumes. */
import { formatSnapshot, parseSnapshot, type Snapshot } from '../cache/index.ts'
import type { Change, ChangeEvent, ChangeFeed, ChangeStream } from './api.ts'
import { historyOf } from './consistency-token.ts'
import type { CursorCodec } from './cursor.ts'
import { DomainError } from './errors.ts'

/**
 * Where a reader is: it has everything visible in `since`; and, halfway through a long batch, of what `upTo` shows
 * besides, the rows up to `row`. A row's id alone would not do: a transaction may commit late with a low one.
 */
export interface ChangePosition {
  /** The database's identity: its system, timeline and incarnation. */
  readonly database: string
  readonly since: Snapshot
  readonly within?: { readonly upTo: Snapshot; readonly row: string }
}

export interface ChangeRow {
  readonly row: string
  readonly change: Change
}

export interface ChangePage {
  readonly database: string
  /** The snapshot these rows were read at; a page that is not the last of its batch repeats it. */
  readonly upTo: Snapshot
  readonly rows: readonly ChangeRow[]
  /** Whether `upTo` shows more than these. */
  readonly more: boolean
  /** False when rows the reader has not seen may have been removed from the log. */
  readonly complete: boolean
}

/** The port to the log as others follow it. */
export interface ChangeLog {
  /** The present, without any row. */
  now(): Promise<Pick<ChangePage, 'database' | 'upTo'>>
  after(position: ChangePosition): Promise<ChangePage>
}

export interface ChangeFeedOptions {
  readonly log: ChangeLog
  readonly cursors: CursorCodec
  /** Open streams at most; each costs a read per change unless it is where the others are. */
  readonly streamsMax: number
  /** Without a change for this long, the position is sent alone, in milliseconds. */
  readonly heartbeatMs: number
  /** A stream ends after this long, in milliseconds, so that a reader that lost its role is noticed. */
  readonly lifeMs: number
}

const SCOPE = ['changes']

export function createChangeFeed(options: ChangeFeedOptions): ChangeFeed & { wake(): void } {
  const { log, cursors, streamsMax, heartbeatMs, lifeMs } = options
  const reads = new Map<string, Promise<ChangePage>>()
  const closing = new AbortController()
  let open = 0
  let news = Promise.withResolvers<void>()
  let wakes = 0

  /** Streams at one position share a read; but none that began before the news they were woken by. */
  function pageAfter(position: ChangePosition): Promise<ChangePage> {
    const key = `${wakes} ${encoded(position)}`
    const running = reads.get(key)
    if (running) return running
    const page = log.after(position).finally(() => reads.delete(key))
    reads.set(key, page)
    return page
  }

  function encoded({ database, since, within }: ChangePosition): string {
    const rest = within ? [formatSnapshot(within.upTo), within.row] : []
    return cursors.encode(SCOPE, [database, formatSnapshot(since), ...rest])
  }

  function decoded(id: string): ChangePosition {
    const [database = '', since = '', upTo, row] = cursors.decode(SCOPE, id)
    const within = upTo !== undefined && row !== undefined ? { within: { upTo: parseSnapshot(upTo), row } } : {}
    return { database, since: parseSnapshot(since), ...within }
  }

  async function present(): Promise<ChangePosition> {
    const { database, upTo } = await log.now()
    return { database, since: upTo }
  }

  function streamFrom(start: ChangePosition, greeting: readonly ChangeEvent[]): ChangeStream {
    const closed = new AbortController()
    const ended = AbortSignal.any([closing.signal, closed.signal, AbortSignal.timeout(lifeMs)])
    let position = start
    let ready = greeting

    async function advance(): Promise<readonly ChangeEvent[]> {
      const page = await pageAfter(position)
      if (page.database !== position.database || !page.complete) {
        // The missed rows are gone; the reader starts from nothing, and from here.
        position = await present()
        return [{ id: encoded(position), reset: true }]
      }
      const from = position
      position = endOf(from, page)
      return page.rows.map(({ row, change }, index) => {
        const isEnd = index === page.rows.length - 1
        const id = encoded(isEnd ? position : { ...from, within: { upTo: page.upTo, row } })
        // A row keeps its number when the server restarts; another history may use it for another change.
        return { id, key: `${historyOf(page.database)}-${row}`, change }
      })
    }

    return {
      async next() {
        if (ready.length > 0) {
          const events = ready
          ready = []
          return events
        }
        while (!ended.aborted) {
          const next = news.promise
          const events = await advance()
          if (events.length > 0) return events
          const why = await firstOf(next, heartbeatMs, ended)
          if (why === 'silence') return [{ id: encoded(position) }]
        }
        return null
      },
      close() {
        if (!closed.signal.aborted) open--
        closed.abort()
      },
    }
  }

  return {
    async open(lastEventId) {
      const refuse = open >= streamsMax || closing.signal.aborted
      if (refuse)
        throw new DomainError('overloaded', 'no more change streams are served here', { retryAfterSeconds: 5 })
      open++
      try {
        const start = lastEventId === undefined ? await present() : decoded(lastEventId)
        // A first read before the answer begins: what is wrong can then still be said with a status.
        if (lastEventId !== undefined) await pageAfter(start)
        return streamFrom(start, [{ id: encoded(start) }])
      } catch (error) {
        open--
        throw error
      }
    },
    wake() {
      wakes++
      news.resolve()
      news = Promise.withResolvers()
    },
    close: () => closing.abort(),
  }
}

/** After a whole batch the reader has seen all that its snapshot shows; after a part of it, so many more rows. */
function endOf({ database, since }: ChangePosition, { upTo, rows, more }: ChangePage): ChangePosition {
  const last = rows.at(-1)
  return more && last ? { database, since, within: { upTo, row: last.row } } : { database, since: upTo }
}

async function firstOf(news: Promise<void>, ms: number, ended: AbortSignal): Promise<'news' | 'silence' | 'end'> {
  // A signal that is aborted already tells no new listener.
  if (ended.aborted) return 'end'
  const { promise, resolve } = Promise.withResolvers<'silence' | 'end'>()
  const timer = setTimeout(() => resolve('silence'), ms)
  const end = () => resolve('end')
  ended.addEventListener('abort', end)
  try {
    return await Promise.race([promise, news.then(() => 'news' as const)])
  } finally {
    clearTimeout(timer)
    ended.removeEventListener('abort', end)
  }
}
