/** Time as the cache needs it, so that tests decide when it passes. */
import timers from 'node:timers'

export interface Clock {
  /** Milliseconds that only increase, independent of the wall clock; for measuring and for time limits. */
  monotonicMs(): number
  /** Wall-clock milliseconds, shown to people. They influence a decision only if they make it stricter. */
  wallMs(): number
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  monotonicMs: performance.now.bind(performance),
  wallMs: Date.now,
  sleep: (ms, signal) => timers.promises.setTimeout(ms, undefined, { ref: true, ...(signal && { signal }) }),
}
