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

/** @returns reads of which none runs yet */
export function createSharedReads(options: SharedReadsOptions): SharedReads {
  return new TicketedReads(options)
}

class TicketedReads implements SharedReads {
  readonly #options: SharedReadsOptions
  #running: Ticket | null = null
  #waiting: Ticket | null = null
  #startedMs = Number.NEGATIVE_INFINITY
  #isWatching = false
  /** Calls of `next` are refused. */
  #isStalled = false
  #isFailing = false

  constructor(options: SharedReadsOptions) {
    this.#options = options
  }

  next(): Promise<void> {
    const { bounded } = this.#ticket()
    if (!this.#isStalled) return bounded.promise
    // The ticket was taken all the same: one caller must find out that reads succeed again.
    return Promise.reject(new ReadStalledError('reads fail, or take too long to be waited for'))
  }

  nextUnbounded(): Promise<void> {
    return this.#ticket().unbounded.promise
  }

  #ticket(): Ticket {
    if (this.#waiting) return this.#waiting
    const made = newTicket()
    this.#waiting = made
    if (!this.#running) void this.#start(made)
    return made
  }

  /** Callers can join until the moment the read begins. */
  async #start(due: Ticket): Promise<void> {
    const { read, clock, intervalMs } = this.#options
    this.#running = due
    const pauseMs = this.#isFailing ? intervalMs * SLOWER_WHILE_FAILING : intervalMs
    const leftMs = this.#startedMs + pauseMs - clock.monotonicMs()
    if (leftMs > 0) await clock.sleep(leftMs)
    this.#startedMs = clock.monotonicMs()
    this.#waiting = null
    if (!this.#isWatching) void this.#watch()
    try {
      await read()
      this.#isStalled = false
      this.#isFailing = false
      settle(due)
    } catch (error) {
      this.#isStalled = true
      this.#isFailing = true
      settle(due, error)
    } finally {
      this.#running = null
      if (this.#waiting) void this.#start(this.#waiting)
    }
  }

  /** One timer for many reads: a read that stalls is noticed after one to two times that long. */
  async #watch(): Promise<void> {
    const { clock, stalledMs } = this.#options
    this.#isWatching = true
    while (this.#running) {
      const watched = this.#running
      await clock.sleep(stalledMs)
      // If this process itself stood still, the answer is there already: one more turn reads it.
      await clock.sleep(1)
      if (this.#running === watched) this.#stall()
    }
    this.#isWatching = false
  }

  #stall(): void {
    this.#isStalled = true
    const error = new ReadStalledError('the read takes too long to be waited for')
    this.#running?.bounded.reject(error)
    this.#waiting?.bounded.reject(error)
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
