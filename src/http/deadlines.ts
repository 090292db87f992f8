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
  const intervalMs = Math.max(1, afterMs / CHECKS_PER_LENGTH)
  const running: Deadline[] = []
  let timer: NodeJS.Timeout | undefined
  let nextCheckAtMs = 0

  function end(deadline: Deadline): void {
    const { index } = deadline
    if (index === -1) return
    deadline.index = -1
    const last = running.pop()
    if (last === undefined || last === deadline) return
    running[index] = last
    last.index = index
  }

  function check(): void {
    const nowMs = performance.now()
    const lateMs = nowMs - nextCheckAtMs
    if (lateMs > PAUSE_MS) extend({ beganBeforeMs: nextCheckAtMs, byMs: lateMs + intervalMs })
    nextCheckAtMs = nowMs + intervalMs
    const due = running.filter(({ dueAtMs }) => dueAtMs <= nowMs).sort((one, other) => one.dueAtMs - other.dueAtMs)
    expireSome(due)
    if (running.length > 0) return
    clearInterval(timer)
    timer = undefined
  }

  /**
   * Timers run before sockets are read: at the first check after a pause, the answers that requests wait for may still
   * be in the sockets' buffers. So nothing expires at that check. A request that began after the check was due began
   * after the pause.
   */
  function extend({ beganBeforeMs, byMs }: { beganBeforeMs: number; byMs: number }): void {
    for (const deadline of running) if (deadline.beganAtMs <= beganBeforeMs) deadline.dueAtMs += byMs
  }

  function expireSome(due: readonly Deadline[]): void {
    for (const deadline of due.slice(0, PER_TURN)) {
      // It may have ended while it waited for its turn.
      if (deadline.index === -1) continue
      end(deadline)
      deadline.expire()
    }
    if (due.length > PER_TURN) setImmediate(expireSome, due.slice(PER_TURN))
  }

  function startChecking(): NodeJS.Timeout {
    nextCheckAtMs = performance.now() + intervalMs
    return setInterval(check, intervalMs).unref()
  }

  return {
    start(beganAtMs, expire) {
      const deadline = { beganAtMs, dueAtMs: beganAtMs + afterMs, expire, index: running.length }
      running.push(deadline)
      timer ??= startChecking()
      return deadline
    },
    end,
  }
}
