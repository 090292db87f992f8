/**
 * Idempotency keys in the mutation's own transaction: the answer is there exactly if the effect is. (The IETF draft
 * "The Idempotency-Key HTTP Header Field".)
 */
import { deserialize, serialize } from 'node:v8'
import { DomainError } from '../domain/errors.ts'
import type { Prisma } from './generated/client.ts'

export interface IdempotencyKey {
  readonly subject: string
  readonly key: string
  /** What was asked; another request under the same key is a mistake of the client. */
  readonly fingerprint: string
}

/** How long an answer can be had again, in hours. */
const KEPT_HOURS = 24

/**
 * Runs the work once per key; a repetition gets the first result.
 * @throws DomainError `idempotency-in-progress` while the first still runs, `idempotency-other-body` for another request
 */
export async function once<T>(tx: Prisma.TransactionClient, of: IdempotencyKey, work: () => Promise<T>): Promise<T> {
  const { subject, key, fingerprint } = of
  // Before the lock: repetitions of what is done must not be told that it is in progress, only because they meet.
  const done = await keptAnswer<T>(tx, of)
  if (done) return done.answer
  // Never waits: a client that repeats too early is told so instead of holding a connection.
  const locks = await tx.$queryRaw<{ taken: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${subject} || chr(31) || ${key}, 0)) AS taken`
  if (!locks[0]?.taken)
    throw new DomainError('idempotency-in-progress', 'a request with this key is being worked on', {
      retryAfterSeconds: 1,
    })
  // And under it: the first may have committed between the look and the lock.
  const meanwhile = await keptAnswer<T>(tx, of)
  if (meanwhile) return meanwhile.answer
  const result = await work()
  const data = {
    fingerprint,
    body: serialize(result).toString('base64'),
    expiresAt: new Date(Date.now() + KEPT_HOURS * 3_600_000),
  }
  await tx.idempotencyKey.upsert({
    where: { subject_key: { subject, key } },
    create: { subject, key, ...data },
    update: data,
  })
  return result
}

async function keptAnswer<T>(
  tx: Prisma.TransactionClient,
  { subject, key, fingerprint }: IdempotencyKey,
): Promise<{ answer: T } | null> {
  const kept = await tx.idempotencyKey.findUnique({ where: { subject_key: { subject, key } } })
  if (!kept || kept.expiresAt <= new Date()) return null
  if (kept.fingerprint !== fingerprint)
    throw new DomainError('idempotency-other-body', 'this key was used for another request')
  return { answer: deserialize(Buffer.from(kept.body, 'base64')) as T }
}
