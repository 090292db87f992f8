/** Samples of a load in figures: per second while it runs, and as a whole. */
import type { Sample, Source } from './read-load.ts'

export interface Figures {
  readonly answers: number
  readonly failed: number
  /** Nearest-rank percentiles in milliseconds; null without answers. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  readonly sources: Readonly<Record<Source, number>>
}

export function figuresOf(samples: readonly Sample[]): Figures {
  const rank = (share: number) => percentileOf(samples, share)
  const count = (source: Source) => samples.filter((sample) => sample.source === source).length
  return {
    answers: samples.length,
    failed: samples.filter(hasFailed).length,
    p50Ms: rank(0.5),
    p99Ms: rank(0.99),
    maxMs: rank(1),
    sources: { hit: count('hit'), miss: count('miss'), bypass: count('bypass'), unknown: count('unknown') },
  }
}

/** The latency that a share of the answers stayed within, in milliseconds; null without answers. */
export function percentileOf(samples: readonly Sample[], share: number): number | null {
  const sorted = samples.map(({ latencyMs }) => latencyMs).sort((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

export function hasFailed({ outcome }: Sample): boolean {
  return typeof outcome === 'string' || outcome < 200 || outcome > 299
}

/** Each kind of failure once, with how often it happened. */
export function failuresOf(samples: readonly Sample[]): string[] {
  const counts = new Map<string, number>()
  for (const sample of samples.filter(hasFailed)) {
    const kind = typeof sample.outcome === 'number' ? `HTTP ${sample.outcome}` : sample.outcome
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts].map(([kind, count]) => `${count} × ${kind}`)
}

export const HEADING = 'second  answers  failed   p50 ms   p99 ms    hit   miss bypass   master by Sentinel'

export function row(second: number, figures: Figures, master: string): string {
  const { sources } = figures
  const cells = [
    String(second).padStart(6),
    String(figures.answers).padStart(8),
    String(figures.failed).padStart(7),
    milliseconds(figures.p50Ms).padStart(8),
    milliseconds(figures.p99Ms).padStart(8),
    String(sources.hit).padStart(6),
    String(sources.miss).padStart(6),
    String(sources.bypass).padStart(6),
  ]
  return `${cells.join(' ')}   ${master}`
}

export function milliseconds(value: number | null): string {
  return value === null ? '–' : value.toFixed(1)
}
