/** The states that every view shares: loading, failed, empty, stale, and a 403 that explains itself. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { ApiError } from '../api/client.ts'
import { useSession } from '../session.ts'

/** A short wait shows nothing: a bar that flashes is worse than none. */
const SLOW_AFTER_MS = 400

export function LoadingBar({ label }: { label: string }) {
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_AFTER_MS)
    return () => clearTimeout(timer)
  }, [])
  return slow ? (
    <div class="loading" role="status">
      <span class="loading-bar" />
      <span class="quiet">{label}</span>
    </div>
  ) : null
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

/** @param needs the role that this part of the API asks for */
export function Failure({ error, needs, retry }: { error: ApiError; needs?: string; retry?: () => void }) {
  if (error.status === 403) return <Forbidden needs={needs ?? 'admin'} />
  return (
    <div class="notice bad" role="alert">
      <strong>{error.message}</strong>
      {error.advice !== '' && <p>{error.advice}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

function Forbidden({ needs }: { needs: string }) {
  const session = useSession()
  const roles = session.state === 'signed-in' ? session.me.roles : []
  return (
    <div class="notice" role="alert">
      <strong>Your roles do not allow this</strong>
      <p>
        This needs the role <code>{needs}</code>. Your token carries{' '}
        {roles.length === 0 ? 'no role' : roles.map((role) => <code key={role}>{role} </code>)}. Roles come from the
        token: ask your identity provider's administrator, then sign in again.
      </p>
      <p class="quiet">
        On the local stack: <code>npm run --silent token -- you --admin --cache-admin</code>
      </p>
    </div>
  )
}

/** Says that the data below are old, and how old. */
export function Stale({ since, error }: { since: number; error: ApiError }) {
  const now = useNow()
  return (
    <div class="notice bad" role="alert">
      <strong>
        {error.message}. The data below are {ageOf(now - since)} old.
      </strong>
      {error.advice !== '' && <p>{error.advice}</p>}
    </div>
  )
}

/** Milliseconds since the epoch, renewed each second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return now
}

export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** The time of day, with the date where that is another day. */
export function Time({ at }: { at: string | number }) {
  const date = new Date(at)
  const today = date.toDateString() === new Date().toDateString()
  return (
    <time dateTime={date.toISOString()} title={date.toISOString()}>
      {today ? '' : `${DATE.format(date)}, `}
      {CLOCK.format(date)}
    </time>
  )
}
