/** The change feed as an async iterator that resumes where it was: no change is missed, and a change may come twice. */
import { createParser } from 'eventsource-parser'
import { RefusedError, UnreachableError } from './errors.ts'
import type { components } from './generated.ts'
import { sleep } from './retries.ts'

export type Change = components['schemas']['Change']

/** `open` and `lost` tell of the connection; on `reset`, discard everything that was derived from this feed. */
export type FeedEvent =
  | { readonly type: 'open' }
  | { readonly type: 'lost'; readonly error: RefusedError | UnreachableError | null }
  | { readonly type: 'change'; readonly id: string; readonly change: Change }
  | { readonly type: 'reset'; readonly id: string }

export interface FollowOptions {
  /** Where to resume; absent: at the present. */
  readonly lastEventId?: string
  readonly signal?: AbortSignal
}

const COME_BACK_MS = 1000

/**
 * Ends when the signal is aborted.
 * @param open sends the request
 * @throws RefusedError if a retry cannot help: the token, the role, or an invalid id
 */
export async function* follow(
  open: (headers: Readonly<Record<string, string>>) => Promise<Response>,
  { lastEventId, signal }: FollowOptions,
): AsyncGenerator<FeedEvent, void, undefined> {
  let position = lastEventId
  while (!signal?.aborted) {
    let error: RefusedError | UnreachableError | null = null
    try {
      const response = await open(position === undefined ? {} : { 'last-event-id': position })
      yield { type: 'open' }
      for await (const { id, event } of eventsOf(response)) {
        position = id ?? position
        if (event !== null) yield event
      }
    } catch (caught) {
      if (signal?.aborted) return
      if (caught instanceof RefusedError && caught.status < 500 && caught.status !== 429) throw caught
      // Anything else is the stream breaking off.
      error = caught instanceof RefusedError || caught instanceof UnreachableError ? caught : null
    }
    if (signal?.aborted) return
    yield { type: 'lost', error }
    const waitMs = error instanceof RefusedError ? error.retryAfterMs : null
    await sleep(waitMs ?? COME_BACK_MS, signal).catch(() => {})
  }
}

interface Read {
  readonly id: string | undefined
  /** Null: only the position moved. */
  readonly event: FeedEvent | null
}

async function* eventsOf(response: Response): AsyncGenerator<Read, void, undefined> {
  if (response.body === null) return
  let read: Read[] = []
  const parser = createParser({
    onEvent({ id, event, data }) {
      if (event === 'reset') read.push({ id, event: { type: 'reset', id: id ?? '' } })
      else if (event === 'change')
        read.push({ id, event: { type: 'change', id: id ?? '', change: JSON.parse(data) as Change } })
    },
    onId: (id) => read.push({ id, event: null }),
  })
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      for (const each of read) yield each
      read = []
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
