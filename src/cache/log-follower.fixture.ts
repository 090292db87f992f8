/** A follower whose log the test writes, and whose clock it moves. */
import { afterEach } from 'vitest'
import { createInvalidationIndex, type LogRow } from './invalidation-index.ts'
import { createLogFollower, type LogFollower, type LogFollowerOptions } from './log-follower.ts'
import { formatSnapshot } from './snapshot.ts'
import type { Tag } from './tags.ts'
import { barrier, createFakeClock, DATABASE, settle, snapshot, stamp } from './testing/index.ts'

export const POLL_MS = 250
export const BOUND_MS = 5000
export const GRACE_MS = 30_000
export const MINUTE_MS = 60_000
export const alice = 'u:alice' as Tag

export const opened: LogFollower[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((follower) => follower.close()))
})

export function setUp(over: Partial<LogFollowerOptions<never>> = {}) {
  const clock = createFakeClock()
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
  const reads: string[] = []
  const changes: string[] = []
  const batches: string[] = []
  const log = {
    position: stamp('20:20:'),
    rows: [] as LogRow[],
    failure: null as Error | null,
    gap: false,
    /** What every read waits for. */
    gate: async () => {},
    notify: () => {},
    closed: 0,
  }
  async function answer(what: string) {
    reads.push(what)
    await log.gate()
    if (log.failure) throw log.failure
    const { position, rows, gap } = log
    return { position, rows, ...(gap && what !== 'past' && { gap }), floor: snapshot('5:5:') }
  }
  const follower = createLogFollower({
    log: {
      readSince: (since) => answer(`since ${formatSnapshot(since)}`),
      readPast: () => answer('past'),
      subscribe(onAppended) {
        log.notify = onAppended
        return {
          close: async () => {
            log.closed++
          },
        }
      },
    },
    index,
    clock,
    pollMs: POLL_MS,
    boundMs: BOUND_MS,
    graceMs: GRACE_MS,
    retentionMs: { volatile: MINUTE_MS, lasting: 10 * MINUTE_MS },
    onTrustChange: (trust, cause) =>
      changes.push(cause === undefined ? trust : `${trust}: ${(cause as Error).message}`),
    onBatch: ({ position }) => batches.push(formatSnapshot(position.snapshot)),
    ...over,
  })
  opened.push(follower)
  async function started() {
    follower.start()
    await follower.ready
    await settle()
    reads.length = 0
  }
  /** Holds the next read until the test lets it go on. */
  function hold() {
    const held = barrier()
    const plain = log.gate
    log.gate = () => {
      log.gate = plain
      return held.arrive()
    }
    return {
      ...held,
      /** Reads begin some time after each other. */
      get reached() {
        return clock.advance(2).then(() => held.reached)
      },
    }
  }
  /** What a promise comes to while time passes as reads of the log need it. */
  async function soon<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    for (let turn = 0; turn < 10 && !settled; turn++) await clock.advance(2)
    return promise
  }
  const at = (id: number, database = DATABASE) => stamp(`${id}:${id}:`, database)
  return { clock, index, log, reads, changes, batches, follower, started, hold, soon, at }
}
