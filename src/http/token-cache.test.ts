import { describe, expect, it } from 'vitest'
import { createTokenCache } from './token-cache.ts'

describe('the memory of verified tokens', () => {
  const create = (options: { maxEntries?: number; maxAgeMs?: number } = {}) => {
    const clock = { nowMs: 1_000_000 }
    const cache = createTokenCache<string>({
      maxEntries: 10,
      maxTokenLength: 20,
      maxAgeMs: 60_000,
      ...options,
      nowMs: () => clock.nowMs,
    })
    return { cache, clock }
  }

  it('never outlives the token', () => {
    const { cache, clock } = create()
    cache.set('t', 'alice', clock.nowMs + 1000)
    clock.nowMs += 999
    expect(cache.get('t')).toBe('alice')
    clock.nowMs += 1
    expect(cache.get('t')).toBeUndefined()
    expect(cache.size).toBe(0)
  })

  it('ends with its own age, so that a withdrawn key stops counting', () => {
    const { cache, clock } = create({ maxAgeMs: 500 })
    cache.set('t', 'alice', clock.nowMs + 1_000_000)
    clock.nowMs += 500
    expect(cache.get('t')).toBeUndefined()
  })

  it('stays within its bound and keeps what is in use', () => {
    const { cache, clock } = create()
    cache.set('used', 'alice', clock.nowMs + 50_000)
    for (let index = 0; index < 1000; index++) {
      cache.set(`t${index}`, 'someone', clock.nowMs + 50_000)
      expect(cache.get('used')).toBe('alice')
      expect(cache.size).toBeLessThanOrEqual(10)
    }
    expect(cache.get('t0')).toBeUndefined()
  })

  it('leaves out tokens that are long', () => {
    const { cache, clock } = create()
    cache.set('x'.repeat(21), 'alice', clock.nowMs + 1000)
    expect(cache.size).toBe(0)
  })
})
