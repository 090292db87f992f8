/** The change feed as it comes: what stopped being valid, and for whom. */
import { useEffect, useState } from 'preact/hooks'
import type { Change, FeedEvent } from '../../../src/client/index.ts'
import { followChanges } from '../api/changes-of.ts'
import { type ApiError, asApiError } from '../api/client.ts'
import { Empty, Failure, LoadingBar, Time } from '../parts/states.tsx'

const KEPT = 500

interface Feed {
  readonly state: 'opening' | 'open' | 'lost'
  readonly error: ApiError | null
  /** Newest first. */
  readonly events: readonly {
    readonly number: number
    readonly at: number
    readonly event: Extract<FeedEvent, { type: 'change' | 'reset' }>
  }[]
}

export function ChangesView() {
  const [feed, setFeed] = useState<Feed>({ state: 'opening', error: null, events: [] })
  const [paused, setPaused] = useState<Feed | null>(null)
  useEffect(
    () =>
      followChanges({
        refused: (error) => setFeed((before) => ({ ...before, state: 'lost', error })),
        heard: (event) =>
          setFeed((before) => {
            if (event.type === 'open') return { ...before, state: 'open', error: null }
            if (event.type === 'lost')
              return { ...before, state: 'lost', error: event.error && asApiError(event.error) }
            const number = (before.events[0]?.number ?? 0) + 1
            return { ...before, events: [{ number, at: Date.now(), event }, ...before.events].slice(0, KEPT) }
          }),
      }),
    [],
  )
  const { events } = paused ?? feed
  const refused = feed.error?.status === 403
  return (
    <>
      <div class="bar">
        <h1>
          Changes
          {!refused && (
            <span class={`tag ${feed.state === 'open' ? 'good' : ''}`} role="status">
              {feed.state === 'open' ? 'listening' : feed.state === 'lost' ? 'reconnecting' : 'connecting'}
            </span>
          )}
        </h1>
        {!refused && (
          <button type="button" aria-pressed={paused !== null} onClick={() => setPaused(paused === null ? feed : null)}>
            {paused === null ? 'Pause' : 'Go on'}
          </button>
        )}
      </div>
      {feed.error !== null && <Failure error={feed.error} needs="admin" />}
      {feed.state === 'opening' && <LoadingBar label="Opening the feed" />}
      {!refused && events.length === 0 && feed.state !== 'opening' && (
        <Empty>
          Nothing yet. A change appears here when it is committed, for example a member who is added or removed. Pause
          holds the list still; what comes meanwhile is kept.
        </Empty>
      )}
      <ol class="feed">
        {events.map(({ number, at, event }) => (
          <li key={number} class="card">
            {event.type === 'reset' ? (
              <>
                <strong>reset</strong> <Time at={at} />
                <p class="line">Changes may have been missed: discard everything that was cached from this feed.</p>
              </>
            ) : (
              <ChangeItem change={event.change} />
            )}
          </li>
        ))}
      </ol>
    </>
  )
}

function ChangeItem({ change }: { change: Change }) {
  const parts = [
    ['users', change.users],
    ['groups moved', change.places],
    ['groups granted', change.grants],
    ['resources', change.resources],
    ['whole layers', change.layers],
  ] as const
  return (
    <>
      <strong>{change.event}</strong> <Time at={change.at} />
      {parts
        .filter(([, ids]) => ids.length > 0)
        .map(([name, ids]) => (
          <p key={name} class="line tags">
            <span class="quiet">{name}</span>
            {ids.slice(0, 12).map((id) => (
              <code key={id} title={id}>
                {change.names[id] ?? id}
              </code>
            ))}
            {ids.length > 12 && <span class="quiet">and {ids.length - 12} more</span>}
          </p>
        ))}
    </>
  )
}
