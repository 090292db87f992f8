/** The parts of a row in figures of their own: a slow recovery must not be taken for a slow outage, nor hide behind one. */
import { hasFailed, percentileOf } from '../../src/local/load-report.ts'
import type { Sample } from '../../src/local/read-load.ts'

export interface Phase {
  readonly name: string
  /** Milliseconds since the load began. */
  readonly fromMs: number
  /** What the instances had used of the processors by then, in milliseconds. */
  readonly processorMs: number
}

export interface PhaseFigures {
  readonly name: string
  readonly seconds: number
  readonly reads: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly slowestMs: number
  /** Of the reads, the share answered around the cache. */
  readonly bypassed: number
  /** What a read cost the instances, in milliseconds of one processor. */
  readonly processorMs: number
  /** How late the load itself asked: the 99th percentile, in milliseconds. */
  readonly lateP99Ms: number
  readonly secondsP99Ms: readonly number[]
}

const SECOND = 1000
const askedMs = ({ endedMs, latencyMs }: Sample) => endedMs - latencyMs

/** A read belongs to the phase in which it was asked. */
export function figuresByPhase(samples: readonly Sample[], phases: readonly Phase[], end: Phase): PhaseFigures[] {
  return phases.map((phase, index) => figuresOf(samples, phase, phases[index + 1] ?? end))
}

function figuresOf(all: readonly Sample[], { name, fromMs, processorMs }: Phase, next: Phase): PhaseFigures {
  const toMs = next.fromMs
  const samples = between(all, fromMs, toMs)
  const p = (share: number, of = samples) => percentileOf(of, share) ?? 0
  const seconds = Array.from({ length: Math.ceil((toMs - fromMs) / SECOND) }, (_, second) => fromMs + second * SECOND)
  return {
    name,
    seconds: (toMs - fromMs) / SECOND,
    reads: samples.length,
    failed: samples.filter(hasFailed).length,
    p50Ms: p(0.5),
    p99Ms: p(0.99),
    slowestMs: p(1),
    bypassed: samples.filter(({ source }) => source === 'bypass').length / Math.max(1, samples.length),
    processorMs: (next.processorMs - processorMs) / Math.max(1, samples.length),
    lateP99Ms: p(
      0.99,
      samples.map((sample) => ({ ...sample, latencyMs: sample.lateMs })),
    ),
    secondsP99Ms: seconds.map((startMs) => p(0.99, between(samples, startMs, Math.min(toMs, startMs + SECOND)))),
  }
}

function between(samples: readonly Sample[], fromMs: number, toMs: number): Sample[] {
  return samples.filter((sample) => askedMs(sample) >= fromMs && askedMs(sample) < toMs)
}

/** One line, for people who follow the drill. */
export function lineOf(phase: PhaseFigures): string {
  const { name, seconds, reads, failed, p50Ms, p99Ms, slowestMs, bypassed, secondsP99Ms } = phase
  const whole = (ms: number) => ms.toFixed(0)
  return [
    `  ${name.padEnd(10)} ${seconds.toFixed(1)} s`,
    `${reads} reads, ${failed} failed, ${whole(100 * bypassed)} % around the cache`,
    `p50 ${whole(p50Ms)}, p99 ${whole(p99Ms)}, slowest ${whole(slowestMs)} ms`,
    `the load itself late by ${whole(phase.lateP99Ms)} ms`,
    `${phase.processorMs.toFixed(2)} ms of processor per read`,
    `p99 by second: ${secondsP99Ms.map(whole).join(' ')}`,
  ].join(' | ')
}
