/** Deadlines of one length for many requests: one timer looks after all of them, because nearly none is ever reached. */

export interface Deadlines {
  /** @param expire called at most once, up to a tenth of the length late, unless `end` comes first */
  start(expire: () => void): Deadline
  end(deadline: Deadline): void
}

export interface Deadline {
  readonly dueAtMs: number
  readonly expire: () => void
}

const CHECKS_PER_LENGTH = 10

export function createDeadlines({ afterMs }: { readonly afterMs: number }): Deadlines {
  // In the order of their beginning, which is the order in which they are due.
  const running = new Set<Deadline>()
  let timer: NodeJS.Timeout | undefined

  function check(): void {
    const nowMs = performance.now()
    for (const deadline of running) {
      if (deadline.dueAtMs > nowMs) break
      running.delete(deadline)
      deadline.expire()
    }
    if (running.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    start(expire) {
      const deadline = { dueAtMs: performance.now() + afterMs, expire }
      running.add(deadline)
      timer ??= setInterval(check, Math.max(1, afterMs / CHECKS_PER_LENGTH)).unref()
      return deadline
    },
    end: (deadline) => void running.delete(deadline),
  }
}
