/** The token of a mutation: a read that is given it sees the mutation, on every instance. */
import { type Committed, parseXid } from './snapshot.ts'

export function tokenOf({ database, xid }: Committed): string {
  return Buffer.from(`${xid} ${database}`).toString('base64url')
}

/** Null for a foreign token, which costs the reader no more than a load. */
export function committedIn(token: string): Committed | null {
  const [xid, database] = Buffer.from(token, 'base64url').toString().split(' ')
  try {
    return xid && database ? { database, xid: parseXid(xid) } : null
  } catch {
    return null
  }
}
