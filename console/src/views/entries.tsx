/** A user's entries in the cache: whether each is there, and would be served. */

import type { UserCacheEntry } from '../../../src/client/index.ts'
import { useLoaded } from '../api/loaded.ts'
import { PersonField } from '../parts/person-field.tsx'
import { ageOf, Empty, Failure, LoadingBar, Time, useNow } from '../parts/states.tsx'
import { go, linkTo, type ViewProps } from '../router.ts'

const LAYERS = ['The groups', 'The list of resources']

export function EntriesView({ query }: ViewProps) {
  const { user = '' } = query
  return (
    <>
      <div class="bar">
        <h1>A user's entries</h1>
        <PersonField label="Person" value={user} onChoose={(id) => go('entries', { user: id })} />
      </div>
      {user === '' ? (
        <Empty>Choose a person to see what the cache holds for them.</Empty>
      ) : (
        <Entries key={user} user={user} />
      )}
    </>
  )
}

function Entries({ user }: { user: string }) {
  const loaded = useLoaded('getUserCacheEntries', { path: { id: user } })
  const entries = loaded.answer?.data
  return (
    <>
      {loaded.error?.status !== 403 && (
        <p class="actions">
          <button type="button" onClick={loaded.reload}>
            Look again
          </button>
          <a href={linkTo('flush', { scope: 'user', user })}>Flush these</a>
          <a href={linkTo('people', { user })}>What {user} sees</a>
        </p>
      )}
      {loaded.loading && entries === undefined && <LoadingBar label="Reading Redis" />}
      {loaded.error && <Failure error={loaded.error} needs="cache-admin" retry={loaded.reload} />}
      {entries?.store === 'unavailable' && (
        <div class="notice bad" role="alert">
          <strong>Redis cannot be asked ({entries.detail})</strong>
          <p>Reads are answered without it meanwhile. The view “Cluster” shows what is wrong.</p>
        </div>
      )}
      <div class="columns">
        {entries?.entries.map((entry, index) => (
          <Entry key={entry.key} entry={entry} title={LAYERS[index] ?? entry.key} />
        ))}
      </div>
    </>
  )
}

function Entry({ entry, title }: { entry: UserCacheEntry; title: string }) {
  const now = useNow()
  return (
    <section class="card" aria-label={title}>
      <h2>
        {title}
        <Verdict entry={entry} />
      </h2>
      <p class="line">
        <code>{entry.key}</code>
      </p>
      {!entry.present && <Empty>Not in Redis: the next read loads it.</Empty>}
      {entry.present && (
        <dl class="facts">
          {entry.loadedAt !== undefined && (
            <>
              <dt>Loaded</dt>
              <dd>
                <Time at={entry.loadedAt} />, {ageOf(now - new Date(entry.loadedAt).getTime())} ago
              </dd>
            </>
          )}
          <dt>Left to live</dt>
          <dd>{ageOf((entry.ttlSeconds ?? 0) * 1000)}</dd>
          <dt>Size</dt>
          <dd>{entry.bytes} B</dd>
          {entry.stamp && (
            <>
              <dt>Snapshot</dt>
              <dd>
                <code>{entry.stamp.snapshot}</code>
              </dd>
              <dt>Database</dt>
              <dd>
                <code>{entry.stamp.database}</code>
              </dd>
            </>
          )}
          {entry.dependsOn && (
            <>
              <dt>Depends on</dt>
              <dd class="tags">
                {entry.dependsOn.map((tag) => (
                  <code key={tag}>{tag}</code>
                ))}
              </dd>
            </>
          )}
        </dl>
      )}
    </section>
  )
}

function Verdict({ entry }: { entry: UserCacheEntry }) {
  if (!entry.present) return <span class="tag">absent</span>
  return entry.wouldBeServed ? (
    <span class="tag good">would be served</span>
  ) : (
    <span class="tag bad">would not be served: {entry.why}</span>
  )
}
