import { describe, expect, it } from 'vitest'
import type { Committed, InvalidationIndex, LogFollower, Stamp, Xid } from '../cache/index.ts'
import { encodeConsistencyToken } from './consistency-token.ts'
import { createFreshness } from './freshness.ts'

const OLD = '7123456789.5-0000000A-1700000000.25'
const PROMOTED = '7123456789.5-0000000B-1700000001.25'
const at = (database: string): Stamp => ({ database, snapshot: { xmin: 9 as Xid, xmax: 9 as Xid, inProgress: [] } })
const token = (database: string) => encodeConsistencyToken({ database, xid: 5 as Xid })

/** A log that is at `position`, and at `next` once it is read. */
function setUp({ position = at(OLD) as Stamp | null, next = position as Stamp | null | 'unreachable' } = {}) {
  const state = { position, covered: true, asked: [] as string[] }
  const follower: Partial<LogFollower> = {
    async refresh(timeoutMs) {
      state.asked.push(`refresh ${timeoutMs}`)
      if (next === 'unreachable') return false
      state.position = next
      return true
    },
    async waitFor({ xid }: Committed, timeoutMs) {
      state.asked.push(`wait ${xid} ${timeoutMs}`)
      return state.covered
    },
  }
  const index = {
    get position() {
      return state.position
    },
  } as InvalidationIndex
  return { state, freshness: createFreshness({ index, follower: follower as LogFollower, tokenWaitMs: 1000 }) }
}

describe('a read without terms', () => {
  it('may use the cache, and asks nobody: whether the log is trusted, the layers judge', async () => {
    const { freshness, state } = setUp()
    expect(await freshness.reasonToBypass({})).toBeNull()
    expect(state.asked).toEqual([])
  })

  it('goes around it when the reader says so', async () => {
    expect(await setUp().freshness.reasonToBypass({ bypass: true })).toBe('request')
  })
})

describe('a consistency token', () => {
  it('is not waited for where the cache is not used', async () => {
    const { freshness, state } = setUp()
    expect(await freshness.reasonToBypass({ after: token(OLD), bypass: true })).toBe('request')
    expect(state.asked).toEqual([])
  })

  it('is waited for', async () => {
    const { freshness, state } = setUp()
    expect(await freshness.reasonToBypass({ after: token(OLD) })).toBeNull()
    expect(state.asked).toEqual(['wait 5 1000'])
    state.covered = false
    expect(await freshness.reasonToBypass({ after: token(OLD) })).toBe('token-not-covered')
  })

  it('that cannot be read is refused also where the cache is not used', async () => {
    const { freshness } = setUp()
    for (const refused of [
      freshness.reasonToBypass({ after: 'x', bypass: true }),
      freshness.checkToken({ after: 'x' }),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'token-malformed' })
    await expect(freshness.checkToken({})).resolves.toBeUndefined()
  })

  it('of a history that is over is refused, once the log says that this one is the newer', async () => {
    const { freshness, state } = setUp({ position: at(PROMOTED) })
    for (const refused of [
      freshness.reasonToBypass({ after: token(OLD) }),
      freshness.checkToken({ after: token(OLD) }),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'token-other-history' })
    expect(state.asked).toEqual(['refresh 1000', 'refresh 1000'])
  })

  it('of a history that this instance has not heard of yet is good', async () => {
    for (const position of [at(OLD), null]) {
      const { freshness, state } = setUp({ position, next: at(PROMOTED) })
      expect(await freshness.reasonToBypass({ after: token(PROMOTED) })).toBeNull()
      expect(state.asked).toEqual(['refresh 1000', 'wait 5 1000'])
    }
  })

  it('of an unknown history is answered by the database where the log cannot be asked', async () => {
    const { freshness, state } = setUp({ next: 'unreachable' })
    expect(await freshness.reasonToBypass({ after: token(PROMOTED) })).toBe('token-not-covered')
    expect(state.asked).toEqual(['refresh 1000'])
    await expect(freshness.checkToken({ after: token(PROMOTED) })).resolves.toBeUndefined()
  })
})
