/** Medians and their spread: on a machine that does other things too, means say little. */
import { max, median, min, quantile } from 'simple-statistics'

export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** NaN throughout where there is nothing to describe. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { median: Number.NaN, low: Number.NaN, high: Number.NaN }
  return { median: median([...values]), low: min([...values]), high: max([...values]) }
}

/** @param share such as 0.99 */
export function percentile(values: readonly number[], share: number): number {
  return values.length === 0 ? Number.NaN : quantile([...values], share)
}

export interface LatencyMs {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

export function latencyOf(values: readonly number[]): LatencyMs {
  const [p50 = 0, p90 = 0, p99 = 0, max = 0] = [0.5, 0.9, 0.99, 1].map((share) => percentile(values, share))
  return { p50, p90, p99, max }
}

export { median }
