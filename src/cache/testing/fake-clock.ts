/** A clock that stands until it is moved. */
import type { Clock } from '../clock.ts'

/** Time as a test decides it. */
export interface FakeClock extends Clock {
  nowMs: number
  /** How much more time passed than the monotonic clock noticed, in milliseconds. */
  suspendedMs: number
  /** How long each sleep was asked to last, in milliseconds. */
  readonly slept: number[]
  /** Sleeps that have neither ended nor been aborted. */
  readonly sleeping: number
  /** Moves time in the order of the sleepers, and lets whatever each of them does run before the next wakes. */
  advance(ms: number): Promise<void>
}

/** Lets everything run that can run without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** @returns a clock whose `advance` wakes sleepers in their order */
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
        if (signal?.aborted) return reject(signal.reason)
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
