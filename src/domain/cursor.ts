/** Keyset cursors: where a page ended, authenticated and bound to the user and the query, so that nobody can forge or lend one. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { DomainError } from './errors.ts'

export interface CursorCodec {
  /** @param scope the list, the user and the filters that the cursor is bound to */
  encode(scope: readonly (string | undefined)[], position: readonly string[]): string
  /** @throws DomainError `invalid-input` if it was not made here, for this scope */
  decode(scope: readonly (string | undefined)[], cursor: string): string[]
}

const MAC_BYTES = 16
// A change feed's position may name every transaction of a busy server.
const LONGEST = 8192

export function createCursorCodec(secret: string): CursorCodec {
  function mac(scope: readonly (string | undefined)[], payload: Buffer): Buffer {
    // JSON keeps the parts apart: no two scopes have the same text.
    const bound = JSON.stringify(scope.map((part) => part ?? null))
    return createHmac('sha256', secret).update(bound).update('\0').update(payload).digest().subarray(0, MAC_BYTES)
  }

  return {
    encode(scope, position) {
      const payload = Buffer.from(JSON.stringify(position))
      return Buffer.concat([mac(scope, payload), payload]).toString('base64url')
    },
    decode(scope, cursor) {
      const bytes = Buffer.from(cursor.slice(0, LONGEST), 'base64url')
      const payload = bytes.subarray(MAC_BYTES)
      const given = bytes.subarray(0, MAC_BYTES)
      if (
        given.length !== MAC_BYTES ||
        bytes.toString('base64url') !== cursor ||
        !timingSafeEqual(given, mac(scope, payload))
      )
        throw new DomainError(
          'invalid-input',
          'the cursor was not issued for this list, user and query; start without one',
          {
            problems: [{ path: 'cursor', message: 'is not a cursor of this list, user and query' }],
          },
        )
      return JSON.parse(payload.toString()) as string[]
    },
  }
}
