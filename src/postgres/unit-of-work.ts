/** Transactions for the mutation runner: deadlines, retries after deadlocks, the log row and the audit row. */

import { type Committed, type LogRecord, parseXid, type UnitOfWork } from '../cache/index.ts'
import type { MutationContext } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { isPreparedWrongly, translated } from './failures.ts'
import { once } from './idempotency.ts'
import { LOG_CHANNEL } from './invalidation-log.ts'
import type { Database, Statement } from './pool.ts'
import { inTransaction } from './session.ts'
import { createAffectedStatements } from './transaction/affected.ts'
import type { ImportProgress } from './transaction/organisation-import.ts'
import { createTransaction, type PostgresTransaction } from './transaction.ts'

export interface UnitOfWorkOptions {
  readonly database: Database
  /** More affected users than this are not named one by one: their layer is invalidated. */
  readonly affectedMax: number
  /** A transaction that takes longer is rolled back, in milliseconds. */
  readonly timeoutMs: number
  /** Whether an append wakes the followers with NOTIFY; they poll anyway. */
  readonly notify: boolean
  readonly onImportProgress?: ImportProgress
}

const ATTEMPTS = 4

const IDENTITY: Statement = {
  name: 'identify',
  text: 'SELECT portcullis_database() AS database, pg_current_xact_id()::text AS xid',
}

const AUDIT = `
INSERT INTO audit_log (actor, action, target, before, after, reason, request_id, token_id)
VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, $8)`

/** The parameters of the audit row are those of {@link AUDIT}. */
const APPEND: Statement = {
  name: 'append',
  text: `WITH audited AS (${AUDIT}), appended AS (
  INSERT INTO invalidation_log (tags, event, actor, reason, keys, widened) VALUES ($9, $2, $1, $6, $10, $11) RETURNING xid
)
SELECT portcullis_database() AS database, xid::text AS xid FROM appended`,
}

/**
 * Behind the commit and not in the transaction: PostgreSQL commits transactions that notify one after the other, each
 * waiting for the disk alone. The next poll finds rows whose notification was lost with a connection. This is never prepared
 * (PREPARE TRANSACTION), so unlike the triggers it notifies on servers that allow that, too; a queue that fills up is left alone.
 */
export const NOTIFY = `SELECT pg_notify('${LOG_CHANNEL}', '') WHERE pg_notification_queue_usage() < 0.5`

interface CommittedRow {
  readonly database: string
  readonly xid: string
}

export function createUnitOfWork(options: UnitOfWorkOptions): UnitOfWork<PostgresTransaction, MutationContext> {
  const { database, affectedMax, timeoutMs } = options
  const { pool, beginning } = database
  const affected = createAffectedStatements(affectedMax)
  return {
    run: ({ actor, idempotency }, work) =>
      database.admitted(() =>
        retrying(() =>
          inTransaction({ pool, beginning, timeoutMs, goesOn: idempotency !== undefined }, (session) => {
            const tx = createTransaction(session, affected, options.onImportProgress)
            return idempotency ? once(session, { subject: actor, ...idempotency }, () => work(tx)) : work(tx)
          }),
        ),
      ),
    identify: async ({ session }) => committedOf(await session.conclude<CommittedRow>(IDENTITY, [])),
    async appendInvalidation({ session }, context, { event, tags, keyCount, widened, audit }: LogRecord) {
      const values = [...auditValues(context, event, audit), tags, keyCount, widened]
      if (options.notify) session.afterCommit(NOTIFY)
      return committedOf(await session.conclude<CommittedRow>(APPEND, values))
    },
    async audit({ session }, context, action, record) {
      session.write({ name: 'audit', parts: [AUDIT], values: auditValues(context, action, record) })
    },
  }
}

function auditValues(
  { actor, reason, requestId, tokenId }: MutationContext,
  action: string,
  { target, before, after }: LogRecord['audit'],
): unknown[] {
  return [actor, action, target, text(before), text(after), reason ?? null, requestId ?? null, tokenId ?? null]
}

async function retrying<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction()
    } catch (error) {
      if (attempt < ATTEMPTS && isTransient(error)) continue
      throw domainErrorOf(error)
    }
  }
}

/** Keys that a mutation looked up and did not find, before another mutation inserted them. */
const LOOKED_FOR = new Set(['users_pkey', 'memberships_pkey', 'grants_pkey'])

/**
 * Another attempt can succeed: PostgreSQL ended this one for a deadlock or a serialization failure; another mutation
 * inserted the same row meanwhile, and it will now be found; or a statement has to be prepared again.
 */
function isTransient(error: unknown): boolean {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (code === '23505') return LOOKED_FOR.has(String(constraint))
  return code === '40P01' || code === '40001' || isPreparedWrongly(error)
}

function domainErrorOf(error: unknown): unknown {
  if (error instanceof DomainError) return error
  const { code } = error as { code?: unknown }
  if (code === '23505') return new DomainError('already-exists', 'the name is taken', { cause: error })
  // Another mutation removed, before the write, what this one had checked.
  if (code === '23503')
    return new DomainError('not-found', 'something this refers to was removed meanwhile', { cause: error })
  return translated(error)
}

function committedOf(rows: readonly CommittedRow[]): Committed {
  const [row] = rows
  if (!row) throw new Error('the statement returned no row')
  return { database: row.database, xid: parseXid(row.xid) }
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value)
}
