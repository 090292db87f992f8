/** Every latency of a run, in Node's own HDR histogram: three significant digits, whatever their number. */
import { createHistogram } from 'node:perf_hooks'
import type { LatencyMs } from './statistics.ts'

export interface Latencies {
  add(ms: number): void
  summary(): LatencyMs
}

export function createLatencies(): Latencies {
  const microseconds = createHistogram({ figures: 3 })
  return {
    add: (ms) => microseconds.record(Math.max(1, Math.round(ms * 1000))),
    summary: () => ({
      p50: microseconds.percentile(50) / 1000,
      p90: microseconds.percentile(90) / 1000,
      p99: microseconds.percentile(99) / 1000,
      max: microseconds.max / 1000,
    }),
  }
}
