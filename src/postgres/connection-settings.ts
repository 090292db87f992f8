/**
 * Settings that the service relies on, regardless of those of the server, the database or the role. Set by one statement
 * after connecting, because poolers refuse most of it in the startup packet. Why: docs/postgresql.md.
 */
/** What stands between the service and PostgreSQL. */
export type Pooler = 'none' | 'session' | 'transaction'

interface Setting {
  readonly name: string
  readonly value: string
  /**
   * How it holds where each transaction may meet another server connection. `carried`: PgBouncer keeps it for each
   * client. `role`: the role must have it. Absent: it does not matter there.
   */
  readonly pooled?: 'carried' | 'role'
}

export interface Limits {
  /** The server ends a statement after this long, in milliseconds. */
  readonly statementTimeoutMs: number
}

/** So much sooner than the statement, so that a lock that is held is not taken for a slow statement. */
const LOCK_SHARE = 0.95
/** A transaction whose client is silent for longer has lost it, and gives back its locks; in milliseconds. */
const IDLE_IN_TRANSACTION_MS = 10_000

export function settingsOf({ statementTimeoutMs }: Limits): readonly Setting[] {
  return [
    { name: 'TimeZone', value: 'UTC', pooled: 'carried' },
    { name: 'DateStyle', value: 'ISO, MDY', pooled: 'carried' },
    { name: 'standard_conforming_strings', value: 'on', pooled: 'carried' },
    { name: 'default_transaction_isolation', value: 'read committed', pooled: 'role' },
    { name: 'default_transaction_read_only', value: 'off', pooled: 'role' },
    { name: 'default_transaction_deferrable', value: 'off' },
    { name: 'IntervalStyle', value: 'postgres' },
    { name: 'bytea_output', value: 'hex' },
    { name: 'extra_float_digits', value: '1' },
    { name: 'array_nulls', value: 'on', pooled: 'role' },
    { name: 'transform_null_equals', value: 'off', pooled: 'role' },
    { name: 'row_security', value: 'off' },
    { name: 'plan_cache_mode', value: 'auto' },
    { name: 'jit', value: 'off' },
    { name: 'statement_timeout', value: `${statementTimeoutMs}ms` },
    { name: 'lock_timeout', value: `${Math.round(statementTimeoutMs * LOCK_SHARE)}ms` },
    { name: 'idle_in_transaction_session_timeout', value: `${IDLE_IN_TRANSACTION_MS}ms` },
    { name: 'idle_session_timeout', value: '0' },
    { name: 'transaction_timeout', value: '0' },
  ]
}

/**
 * The schema of the service's tables: the first on the path that has its function, or before the migrations the one that
 * they will be made in. From then on no other schema is looked into: one with the role's name (`"$user"`) may hold the
 * cache package's log, and temporary tables come before all others unless they are named last.
 */
export const HOME = `coalesce((
  SELECT nspname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
  WHERE pg_proc.oid = to_regprocedure('portcullis_database()')
), current_schema())`

/** Stays as it is where it leads to no schema. */
export const PIN_SEARCH_PATH = `set_config('search_path',
  coalesce(quote_ident(${HOME}) || ', pg_temp', current_setting('search_path')), false)`

/** The statement that sets them and says whether the server is a standby; what this version does not know is left out. */
export function applying(limits: Limits, pooler: Pooler): string {
  const settings = settingsOf(limits).filter(({ pooled }) => pooler !== 'transaction' || pooled === 'carried')
  const each = settings.map(
    ({ name, value }) =>
      `CASE WHEN current_setting('${name}', true) IS NOT NULL THEN set_config('${name}', '${value}', false) END`,
  )
  if (pooler !== 'transaction') each.push(PIN_SEARCH_PATH)
  return `SELECT pg_is_in_recovery() AS standby, ${each.join(', ')}`
}

/** How a transaction begins that must not depend on what the role or the session say. */
export const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE'

/**
 * How a mutation begins. The service says by its own log row what it changes, and the triggers that do so for other
 * writers leave it alone. In transaction mode the limits travel with it.
 */
export function beginning(limits: Limits, pooler: Pooler): string {
  const local = settingsOf(limits).filter(({ name }) => pooler === 'transaction' && PER_TRANSACTION.has(name))
  const each = [{ name: 'portcullis.declared', value: 'on' }, ...local].map(
    ({ name, value }) => `SET LOCAL ${name} = '${value}'`,
  )
  return [BEGIN, ...each].join('; ')
}

const PER_TRANSACTION = new Set(['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'])
