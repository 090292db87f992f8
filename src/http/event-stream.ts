/** Server-Sent Events (WHATWG HTML, 9.2): the wire format, and a pump that goes at the client's pace. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

export const EVENT_STREAM_TYPE = 'text/event-stream; charset=utf-8'

export interface EventSource {
  /** Text that is ready for the wire; null at the end. Asked again only when the former has gone out. */
  next(): Promise<string | null>
  close(): void
}

export interface ServerSentEvent {
  readonly id: string
  readonly event?: string
  /** Absent: the client remembers the id and is told nothing. */
  readonly data?: unknown
}

/** A client that takes nothing for this long is gone, whatever its connection says. */
const STALLED_AFTER_MS = 60_000

export function formatEvent({ id, event, data }: ServerSentEvent): string {
  const type = event === undefined ? '' : `event: ${event}\n`
  // JSON has no line breaks of its own, so it is one data line.
  return `id: ${id}\n${type}${data === undefined ? '' : `data: ${JSON.stringify(data)}\n`}\n`
}

/** Ends the response with the source, and the source with the response. Never rejects: the head has long been sent. */
export async function pour(source: EventSource, res: ServerResponse): Promise<void> {
  const gone = new AbortController()
  res.once('close', () => {
    gone.abort()
    source.close()
  })
  try {
    if (res.req.method !== 'HEAD')
      for (let text = await source.next(); text !== null && !res.destroyed; text = await source.next())
        if (!res.write(text))
          await once(res, 'drain', { signal: AbortSignal.any([gone.signal, AbortSignal.timeout(STALLED_AFTER_MS)]) })
    res.end()
  } catch {
    // The log cannot be read, or nobody reads the stream: an end tells the client to come back with its last id.
    res.destroy()
  } finally {
    source.close()
  }
}
