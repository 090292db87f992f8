/** Times a small operation in this process: batches long enough for the clock, the median of many. */
import { median } from './statistics.ts'

const BATCH_MS = 5
const BATCHES = 60

/** @returns nanoseconds per call */
export function nanosecondsPer(operation: () => unknown): number {
  let calls = 1
  for (let ms = 0; ms < BATCH_MS; ) {
    calls *= 2
    ms = batch(operation, calls)
  }
  return median(Array.from({ length: BATCHES }, () => (batch(operation, calls) * 1e6) / calls))
}

let sink: unknown

function batch(operation: () => unknown, calls: number): number {
  const startedMs = performance.now()
  for (let call = 0; call < calls; call++) sink = operation()
  return performance.now() - startedMs
}

/** What was computed last; that it could be read keeps the work from being optimised away. @public */
export const lastResult = (): unknown => sink
