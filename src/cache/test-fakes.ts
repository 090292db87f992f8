/** A clock that stands until it is moved and a store that remembers what it was asked, for the tests beside this file. */
import type { Clock } from './clock.ts'
import { createEntryCodec, fillIdIn } from './entry-codec.ts'
import {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Lease,
  type Opened,
  StoreUnavailableError,
} from './entry-store.ts'
import { parseSnapshot, type Snapshot, type Stamp, type Xid } from './snapshot.ts'

export const entries = createEntryCodec('the secret of the tests beside this file')
export const DATABASE = '7-00000001-1.0'
export const xid = (value: number) => value as Xid
export const snapshot = (text: string): Snapshot => parseSnapshot(text)
export const stamp = (text: string, database = DATABASE): Stamp => ({ database, snapshot: parseSnapshot(text) })

export interface FakeClock extends Clock {
  nowMs: number
  /** How much more time passed than the monotonic clock noticed, in milliseconds. */
  suspendedMs: number
  /** How long each sleep was asked to last, in milliseconds. */
  readonly slept: number[]
  /** Sleeps that neither ended nor were given up. */
  readonly sleeping: number
  /** Moves time in the order of the sleepers, and lets whatever each of them does run before the next wakes. */
  advance(ms: number): Promise<void>
}

/** Lets everything run that can run without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export function createFakeClock(): FakeClock {
  const sleepers = new Set<{ untilMs: number; wake: () => void }>()
  const slept: number[] = []
  const clock: FakeClock = {
    nowMs: 1_000_000,
    suspendedMs: 0,
    slept,
    get sleeping() {
      return sleepers.size
    },
    monotonicMs: () => clock.nowMs,
    wallMs: () => 1_700_000_000_000 + clock.nowMs + clock.suspendedMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        slept.push(ms)
        const sleeper = { untilMs: clock.nowMs + ms, wake: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(signal.reason)
        })
      }),
    async advance(ms) {
      const endMs = clock.nowMs + ms
      await settle()
      for (;;) {
        const [next] = [...sleepers].filter(({ untilMs }) => untilMs <= endMs).sort((a, b) => a.untilMs - b.untilMs)
        if (!next) break
        clock.nowMs = Math.max(clock.nowMs, next.untilMs)
        sleepers.delete(next)
        next.wake()
        await settle()
      }
      clock.nowMs = endMs
    },
  }
  return clock
}

export interface FakeStore extends EntryStore {
  /** What was asked, in order: `lease k`, `fill k`. */
  readonly calls: string[]
  readonly entries: Map<EntryKey, { bytes: Buffer; ttlMs: number; fillId: string }>
  readonly leases: Map<EntryKey, Lease>
  /** Every call fails with this until it is null again. */
  failure: StoreUnavailableError | null
}

export function createFakeStore(): FakeStore {
  const calls: string[] = []
  const stored: FakeStore['entries'] = new Map()
  const leases: FakeStore['leases'] = new Map()
  let tokens = 0

  const asked = <T>(what: string, keys: readonly string[], answer: () => T): Promise<T> => {
    calls.push(`${what} ${keys.join(' ')}`.trim())
    return store.failure ? Promise.reject(store.failure) : Promise.resolve(answer())
  }
  const keysOf = (requests: readonly { key: EntryKey }[]) => requests.map(({ key }) => key)

  function take(key: EntryKey): Lease {
    const lease = { token: `token-${++tokens}`, generation: 'generation-00001' }
    leases.set(key, lease)
    return lease
  }

  const store: FakeStore = {
    calls,
    entries: stored,
    leases,
    failure: null,
    read: (requests) =>
      asked('read', keysOf(requests), () =>
        requests.map(({ key, knownFillId }): EntryRead => {
          const found = stored.get(key)
          if (!found) return { kind: 'absent' }
          if (found.fillId === knownFillId) return { kind: 'same', ttlMs: found.ttlMs }
          return { kind: 'found', bytes: found.bytes, ttlMs: found.ttlMs }
        }),
      ),
    leftOf: ({ key, knownFillId }) =>
      asked('left', [key], () => {
        const found = stored.get(key)
        return found?.fillId === knownFillId ? found.ttlMs : null
      }),
    open: (requests) =>
      asked('open', keysOf(requests), () => {
        const answers: Opened[] = []
        for (const { key, refusedFillId } of requests) {
          const found = stored.get(key)
          const usable = found && fillIdIn(found.bytes) !== refusedFillId
          if (usable) return [...answers, { kind: 'found', bytes: found.bytes, ttlMs: found.ttlMs }]
          if (leases.has(key)) return [...answers, { kind: 'busy' }]
          answers.push({ kind: 'leased', lease: take(key) })
        }
        return answers
      }),
    takeLeases: (requests) =>
      asked('lease', keysOf(requests), () =>
        requests.map(({ key }) => {
          return leases.has(key) ? null : take(key)
        }),
      ),
    fill: (fills) =>
      asked('fill', keysOf(fills), () =>
        fills.map(({ key, lease, bytes, ttlMs }) => {
          if (leases.get(key)?.token !== lease.token) return false
          leases.delete(key)
          stored.set(key, { bytes, ttlMs, fillId: fillIdIn(bytes) })
          return true
        }),
      ),
    releaseLease: (key, lease) =>
      asked('release', [key], () => {
        if (leases.get(key)?.token === lease.token) leases.delete(key)
      }),
    invalidate: (keys) =>
      asked('invalidate', keys, () => {
        for (const key of keys) leases.delete(key)
        return keys.filter((key) => stored.delete(key)).length
      }),
    replaceGenerations: (layers) => asked('generations', layers, () => undefined),
    sweep: (layers) => asked('sweep', layers, () => 0),
    inspect: (key) => asked('inspect', [key], () => null),
  }
  return store
}

export const unavailable = (detail = 'redis-unavailable') => new StoreUnavailableError(detail)

/** Something to be waited for that the test lets go on. */
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
