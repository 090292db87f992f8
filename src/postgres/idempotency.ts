/**
 * Idempotency keys in the mutation's own transaction: the answer is stored if and only if the effect is. (The IETF
 * draft "The Idempotency-Key HTTP Header Field".)
 */
import { deserialize, serialize } from 'node:v8'
import { DomainError } from '../domain/errors.ts'
import type { Statement } from './pool.ts'
import type { Session } from './session.ts'

export interface IdempotencyKey {
  readonly subject: string
  readonly key: string
  /** The request; another request with the same key is a mistake of the client. */
  readonly fingerprint: string
}

/** How long an answer can be repeated. */
const KEPT = `interval '24 hours'`

const FIND = `
SELECT fingerprint, body FROM idempotency_keys WHERE subject = $1 AND key = $2 AND expires_at > clock_timestamp()`

// The look and the lock at once: a request that finds the answer needs no lock, so that two repetitions of finished
// work that meet are not told that it is in progress. Nothing waits for the lock: a client that repeats too early is
// told so, instead of holding a connection.
const FIND_OR_LOCK: Statement = {
  name: 'idempotent-begin',
  text: `
WITH kept AS MATERIALIZED (${FIND})
SELECT (SELECT row_to_json(kept) FROM kept) AS kept,
  pg_try_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0)) AS locked`,
}
const FIND_AGAIN: Statement = { name: 'idempotent-find', text: FIND }
const STORE: Statement = {
  name: 'idempotent-store',
  text: `
INSERT INTO idempotency_keys (subject, key, fingerprint, body, expires_at) VALUES ($1, $2, $3, $4, clock_timestamp() + ${KEPT})
ON CONFLICT (subject, key) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint, body = EXCLUDED.body, expires_at = EXCLUDED.expires_at`,
}

interface Kept {
  readonly fingerprint: string
  readonly body: string
}

/**
 * Runs the work once per key; a repetition gets the first result.
 * @throws DomainError `idempotency-in-progress` while the first still runs, `idempotency-other-body` for another request
 */
export async function once<T>(session: Session, of: IdempotencyKey, work: () => Promise<T>): Promise<T> {
  const { subject, key, fingerprint } = of
  const [begun] = await session.query<{ kept: Kept | null; locked: boolean }>(FIND_OR_LOCK, [subject, key])
  if (begun?.kept) return answerOf<T>(begun.kept, fingerprint)
  if (!begun?.locked)
    throw new DomainError('idempotency-in-progress', 'a request with this key is in progress', {
      retryAfterSeconds: 1,
    })
  // And under the lock: the first may have committed between the look and the lock.
  const [meanwhile] = await session.query<Kept>(FIND_AGAIN, [subject, key])
  if (meanwhile) return answerOf<T>(meanwhile, fingerprint)
  const result = await work()
  await session.query(STORE, [subject, key, fingerprint, serialize(result).toString('base64')])
  return result
}

function answerOf<T>(kept: Kept, fingerprint: string): T {
  if (kept.fingerprint !== fingerprint)
    throw new DomainError('idempotency-other-body', 'this key was used for another request')
  return deserialize(Buffer.from(kept.body, 'base64')) as T
}
