/** The change feed by `fetch`: an `EventSource` can send no token. Comes back with the last id, so nothing is missed. */
import { type ApiError, send } from './call.ts'
import { asApiError } from './loaded.ts'
import type { Change } from './types.ts'

export type FeedEvent = { readonly kind: 'change'; readonly change: Change } | { readonly kind: 'reset' }

export interface FeedListener {
  readonly opened: () => void
  readonly heard: (event: FeedEvent) => void
  /** It is tried again in a second, unless the token does not allow it. */
  readonly lost: (error: ApiError | null) => void
}

/** @returns how to end it */
export function followChanges({ opened, heard, lost }: FeedListener): () => void {
  const aborting = new AbortController()
  let lastEventId: string | null = null

  function take(block: string): void {
    const fields = Object.fromEntries(
      block.split('\n').map((line): [string, string] => {
        const colon = line.indexOf(': ')
        return [line.slice(0, colon), line.slice(colon + 2)]
      }),
    )
    if (fields.id !== undefined) lastEventId = fields.id
    if (fields.event === 'reset') heard({ kind: 'reset' })
    if (fields.event === 'change' && fields.data !== undefined)
      heard({ kind: 'change', change: JSON.parse(fields.data) as Change })
  }

  async function read(): Promise<void> {
    const headers = { accept: 'text/event-stream', ...(lastEventId !== null && { 'last-event-id': lastEventId }) }
    const { body } = await send('/changes', { headers, signal: aborting.signal })
    opened()
    let rest = ''
    const decoder = new TextDecoder()
    for (const reader = body?.getReader(); reader; ) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n')
      rest = blocks.pop() ?? ''
      blocks.forEach(take)
    }
  }

  void (async () => {
    while (!aborting.signal.aborted) {
      const error = await read().then(
        () => null,
        (failed: unknown) => asApiError(failed),
      )
      if (aborting.signal.aborted) return
      lost(error)
      if (error?.status === 401 || error?.status === 403) return
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  })()
  return () => aborting.abort()
}
