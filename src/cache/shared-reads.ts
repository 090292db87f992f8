/**
 * Reads that many callers wait for: at most one runs and one waits, and all waiting callers share it. A caller is never served by a
 * read that began before the call, so it sees everything acknowledged before the call. No caller overtakes
 * another: all share the one read that waits.
 */
import type { Clock } from './clock.ts'

export interface SharedReads {
  /** Resolves after a read that began after this call. @throws what the read throws, or {@link ReadStalledError} */
  next(): Promise<void>
  /** The same without {@link ReadStalledError}: the caller waits for as long as the read takes. @throws what the read throws */
  nextUnbounded(): Promise<void>
}

/** Thrown to callers of `next` while reads fail, or while one takes too long to be waited for by a request. */
export class ReadStalledError extends Error {
  readonly code = 'read-stalled'
}

export interface SharedReadsOptions {
  readonly read: () => Promise<void>
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  /** From the start of one read to the start of the next at least, in milliseconds. */
  readonly intervalMs: number
  /** A read that takes (twice) as long stalls: calls of `next` are rejected at once until a read succeeds, in milliseconds. */
  readonly stalledMs: number
}

interface Deferred {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Ticket {
  /** For callers of `next`: rejected early if this read or the one before stalls. */
  readonly bounded: Deferred
  readonly unbounded: Deferred
}

/** A server that refuses is not asked hundreds of times a second. */
const SLOWER_WHILE_FAILING = 25

export function createSharedReads({ read, clock, intervalMs, stalledMs }: SharedReadsOptions): SharedReads {
  let running: Ticket | null = null
  let waiting: Ticket | null = null
  let startedMs = Number.NEGATIVE_INFINITY
  let watching = false
  let stalled = false
  let failing = false

  function ticket(): Ticket {
    if (waiting) return waiting
    const made = newTicket()
    waiting = made
    if (!running) void start(made)
    return made
  }

  /** Callers can join until the moment the read begins. */
  async function start(due: Ticket): Promise<void> {
    running = due
    const pauseMs = failing ? intervalMs * SLOWER_WHILE_FAILING : intervalMs
    const leftMs = startedMs + pauseMs - clock.monotonicMs()
    if (leftMs > 0) await clock.sleep(leftMs)
    startedMs = clock.monotonicMs()
    waiting = null
    if (!watching) void watch()
    try {
      await read()
      stalled = false
      failing = false
      settle(due)
    } catch (error) {
      stalled = true
      failing = true
      settle(due, error)
    } finally {
      running = null
      if (waiting) void start(waiting)
    }
  }

  /** One timer for many reads: a read that stalls is noticed after one to two times that long. */
  async function watch(): Promise<void> {
    watching = true
    while (running) {
      const watched = running
      await clock.sleep(stalledMs)
      // If this process itself stood still, the answer is there already: one more turn reads it.
      await clock.sleep(1)
      if (running === watched) stall()
    }
    watching = false
  }

  function stall(): void {
    stalled = true
    const error = new ReadStalledError('the read takes too long to be waited for')
    running?.bounded.reject(error)
    waiting?.bounded.reject(error)
  }

  return {
    next() {
      if (stalled) {
        // One caller must find out that reads succeed again.
        ticket()
        return Promise.reject(new ReadStalledError('reads fail, or take too long to be waited for'))
      }
      return ticket().bounded.promise
    },
    nextUnbounded: () => ticket().unbounded.promise,
  }
}

/** As `Promise.withResolvers`, which Node 20 does not have. */
function deferred(): Deferred {
  let settled: Pick<Deferred, 'resolve' | 'reject'> | undefined
  const promise = new Promise<void>((resolve, reject) => {
    settled = { resolve, reject }
  })
  if (!settled) throw new Error('a promise calls its executor at once')
  return { promise, ...settled }
}

function newTicket(): Ticket {
  const made = { bounded: deferred(), unbounded: deferred() }
  // Either may have no caller that waits for it.
  made.bounded.promise.catch(() => {})
  made.unbounded.promise.catch(() => {})
  return made
}

function settle({ bounded, unbounded }: Ticket, error?: unknown): void {
  for (const { resolve, reject } of [bounded, unbounded]) {
    if (error === undefined) resolve()
    else reject(error)
  }
}
