/** What a mutation returns and a read presents to see it: the transaction, in the history of its database. (Zookies: Zanzibar, ATC 2019.) */
import { type Committed, parseXid, type Stamp } from '../cache/index.ts'
import { DomainError } from './errors.ts'

const VERSION = '1'

/** @param committed `database` is `<system>.<oid>-<timeline>-<incarnation>` */
export function encodeConsistencyToken({ database, xid }: Committed): string {
  return Buffer.from(`${VERSION}.${database}.${xid}`).toString('base64url')
}

/** @throws DomainError `token-malformed` */
export function decodeConsistencyToken(token: string): Committed {
  const text = Buffer.from(token.slice(0, LONGEST), 'base64url').toString('latin1')
  const [, database, digits] = /^1\.(\d{1,20}\.\d{1,10}-[0-9A-F]{8}-\d{1,20}\.\d{1,20})\.(\d{1,16})$/.exec(text) ?? []
  if (!database || !digits || Buffer.from(text).toString('base64url') !== token) throw malformed()
  try {
    return { database, xid: parseXid(digits) }
  } catch (cause) {
    throw malformed(cause)
  }
}

/** A restart keeps what was committed, so another incarnation of the same history is fine. */
export function isOfHistory({ database }: Committed, position: Stamp | null): boolean {
  return position !== null && historyOf(database) === historyOf(position.database)
}

const LONGEST = 200

function malformed(cause?: unknown): DomainError {
  return new DomainError('token-malformed', 'the consistency token is not one that a mutation returned', { cause })
}

/** A database's identity without its incarnation: a restart keeps what was committed. */
export function historyOf(database: string): string {
  return database.split('-').slice(0, 2).join('-')
}
