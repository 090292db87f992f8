import { describe, expect, it } from 'vitest'
import { failuresOf, figuresOf, row } from './load-report.ts'
import { type Sample, sourceOf } from './read-load.ts'

const sample = (over: Partial<Sample>): Sample => ({
  endedMs: 0,
  latencyMs: 1,
  lateMs: 0,
  outcome: 200,
  source: 'hit',
  ...over,
})

describe('the figures of a load', () => {
  it('take percentiles by nearest rank', () => {
    const samples = Array.from({ length: 100 }, (_, index) => sample({ latencyMs: 100 - index }))
    expect(figuresOf(samples)).toMatchObject({ answers: 100, p50Ms: 50, p99Ms: 99, maxMs: 100 })
  })

  it('are empty without answers, not zero', () => {
    expect(figuresOf([])).toMatchObject({ answers: 0, failed: 0, p50Ms: null, p99Ms: null })
    expect(row(1, figuresOf([]), 'redis-1')).toContain('–')
  })

  it('count everything but 2xx as failed, and name each kind once', () => {
    const samples = [204, 304, 429, 503, 503, 'ECONNRESET'].map((outcome) => sample({ outcome }))
    expect(figuresOf(samples).failed).toBe(5)
    expect(failuresOf(samples)).toEqual(['1 × HTTP 304', '1 × HTTP 429', '2 × HTTP 503', '1 × ECONNRESET'])
  })

  it('count where answers came from', () => {
    const samples = (['hit', 'hit', 'miss', 'bypass'] as const).map((source) => sample({ source }))
    expect(figuresOf(samples).sources).toEqual({ hit: 2, miss: 1, bypass: 1, unknown: 0 })
  })
})

it.each([
  ['portcullis; hit; ttl=812', 'hit'],
  ['portcullis; fwd=miss; stored', 'miss'],
  ['portcullis; fwd=miss', 'miss'],
  ['portcullis; fwd=bypass; detail=redis-unavailable', 'bypass'],
  ['', 'unknown'],
])('Cache-Status %j tells the source %s', (header, source) => {
  expect(sourceOf(header)).toBe(source)
})
