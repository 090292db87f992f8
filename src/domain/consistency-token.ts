/** What a mutation returns and a read presents to see it: the transaction, in the history of its database. (Zookies: Zanzibar, ATC 2019.) */
import { parseXid, type Stamp, type Xid } from '../cache/index.ts'
import { DomainError } from './errors.ts'

const VERSION = '1'

/** @param database `<system>-<timeline>-<incarnation>`; a restart keeps what was committed, so the incarnation is left out */
export function encodeConsistencyToken({ database, xid }: { readonly database: string; readonly xid: Xid }): string {
  return Buffer.from(`${VERSION}.${historyOf(database)}.${xid}`).toString('base64url')
}

/**
 * @param position where this instance is in the log; null before it knows
 * @throws DomainError `token-malformed`, or `token-other-history` when the database is not the one that issued it
 */
export function decodeConsistencyToken(token: string, position: Stamp | null): Xid {
  const text = Buffer.from(token.slice(0, 200), 'base64url').toString('latin1')
  const match = /^1\.(\d{1,20}-[0-9A-F]{8})\.(\d{1,16})$/.exec(text)
  if (!match?.[1] || !match[2] || Buffer.from(text).toString('base64url') !== token)
    throw new DomainError('token-malformed', 'the consistency token is not one that a mutation returned')
  if (position && match[1] !== historyOf(position.database))
    throw new DomainError(
      'token-other-history',
      'the consistency token was issued by another history of the database (it was restored or failed over); read without it',
    )
  try {
    return parseXid(match[2])
  } catch (cause) {
    throw new DomainError('token-malformed', 'the consistency token is not one that a mutation returned', { cause })
  }
}

function historyOf(database: string): string {
  return database.split('-').slice(0, 2).join('-')
}
