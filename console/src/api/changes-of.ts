/** The change feed as components follow it. */
import { useEffect, useRef } from 'preact/hooks'
import type { FeedEvent } from '../../../src/client/index.ts'
import { useRole } from '../session.ts'
import { type ApiError, api, asApiError } from './client.ts'

/** An import is many changes; one load shows them all. */
const QUIET_MS = 200

export interface FeedListener {
  readonly heard: (event: FeedEvent) => void
  /** The token does not allow it: it is not tried again. */
  readonly refused?: (error: ApiError) => void
}

/** @returns a function that ends it */
export function followChanges({ heard, refused }: FeedListener): () => void {
  const aborting = new AbortController()
  void (async () => {
    try {
      for await (const event of api.changes({ signal: aborting.signal })) heard(event)
    } catch (error) {
      if (!aborting.signal.aborted) refused?.(asApiError(error))
    }
  })()
  return () => aborting.abort()
}

/** @param concerns whether the view shows what an event changed; only tokens that may read the feed are told */
export function useChanges(concerns: (event: FeedEvent) => boolean, reload: () => void): void {
  const mayFollow = useRole('admin')
  const latest = useRef({ concerns, reload })
  latest.current = { concerns, reload }
  useEffect(() => {
    if (!mayFollow) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = followChanges({
      heard(event) {
        if (!latest.current.concerns(event)) return
        clearTimeout(timer)
        timer = setTimeout(() => latest.current.reload(), QUIET_MS)
      },
    })
    return () => {
      clearTimeout(timer)
      end()
    }
  }, [mayFollow])
}
