import { describe, expect, it } from 'vitest'
import type { Fault } from './faults/fault.ts'
import type { Read, Recording } from './recorder.ts'
import { summarise } from './summary.ts'

const fault: Fault = { name: 'none', title: 'no fault', clientsMayNotice: 'nothing', run: async () => {} }
const before = Number.NEGATIVE_INFINITY
const views = (text: string) => new Map([['ann', text]])

const read = (startedMs: number, view: string, given: Partial<Read> = {}): Read => ({
  instance: 1,
  startedMs,
  endedMs: startedMs + 2,
  outcome: 'hit',
  status: 200,
  detail: null,
  world: 0,
  answer: { user: 'ann', process: 'api-2#2', startedMs, endedMs: startedMs + 2, tokenVersion: null, view },
  ...given,
})

const recordingOf = (reads: Read[]): Recording => ({
  reads,
  attempts: [],
  marks: [
    { name: 'healthy', atMs: 1000 },
    { name: 'fault', atMs: 2000 },
    { name: 'healthy', atMs: 4000 },
    { name: 'end', atMs: 5000 },
  ],
  versions: [
    [
      { startedMs: before, ackedMs: before, ackedBy: null, views: views('plain') },
      { startedMs: 2500, ackedMs: 2510, ackedBy: 'api-1#1', views: views('') },
    ],
  ],
})

describe('the summary of a fault', () => {
  it('keeps its promises when every answer is explained', () => {
    const summary = summarise(fault, recordingOf([read(1100, 'plain'), read(2600, ''), read(4100, '')]))
    expect(summary.promisesKept).toEqual({ P1: true, P2: true, P3: true, P4: true })
    expect(summary).toMatchObject({ judged: 3, violations: 0, stale: 0, worstStaleMs: 0 })
  })

  it('measures how late a revocation was seen, and breaks P3 beyond the bound', () => {
    const within = summarise(fault, recordingOf([read(2600, 'plain')]))
    expect(within).toMatchObject({ stale: 1, violations: 0, worstStaleMs: 90, visibleAfterP99Ms: 90 })
    const beyond = summarise(fault, recordingOf([read(3600, 'plain')]))
    expect(beyond.promisesKept.P3).toBe(false)
  })

  it('asks for P2 during a fault that leaves Redis alone, until an answer says that it is not well', () => {
    const harmless: Fault = { ...fault, redisStaysHealthy: true }
    const late = read(2600, 'plain')
    expect(summarise(harmless, recordingOf([late])).brokenBy).toMatchObject({ P2: 1, P3: 0 })
    const sick = read(2505, '', { outcome: 'bypass', detail: 'redis-timeout', answer: null })
    expect(summarise(harmless, recordingOf([sick, late])).brokenBy).toMatchObject({ P2: 0, P3: 0 })
  })

  it('breaks P1 with a single 5xx, and not where the database is away', () => {
    const failed = read(2600, '', { status: 503, outcome: 'error', answer: null })
    expect(summarise(fault, recordingOf([failed])).promisesKept.P1).toBe(false)
    const away: Fault = { ...fault, clientsMayNotice: 'database-away' }
    expect(summarise(away, recordingOf([failed])).promisesKept.P1).toBe(true)
  })

  it('breaks P1 with a cut connection, and not where instances end', () => {
    const cut = read(2600, '', { status: 0, outcome: 'cut', answer: null })
    expect(summarise(fault, recordingOf([cut])).promisesKept.P1).toBe(false)
    const ending: Fault = { ...fault, clientsMayNotice: 'instances-ending' }
    expect(summarise(ending, recordingOf([cut])).promisesKept.P1).toBe(true)
  })

  it('says when hits were back', () => {
    const hits = (fromMs: number, toMs: number, outcome: Read['outcome']) =>
      Array.from({ length: (toMs - fromMs) / 50 }, (_, index) =>
        read(fromMs + index * 50, '', { outcome, answer: null }),
      )
    const reads = [...hits(0, 2000, 'hit'), ...hits(2000, 3000, 'bypass'), ...hits(3000, 5000, 'hit')]
    expect(summarise(fault, recordingOf(reads)).hitsBackAfterMs).toBe(1000)
  })
})
