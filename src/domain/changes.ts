/** The change feed: what stopped being valid, in the order the log shows it, from any position at which a client resumes. */
import { formatSnapshot, parseSnapshot, type Snapshot } from '../cache/index.ts'
import type { Change, ChangeEvent, ChangeFeed, ChangeStream } from './api.ts'
import { historyOf } from './consistency-token.ts'
import type { CursorCodec } from './cursor.ts'
import { DomainError } from './errors.ts'

/**
 * A reader's position: it has everything visible in `since` and, halfway through a long batch, also the rows up to
 * `row` that `upTo` shows. A row's id alone would not be enough: a transaction may commit late with a low id.
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

/** The port of a stream to the feed that it belongs to. */
interface Feed {
  readonly heartbeatMs: number
  /** Ends with the next change of the log after this call. */
  news(): Promise<void>
  present(): Promise<ChangePosition>
  pageAfter(position: ChangePosition): Promise<ChangePage>
  idOf(position: ChangePosition): string
}

export function createChangeFeed(options: ChangeFeedOptions): ChangeFeed & { wake(): void } {
  const { log, streamsMax, heartbeatMs, lifeMs } = options
  const { idOf, positionOf } = createEventIds(options.cursors)
  const reads = new Map<string, Promise<ChangePage>>()
  const closing = new AbortController()
  let open = 0
  let news = Promise.withResolvers<void>()
  let wakes = 0

  /** Streams at one position share a read, but never one that began before the change that woke them. */
  function pageAfter(position: ChangePosition): Promise<ChangePage> {
    const key = `${wakes} ${idOf(position)}`
    const running = reads.get(key)
    if (running) return running
    const page = log.after(position).finally(() => reads.delete(key))
    reads.set(key, page)
    return page
  }

  async function present(): Promise<ChangePosition> {
    const { database, upTo } = await log.now()
    return { database, since: upTo }
  }

  const feed: Feed = { heartbeatMs, news: () => news.promise, present, pageAfter, idOf }

  return {
    async open(lastEventId) {
      const refuse = open >= streamsMax || closing.signal.aborted
      if (refuse)
        throw new DomainError('overloaded', 'this instance serves no more change streams', { retryAfterSeconds: 5 })
      open++
      try {
        const start = lastEventId === undefined ? await present() : positionOf(lastEventId)
        // The first read happens before the answer begins, while an error can still be answered with a status.
        if (lastEventId !== undefined) await pageAfter(start)
        const ended = AbortSignal.any([closing.signal, AbortSignal.timeout(lifeMs)])
        return new PositionStream({ feed, start, ended, onClosed: () => open-- })
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

/** One reader's stream: what the log shows after its position, for as long as it may be open. */
class PositionStream implements ChangeStream {
  readonly #feed: Feed
  readonly #closed = new AbortController()
  readonly #ended: AbortSignal
  readonly #onClosed: () => void
  #position: ChangePosition
  /** The position alone is the first event: a reader without any change can resume, too. */
  #isGreeted = false

  constructor({
    feed,
    start,
    ended,
    onClosed,
  }: {
    readonly feed: Feed
    readonly start: ChangePosition
    readonly ended: AbortSignal
    readonly onClosed: () => void
  }) {
    this.#feed = feed
    this.#position = start
    this.#ended = AbortSignal.any([ended, this.#closed.signal])
    this.#onClosed = onClosed
  }

  async next(): Promise<readonly ChangeEvent[] | null> {
    if (!this.#isGreeted) {
      this.#isGreeted = true
      return [this.#positionAlone()]
    }
    while (!this.#ended.aborted) {
      const news = this.#feed.news()
      const events = await this.#advance()
      if (events.length > 0) return events
      const why = await firstOf(news, this.#feed.heartbeatMs, this.#ended)
      if (why === 'silence') return [this.#positionAlone()]
    }
    return null
  }

  close(): void {
    if (!this.#closed.signal.aborted) this.#onClosed()
    this.#closed.abort()
  }

  async #advance(): Promise<readonly ChangeEvent[]> {
    const from = this.#position
    const page = await this.#feed.pageAfter(from)
    if (page.database !== from.database || !page.complete) {
      // The missed rows are gone; the reader starts from nothing, and from here.
      this.#position = await this.#feed.present()
      return [{ ...this.#positionAlone(), reset: true }]
    }
    const end = endOf(from, page)
    this.#position = end
    return page.rows.map(({ row, change }, index) => {
      const isEnd = index === page.rows.length - 1
      const id = this.#feed.idOf(isEnd ? end : { ...from, within: { upTo: page.upTo, row } })
      // A row keeps its number when the server restarts; another history may use it for another change.
      return { id, key: `${historyOf(page.database)}-${row}`, change }
    })
  }

  #positionAlone() {
    return { id: this.#feed.idOf(this.#position) }
  }
}

const SCOPE = ['changes']

/** Positions as the ids of events, which clients send back to resume. */
function createEventIds(cursors: CursorCodec) {
  return {
    idOf({ database, since, within }: ChangePosition): string {
      const rest = within ? [formatSnapshot(within.upTo), within.row] : []
      return cursors.encode(SCOPE, [database, formatSnapshot(since), ...rest])
    },
    /** @throws DomainError `invalid-input` for an id that was not made here */
    positionOf(id: string): ChangePosition {
      const [database = '', since = '', upTo, row] = cursors.decode(SCOPE, id)
      const within = upTo !== undefined && row !== undefined ? { within: { upTo: parseSnapshot(upTo), row } } : {}
      return { database, since: parseSnapshot(since), ...within }
    },
  }
}

/** After a whole batch the reader has seen all that its snapshot shows; after a part of it, that many more rows. */
function endOf({ database, since }: ChangePosition, { upTo, rows, more }: ChangePage): ChangePosition {
  const last = rows.at(-1)
  return more && last ? { database, since, within: { upTo, row: last.row } } : { database, since: upTo }
}

async function firstOf(news: Promise<void>, ms: number, ended: AbortSignal): Promise<'news' | 'silence' | 'end'> {
  // A signal that has already been aborted does not notify new listeners.
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
