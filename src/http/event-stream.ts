/** Server-Sent Events (WHATWG HTML, 9.2): the wire format, and the loop that sends them at the client's pace. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

export const EVENT_STREAM_TYPE = 'text/event-stream; charset=utf-8'

export interface EventSource {
  /** Text in the wire format; null at the end. Called again only when the last text has been sent. */
  next(): Promise<string | null>
  close(): void
}

export interface ServerSentEvent {
  readonly id: string
  readonly event?: string
  /** Where absent, the client only remembers the id. */
  readonly data?: unknown
}

/** A client that reads nothing for this long is treated as gone, even if its connection is open. */
const STALLED_AFTER_MS = 60_000

export function formatEvent({ id, event, data }: ServerSentEvent): string {
  const type = event === undefined ? '' : `event: ${event}\n`
  // JSON.stringify writes no line breaks, so this is one data line.
  return `id: ${id}\n${type}${data === undefined ? '' : `data: ${JSON.stringify(data)}\n`}\n`
}

/** When the source ends, the response ends, and vice versa. Never rejects: the status has already been sent. */
export async function sendEvents(source: EventSource, res: ServerResponse): Promise<void> {
  const closed = new AbortController()
  res.once('close', () => {
    closed.abort()
    source.close()
  })
  try {
    if (res.req.method !== 'HEAD')
      for (let text = await source.next(); text !== null && !res.destroyed; text = await source.next())
        if (!res.write(text))
          await once(res, 'drain', { signal: AbortSignal.any([closed.signal, AbortSignal.timeout(STALLED_AFTER_MS)]) })
    res.end()
  } catch {
    // The log cannot be read, or the client reads nothing: closing tells the client to reconnect with its last id.
    res.destroy()
  } finally {
    source.close()
  }
}
