/** Stamps, transaction ids and a codec, as the tests of the cache write them. */
import { createEntryCodec } from '../entry-codec.ts'
import { StoreUnavailableError } from '../entry-store.ts'
import { parseSnapshot, type Snapshot, type Stamp, type Xid } from '../snapshot.ts'

export const entries = createEntryCodec('the secret of the tests beside this file')
export const DATABASE = '7-00000001-1.0'
export const xid = (value: number) => value as Xid
export const snapshot = (text: string): Snapshot => parseSnapshot(text)
export const stamp = (text: string, database = DATABASE): Stamp => ({ database, snapshot: parseSnapshot(text) })
export const unavailable = (detail = 'redis-unavailable') => new StoreUnavailableError(detail)

/** A wait that the test ends. */
export function barrier(): { reached: Promise<void>; arrive(): Promise<void>; release(): void } {
  const { promise: reached, resolve: arrived } = Promise.withResolvers<void>()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  return {
    reached,
    release,
    arrive() {
      arrived()
      return released
    },
  }
}
