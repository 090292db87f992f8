/**
 * A histogram of durations whose series are looked up once, so that an observation is a comparison or two and an addition.
 * The library's own checks and joins the labels at every observation, which takes a fiftieth of a hit.
 */
import type { Metric, Registry } from 'prom-client'

export interface DurationHistogram {
  /** @returns what to call with each duration that has these labels, in milliseconds */
  series(labels: Readonly<Record<string, string | number>>): (durationMs: number) => void
  /** Observations per bucket of all series whose labels match; one more than bounds, the last is above all of them. */
  counts(matches: (labels: Series['labels']) => boolean): DurationCounts
}

export interface DurationCounts {
  /** Upper bounds, ascending, in milliseconds. */
  readonly boundsMs: readonly number[]
  readonly counts: readonly number[]
}

export interface DurationHistogramOptions {
  readonly name: string
  readonly help: string
  /** Upper bounds, ascending. */
  readonly bucketsS: readonly number[]
  readonly registry: Registry
}

interface Series {
  readonly labels: Readonly<Record<string, string | number>>
  /** Observations per bucket, not cumulative; the last bucket is above all bounds. */
  readonly counts: number[]
  sumS: number
}

export function createDurationHistogram(options: DurationHistogramOptions): DurationHistogram {
  const { name, help, bucketsS, registry } = options
  const all: Series[] = []
  const values = () => all.flatMap((series) => valuesOf(series, options))
  // All that a registry needs of a metric; the declared type allows only the library's own classes.
  const metric = {
    name,
    help,
    type: 'histogram',
    get: async () => ({ name, help, type: 'histogram', values: values() }),
  }
  registry.registerMetric(metric as unknown as Metric)

  return {
    counts(matches) {
      const found = all.filter(({ labels }) => matches(labels))
      const sum = (bucket: number) => found.reduce((total, { counts }) => total + (counts[bucket] ?? 0), 0)
      return {
        boundsMs: bucketsS.map((bound) => bound * 1000),
        counts: Array.from({ length: bucketsS.length + 1 }, (_, bucket) => sum(bucket)),
      }
    },
    series(labels) {
      const series: Series = { labels, counts: new Array(bucketsS.length + 1).fill(0), sumS: 0 }
      const boundsMs = bucketsS.map((bound) => bound * 1000)
      all.push(series)
      return (durationMs) => {
        let bucket = 0
        while (durationMs > (boundsMs[bucket] ?? Number.POSITIVE_INFINITY)) bucket++
        series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
        series.sumS += durationMs / 1000
      }
    },
  }
}

/** Cumulative, as the text format requires; a series without observations is left out. */
function valuesOf({ labels, counts, sumS }: Series, { name, bucketsS }: DurationHistogramOptions) {
  let count = 0
  const buckets = counts.map((inBucket, index) => {
    count += inBucket
    return { metricName: `${name}_bucket`, labels: { le: bucketsS[index] ?? '+Inf', ...labels }, value: count }
  })
  if (count === 0) return []
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumS },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
