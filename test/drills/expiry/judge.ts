/**
 * Decides from what PostgreSQL said of each end whether an answer shows the right access: none that had ended before the
 * read began, all that lasted beyond its end. What changed less than the bound of P11 ago may be old or new; while
 * PostgreSQL is away nobody can see a change, so the bound begins again when it is back.
 */

/** One state of an access; the times are PostgreSQL's, as far as the drill knows its clock. */
export interface Version {
  /** No earlier did it take effect. */
  readonly fromMs: number
  /** No later; Infinity where it may still take effect. */
  readonly ackedMs: number
  readonly endMs: number
  /** Nobody learnt whether it took effect. */
  readonly isUnknown?: true
}

/** What one answer says of one access. */
export interface Sighting {
  readonly isVisible: boolean
  /** PostgreSQL's clock when it was asked for was no earlier than this, and when it came no later than that. */
  readonly askedMs: number
  readonly answeredMs: number
}

export type Verdict =
  | { readonly kind: 'right' }
  /** It had ended so long before the answer was asked for. */
  | { readonly kind: 'ended'; readonly sinceMs: number }
  /** It lasted so much longer than the answer took. */
  | { readonly kind: 'missing'; readonly leftMs: number }

/** While PostgreSQL did not answer. */
export interface Absence {
  readonly fromMs: number
  readonly toMs: number
}

export interface Bound {
  /** How long a change may stay unseen. */
  readonly ms: number
  /** One after the other. */
  readonly absences: readonly Absence[]
}

/** @returns the latest moment at which a change of this moment may be unseen */
export function seenBy(changedMs: number, { ms, absences }: Bound): number {
  return absences.reduce(
    (dueMs, { fromMs, toMs }) => (changedMs < toMs && dueMs > fromMs ? toMs + ms : dueMs),
    changedMs + ms,
  )
}

export function judge(
  versions: readonly Version[],
  { isVisible, askedMs, answeredMs }: Sighting,
  bound: Bound,
): Verdict {
  const possible = versions.filter(({ fromMs }, at) => {
    const next = versions[at + 1]
    return fromMs <= answeredMs && (next === undefined || seenBy(next.ackedMs, bound) >= askedMs)
  })
  if (possible.length === 0 || possible.some(({ isUnknown }) => isUnknown)) return { kind: 'right' }
  if (isVisible) {
    const sinceMs = askedMs - Math.max(...possible.map(({ endMs }) => endMs))
    return sinceMs >= 0 ? { kind: 'ended', sinceMs } : { kind: 'right' }
  }
  const leftMs = Math.min(...possible.map(({ endMs }) => endMs)) - answeredMs
  return leftMs > 0 ? { kind: 'missing', leftMs } : { kind: 'right' }
}
