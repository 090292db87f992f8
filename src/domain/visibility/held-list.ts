/**
 * A user's list as it is held. The groups that it is derived from (the entry's tags) may last longer than its page: an
 * entry that may be served can hold a page on which a grant has ended. That page is not given out any more.
 */
import type { DatabaseClock, ValueCodec } from '../../cache/index.ts'
import { inOwnMemory } from './own-memory.ts'
import type { RenderedPage } from './resource-page.ts'

export class HeldList {
  #page: RenderedPage
  #until: number | null

  /** @param until when the first of its items stops being as it is shown, in milliseconds since the epoch; null: none does */
  constructor(page: RenderedPage, until: number | null) {
    this.#page = kept(page)
    this.#until = until
  }

  /** The first page; null where it may have ended: then it is merged again by the groups. */
  pageNow(time: Pick<DatabaseClock, 'latestMs'>): RenderedPage | null {
    return this.#until === null || this.#until > time.latestMs() ? this.#page : null
  }

  /** Keeps a page merged by the same groups, for as long as this is held: each change of their grants invalidates the entry. */
  renew(page: RenderedPage, until: number | null): void {
    this.#page = kept(page)
    this.#until = until
  }

  static readonly codec: ValueCodec<HeldList> = {
    encode(list) {
      const { body, etag, nextCursor } = list.#page
      return { body, meta: { etag, nextCursor, until: list.#until } }
    },
    decode({ body, meta: { etag, nextCursor, until } }) {
      if (typeof etag !== 'string' || !isTextOrNull(nextCursor) || !isNumberOrNull(until))
        throw new TypeError('not the page of a list')
      return new HeldList({ body, etag, nextCursor }, until)
    },
  }
}

const kept = (page: RenderedPage): RenderedPage => ({ ...page, body: inOwnMemory(page.body) })
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'
const isNumberOrNull = (value: unknown): value is number | null => value === null || typeof value === 'number'
