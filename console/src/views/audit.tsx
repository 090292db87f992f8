/** Who did what, when and why, newest first. */

import type { AuditEntry } from '../../../src/client/index.ts'
import { usePages } from '../api/loaded.ts'
import { Empty, Failure, LoadingBar, Time } from '../parts/states.tsx'
import { replace, type ViewProps } from '../router.ts'

const TEXTS = [
  { name: 'actor', label: 'Who', placeholder: 'carol' },
  { name: 'action', label: 'Action', placeholder: 'flushCache' },
  { name: 'target', label: 'Target', placeholder: 'user:alice' },
] as const
const TIMES = [
  { name: 'since', label: 'From' },
  { name: 'until', label: 'Until' },
] as const

export function AuditView({ query }: ViewProps) {
  const filter = filterOf(query)
  const trail = usePages('listAuditEntries', { query: filter })
  const narrow = (change: Record<string, string>) => replace('audit', { ...query, ...change })
  return (
    <>
      <div class="bar">
        <h1>Audit trail</h1>
      </div>
      <div class="filters card">
        {TEXTS.map(({ name, label, placeholder }) => (
          <label key={name} class="field">
            {label}
            <input
              type="search"
              placeholder={placeholder}
              value={query[name] ?? ''}
              onChange={(event) => narrow({ [name]: event.currentTarget.value.trim() })}
            />
          </label>
        ))}
        {TIMES.map(({ name, label }) => (
          <label key={name} class="field time">
            {label}
            <input
              type="datetime-local"
              value={query[name] ?? ''}
              onChange={(event) => narrow({ [name]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
      {trail.error && <Failure error={trail.error} needs="admin" />}
      {trail.loading && trail.items.length === 0 && <LoadingBar label="Reading the trail" />}
      {trail.complete && trail.items.length === 0 && (
        <Empty>
          {Object.keys(filter).length === 0
            ? 'Nothing has been changed yet.'
            : 'Nothing that matches: all filters compare exactly.'}
        </Empty>
      )}
      <ol class="feed">
        {trail.items.map((entry) => (
          <AuditItem key={entry.id} entry={entry} />
        ))}
      </ol>
      {!trail.complete && trail.items.length > 0 && (
        <button type="button" disabled={trail.loading} onClick={trail.more}>
          {trail.loading ? 'Loading…' : 'Older ones'}
        </button>
      )}
    </>
  )
}

function AuditItem({ entry }: { entry: AuditEntry }) {
  const { before, after } = entry
  return (
    <li class="card">
      <p class="line">
        <strong>{entry.actor}</strong> <code>{entry.action}</code> <span>{entry.target}</span> <Time at={entry.at} />
      </p>
      {entry.reason !== null && <p class="line">“{entry.reason}”</p>}
      {(before !== null || after !== null) && (
        <details>
          <summary>Before and after</summary>
          <div class="columns">
            <pre>{inJson(before)}</pre>
            <pre>{inJson(after)}</pre>
          </div>
        </details>
      )}
    </li>
  )
}

const inJson = (value: unknown) => (value === null ? 'nothing' : JSON.stringify(value, null, 2))

function filterOf(query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const texts = TEXTS.flatMap(({ name }) => (query[name] ? [[name, query[name]]] : []))
  const times = TIMES.flatMap(({ name }) => {
    const at = new Date(query[name] ?? '')
    // The field holds local time; the API needs the offset.
    return Number.isNaN(at.getTime()) ? [] : [[name, at.toISOString()]]
  })
  return Object.fromEntries([...texts, ...times])
}
