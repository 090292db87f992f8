/**
 * Memberships and grants that exist now: from `expires_at` on they do not, whether or not the row is still there. Every
 * statement that answers a reader reads these, never the tables. PostgreSQL's clock decides, as it was when the
 * statement came; a test looks for statements that forget it.
 */
const living = (table: 'memberships' | 'grants') =>
  `(SELECT * FROM ${table} WHERE expires_at IS NULL OR expires_at > statement_timestamp())`

/** To be given an alias. */
export const LIVING_MEMBERSHIPS = living('memberships')
/** To be given an alias. */
export const LIVING_GRANTS = living('grants')

/** An end as milliseconds since the epoch, for JSON too: how a timestamp is written there depends on the session. */
export const endMs = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`

/** A row with its end as {@link endMs} writes it. */
export type Ending<T> = Omit<T, 'expiresAt'> & { readonly until: number | null }

export function withEnd<T extends { readonly expiresAt: Date | null }>({ until, ...rest }: Ending<T>): T {
  return { ...rest, expiresAt: until === null ? null : new Date(until) } as unknown as T
}
