/**
 * Deadlines of one length for many requests. One timer checks all of them, because almost none is ever reached.
 * Starting and ending a deadline moves at most one other, and nothing that has ended is kept.
 */

export interface Deadlines {
  /**
   * @param beganAtMs on the monotonic clock: the caller has read it already
   * @param expire called at most once, up to a hundredth of the length late, unless `end` comes first
   */
  start(beganAtMs: number, expire: () => void): Deadline
  end(deadline: Deadline): void
}

export interface Deadline {
  readonly beganAtMs: number
  /** Later than it began plus the length, if the process stood still meanwhile. */
  dueAtMs: number
  readonly expire: () => void
  /** Its index among the running ones; -1 once it has ended. */
  index: number
}

/** The more checks, the fewer requests expire at once and keep the event loop busy. */
const CHECKS_PER_LENGTH = 100
/** Requests that began together expire together; other work gets a turn of the event loop after this many. */
const PER_TURN = 3
/** A check this late means that the process was stopped or had no processor; a busy event loop is less late. */
const PAUSE_MS = 500

export function createDeadlines({ afterMs }: { readonly afterMs: number }): Deadlines {
  return new CheckedDeadlines(afterMs)
}

class CheckedDeadlines implements Deadlines {
  readonly #afterMs: number
  readonly #intervalMs: number
  readonly #running: Deadline[] = []
  #timer: NodeJS.Timeout | undefined
  #nextCheckAtMs = 0

  constructor(afterMs: number) {
    this.#afterMs = afterMs
    this.#intervalMs = Math.max(1, afterMs / CHECKS_PER_LENGTH)
  }

  start(beganAtMs: number, expire: () => void): Deadline {
    const deadline = { beganAtMs, dueAtMs: beganAtMs + this.#afterMs, expire, index: this.#running.length }
    this.#running.push(deadline)
    this.#timer ??= this.#startChecking()
    return deadline
  }

  end(deadline: Deadline): void {
    const { index } = deadline
    if (index === -1) return
    deadline.index = -1
    const last = this.#running.pop()
    if (last === undefined || last === deadline) return
    this.#running[index] = last
    last.index = index
  }

  #startChecking(): NodeJS.Timeout {
    this.#nextCheckAtMs = performance.now() + this.#intervalMs
    return setInterval(() => this.#check(), this.#intervalMs).unref()
  }

  #check(): void {
    const nowMs = performance.now()
    const lateMs = nowMs - this.#nextCheckAtMs
    if (lateMs > PAUSE_MS) this.#extend({ beganBeforeMs: this.#nextCheckAtMs, byMs: lateMs + this.#intervalMs })
    this.#nextCheckAtMs = nowMs + this.#intervalMs
    const due = this.#running.filter(({ dueAtMs }) => dueAtMs <= nowMs)
    this.#expireSome(due.sort((one, other) => one.dueAtMs - other.dueAtMs))
    if (this.#running.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /**
   * Timers run before sockets are read: at the first check after a pause, the answers that requests wait for may still
   * be in the sockets' buffers. So nothing expires at that check. A request that began after the check was due began
   * after the pause.
   */
  #extend({ beganBeforeMs, byMs }: { beganBeforeMs: number; byMs: number }): void {
    for (const deadline of this.#running) if (deadline.beganAtMs <= beganBeforeMs) deadline.dueAtMs += byMs
  }

  #expireSome(due: readonly Deadline[]): void {
    for (const deadline of due.slice(0, PER_TURN)) {
      // It may have ended while it waited for its turn.
      if (deadline.index === -1) continue
      this.end(deadline)
      deadline.expire()
    }
    if (due.length > PER_TURN) setImmediate(() => this.#expireSome(due.slice(PER_TURN)))
  }
}
