/** Tells when something changed that a person's view shows, so that it is loaded again while one looks at it. */
import { useEffect, useRef } from 'preact/hooks'
import { useRole } from '../session.ts'
import { type FeedEvent, followChanges } from './follow-changes.ts'

/** An import is many changes; one load shows them all. */
const QUIET_MS = 200

/** @param concerns whether the view shows what an event changed; only tokens that may read the feed are told */
export function useChanges(concerns: (event: FeedEvent) => boolean, reload: () => void): void {
  const mayFollow = useRole('admin')
  const latest = useRef({ concerns, reload })
  latest.current = { concerns, reload }
  useEffect(() => {
    if (!mayFollow) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = followChanges({
      opened: () => {},
      lost: () => {},
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
