/**
 * Deadlines of one length for many requests: one timer looks after all of them, because nearly none is ever reached.
 * Beginning and ending one moves at most one other, and nothing that has ended is kept.
 */

export interface Deadlines {
  /**
   * @param beganAtMs on the monotonic clock, so that the one who reads it anyway reads it once
   * @param expire called at most once, up to a tenth of the length late, unless `end` comes first
   */
  start(beganAtMs: number, expire: () => void): Deadline
  end(deadline: Deadline): void
}

export interface Deadline {
  readonly dueAtMs: number
  readonly expire: () => void
  /** Its place among the running ones; -1 when it is none of them any more. */
  place: number
}

/** The finer, the fewer are put off at once: everybody else waits for that. */
const CHECKS_PER_LENGTH = 100
/** Who came together is put off together; between so many of them the others get a turn. */
const PER_TURN = 3

export function createDeadlines({ afterMs }: { readonly afterMs: number }): Deadlines {
  const running: Deadline[] = []
  let timer: NodeJS.Timeout | undefined

  function end(deadline: Deadline): void {
    const { place } = deadline
    if (place === -1) return
    deadline.place = -1
    const last = running.pop()
    if (last === undefined || last === deadline) return
    running[place] = last
    last.place = place
  }

  function check(): void {
    const nowMs = performance.now()
    const due = running.filter(({ dueAtMs }) => dueAtMs <= nowMs).sort((one, other) => one.dueAtMs - other.dueAtMs)
    expireSome(due)
    if (running.length > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function expireSome(due: readonly Deadline[]): void {
    for (const deadline of due.slice(0, PER_TURN)) {
      // It may have ended while it waited for its turn.
      if (deadline.place === -1) continue
      end(deadline)
      deadline.expire()
    }
    if (due.length > PER_TURN) setImmediate(expireSome, due.slice(PER_TURN))
  }

  return {
    start(beganAtMs, expire) {
      const deadline = { dueAtMs: beganAtMs + afterMs, expire, place: running.length }
      running.push(deadline)
      timer ??= setInterval(check, Math.max(1, afterMs / CHECKS_PER_LENGTH)).unref()
      return deadline
    },
    end,
  }
}
