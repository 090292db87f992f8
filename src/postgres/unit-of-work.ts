/** Transactions for the mutation runner: deadlines, retries after deadlocks, the log row and the audit row. */

import { PrismaPg } from '@prisma/adapter-pg'
import { type Committed, type LogRecord, parseXid, type UnitOfWork } from '../cache/index.ts'
import type { MutationContext } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import type { Transaction } from '../domain/transaction.ts'
import { Prisma, PrismaClient } from './generated/client.ts'
import { once } from './idempotency.ts'
import { LOG_CHANNEL } from './invalidation-log.ts'
import { type Database, isUnavailable, translated } from './pool.ts'
import { rememberReads } from './remembered-reads.ts'
import { createTransaction } from './transaction.ts'

export interface UnitOfWorkOptions {
  readonly database: Database
  /** More affected users than this are not named one by one: their layer is invalidated. */
  readonly affectedMax: number
  /** A transaction that takes longer is rolled back, in milliseconds. */
  readonly timeoutMs: number
  /** Whether an append wakes the followers with NOTIFY; they poll anyway. */
  readonly notify: boolean
}

/** Deadlock and serialization failure: PostgreSQL chose this one to give way, another try can succeed. */
const GIVE_WAY = /40P01|40001|P2034/
const ATTEMPTS = 4

export function createUnitOfWork(options: UnitOfWorkOptions): UnitOfWork<Transaction, MutationContext> {
  const { database } = options
  const prisma = new PrismaClient({ adapter: new PrismaPg(database.pool) })
  const open = new WeakMap<Transaction, Prisma.TransactionClient>()

  function prismaOf(tx: Transaction): Prisma.TransactionClient {
    const found = open.get(tx)
    if (!found) throw new Error('this transaction belongs to another unit of work')
    return found
  }

  async function identify(tx: Transaction): Promise<Committed> {
    const rows = await prismaOf(tx).$queryRaw<CommittedRow[]>`
      SELECT portcullis_database() AS database, pg_current_xact_id()::text AS xid`
    return committedOf(rows)
  }

  return {
    identify,
    run: ({ actor, idempotency }, work) =>
      database.admitted(() =>
        givingWay(() =>
          prisma.$transaction(
            (prismaTx) => {
              const tx = rememberReads(createTransaction(prismaTx, options))
              open.set(tx, prismaTx)
              return idempotency ? once(prismaTx, { subject: actor, ...idempotency }, () => work(tx)) : work(tx)
            },
            { maxWait: options.timeoutMs, timeout: options.timeoutMs },
          ),
        ),
      ),
    async appendInvalidation(tx, context, { event, tags, keyCount, widened, audit }: LogRecord) {
      const { actor, reason = null, requestId = null, tokenId = null } = context
      const rows = await prismaOf(tx).$queryRaw<CommittedRow[]>`
        WITH appended AS (
          INSERT INTO invalidation_log (tags, event, actor, reason, keys, widened)
          VALUES (${tags as readonly string[] as string[]}, ${event}, ${actor}, ${reason}, ${keyCount}, ${widened})
          RETURNING xid
        ), audited AS (
          INSERT INTO audit_log (actor, action, target, before, after, reason, request_id, token_id)
          VALUES (${actor}, ${event}, ${audit.target}, ${text(audit.before)}::jsonb, ${text(audit.after)}::jsonb,
            ${reason}, ${requestId}, ${tokenId})
        )
        SELECT portcullis_database() AS database, xid::text AS xid,
          CASE WHEN ${options.notify} THEN pg_notify(${LOG_CHANNEL}, '')::text END AS notified
        FROM appended`
      return committedOf(rows)
    },
    async audit(tx, context, action, { target, before, after }) {
      await prismaOf(tx).auditLog.create({
        data: {
          actor: context.actor,
          action,
          target,
          before: json(before),
          after: json(after),
          reason: context.reason ?? null,
          requestId: context.requestId ?? null,
          tokenId: context.tokenId ?? null,
        },
      })
    },
  }
}

async function givingWay<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction()
    } catch (error) {
      if (attempt < ATTEMPTS && GIVE_WAY.test(described(error))) continue
      throw domainErrorOf(error)
    }
  }
}

/** What Prisma wraps keeps its code in different places; one text has them all. */
function described(error: unknown): string {
  if (!(error instanceof Error) || error instanceof DomainError) return ''
  const { code, meta } = error as { code?: unknown; meta?: unknown }
  return `${String(code)} ${JSON.stringify(meta) ?? ''} ${error.message}`
}

function domainErrorOf(error: unknown): unknown {
  if (error instanceof DomainError) return error
  const { code } = error as { code?: unknown }
  if (code === 'P2002') return new DomainError('already-exists', 'the name is taken', { cause: error })
  // What the mutation checked for was removed by another before it wrote.
  if (code === 'P2003')
    return new DomainError('not-found', 'something this refers to was removed meanwhile', { cause: error })
  if (code === 'P2025') return new DomainError('not-found', 'it does not exist', { cause: error })
  const unavailable = code === 'P2028' || code === 'P1001' || code === 'P1017' || isUnavailable(error)
  if (unavailable || /5[37]\w{3}|08\w{3}|55P03/.test(/code.{0,12}?"?([0-9A-Z]{5})"/.exec(described(error))?.[1] ?? ''))
    return new DomainError('database-unavailable', 'the database cannot be reached', {
      retryAfterSeconds: 1,
      cause: error,
    })
  return translated(error)
}

interface CommittedRow {
  readonly database: string
  readonly xid: string
}

function committedOf(rows: readonly CommittedRow[]): Committed {
  const [row] = rows
  if (!row) throw new Error('the statement returned no row')
  return { database: row.database, xid: parseXid(row.xid) }
}

function json(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  const written = text(value)
  return written === null ? Prisma.DbNull : (JSON.parse(written) as Prisma.InputJsonValue)
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value)
}
