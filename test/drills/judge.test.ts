import { describe, expect, it } from 'vitest'
import type { Answer, Version } from './history.ts'
import { createJudge } from './judge.ts'

const view = (text: string) => new Map([['ann', text]])
const initial: Version = {
  startedMs: Number.NEGATIVE_INFINITY,
  ackedMs: Number.NEGATIVE_INFINITY,
  ackedBy: null,
  views: view('plain'),
}
const revoked: Version = { startedMs: 100, ackedMs: 110, ackedBy: 'api-1', views: view('') }
const granted: Version = { startedMs: 500, ackedMs: 510, ackedBy: 'api-1', views: view('plain=write') }
const versions = [initial, revoked, granted]

const read = (given: Partial<Answer>): Answer => ({
  user: 'ann',
  process: 'api-2',
  startedMs: 200,
  endedMs: 201,
  tokenVersion: null,
  view: '',
  ...given,
})
const unhealthy = createJudge({ healthy: [], boundMs: 1000 })
const healthy = createJudge({ healthy: [{ fromMs: 0, toMs: 10_000 }], boundMs: 1000 })

describe('the judge', () => {
  it('accepts the acknowledged state', () => {
    expect(healthy(versions, read({}))).toEqual({ kind: 'explained' })
  })

  it('accepts either state while the mutation is in flight', () => {
    for (const seen of ['plain', ''])
      expect(healthy(versions, read({ startedMs: 105, endedMs: 106, view: seen }))).toEqual({ kind: 'explained' })
  })

  it('accepts the old state from a read that began before the acknowledgement, however late it ends', () => {
    expect(healthy(versions, read({ startedMs: 109, endedMs: 400, view: 'plain' }))).toEqual({ kind: 'explained' })
  })

  it('refuses the old state from a read that began after the acknowledgement', () => {
    expect(healthy(versions, read({ view: 'plain' }))).toEqual({
      kind: 'stale',
      staleMs: 90,
      missed: 1,
      promise: 'P2',
      broken: true,
    })
  })

  it('allows what was changed behind the API the bound of P3, though Redis is healthy', () => {
    const outside = [initial, { ...revoked, ackedBy: null, outside: true as const }]
    const stale = { kind: 'stale', missed: 1, promise: 'P3' }
    expect(healthy(outside, read({ view: 'plain' }))).toMatchObject({ ...stale, broken: false })
    const late = read({ view: 'plain', startedMs: 1111, endedMs: 1112 })
    expect(healthy(outside, late)).toMatchObject({ ...stale, broken: true })
  })

  it('refuses a state whose mutation had not been sent', () => {
    expect(healthy(versions, read({ view: 'plain=write' }))).toEqual({ kind: 'impossible' })
  })

  it('refuses a state that never was', () => {
    expect(healthy(versions, read({ view: 'plain,secret' }))).toEqual({ kind: 'impossible' })
  })

  it('refuses what another user sees', () => {
    const both = [{ ...initial, views: new Map([...view('plain'), ['bob', 'secret']]) }]
    expect(healthy(both, read({ view: 'secret' }))).toEqual({ kind: 'impossible' })
  })

  it('counts staleness from the first state that was missed, not from the last', () => {
    expect(unhealthy(versions, read({ startedMs: 700, endedMs: 701, view: 'plain' }))).toMatchObject({
      staleMs: 590,
      missed: 1,
    })
  })

  it('accepts a state that came back, whatever lay between', () => {
    const again: Version = { ...granted, views: view('plain') }
    expect(healthy([initial, revoked, again], read({ startedMs: 700, endedMs: 701, view: 'plain' }))).toEqual({
      kind: 'explained',
    })
  })

  it('accepts both outcomes of a mutation whose outcome nobody learnt, for ever', () => {
    const unknown: Version = { ...revoked, ackedMs: Number.POSITIVE_INFINITY, ackedBy: null }
    for (const seen of ['plain', ''])
      expect(healthy([initial, unknown], read({ startedMs: 9000, endedMs: 9001, view: seen }))).toEqual({
        kind: 'explained',
      })
  })
})

describe('the bound for a stale answer', () => {
  it('is a second under a fault', () => {
    expect(unhealthy(versions.slice(0, 2), read({ startedMs: 1110, endedMs: 1111, view: 'plain' }))).toMatchObject({
      promise: 'P3',
      broken: false,
    })
    expect(unhealthy(versions.slice(0, 2), read({ startedMs: 1111, endedMs: 1112, view: 'plain' }))).toMatchObject({
      promise: 'P3',
      broken: true,
    })
  })

  it('is nothing for the token of the mutation that is missing', () => {
    expect(unhealthy(versions, read({ tokenVersion: 1, view: 'plain' }))).toMatchObject({
      promise: 'P3-token',
      broken: true,
    })
  })

  it('is a second for what came after the token', () => {
    const answer = read({ startedMs: 600, endedMs: 601, tokenVersion: 1, view: '' })
    expect(unhealthy(versions, answer)).toMatchObject({ promise: 'P3', missed: 2, broken: false })
  })

  it('is nothing on the process that acknowledged', () => {
    expect(unhealthy(versions, read({ process: 'api-1', view: 'plain' }))).toMatchObject({
      promise: 'P4',
      broken: true,
    })
  })

  it('is a second when the mutation fell into the fault, though the read did not', () => {
    const afterwards = createJudge({ healthy: [{ fromMs: 105, toMs: 10_000 }], boundMs: 1000 })
    expect(afterwards(versions, read({ view: 'plain' }))).toMatchObject({ promise: 'P3', broken: false })
  })
})
