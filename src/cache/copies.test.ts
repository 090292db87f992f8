import { describe, expect, it } from 'vitest'
import { type Copy, createCopies } from './copies.ts'
import type { EntryKey } from './entry-store.ts'
import { stamp } from './testing/index.ts'

const key = (name: string) => name as EntryKey
const OVERHEAD_BYTES = 512

function copy(bytes: number): Copy<string> {
  const entry = { fillId: 'x', shape: 1, stamp: stamp('1:1:'), tags: [], until: null, loadedAt: 0, meta: {} }
  return { entry, value: `${bytes}`, bytes, expiresAtMs: 0, judgedAt: -1 }
}

/** Room for exactly so many copies of 100 bytes. */
const roomFor = (count: number) => createCopies<string>({ maxBytes: count * (100 + OVERHEAD_BYTES) })

describe('copies', () => {
  it('are found again, and nothing else is', () => {
    const copies = roomFor(2)
    const a = copy(100)
    copies.set(key('a'), a)
    expect(copies.get(key('a'))).toBe(a)
    expect(copies.get(key('b'))).toBeUndefined()
  })

  it('fill their room to the last byte', () => {
    const copies = roomFor(2)
    copies.set(key('a'), copy(100))
    copies.set(key('b'), copy(100))
    expect(copies.bytes).toBe(2 * (100 + OVERHEAD_BYTES))
    expect(copies.get(key('a'))).toBeDefined()
    expect(copies.get(key('b'))).toBeDefined()
  })

  it('push out the one used longest ago, and only as many as they must', () => {
    const copies = roomFor(3)
    for (const name of ['a', 'b', 'c']) copies.set(key(name), copy(100))
    copies.get(key('a'))
    copies.set(key('d'), copy(100))
    expect(['a', 'b', 'c', 'd'].map((name) => copies.get(key(name)) !== undefined)).toEqual([true, false, true, true])
    expect(copies.bytes).toBe(3 * (100 + OVERHEAD_BYTES))
  })

  it('push out several for a large one', () => {
    const copies = roomFor(3)
    for (const name of ['a', 'b', 'c']) copies.set(key(name), copy(100))
    copies.set(key('d'), copy(2 * 100 + OVERHEAD_BYTES + 1))
    expect(['a', 'b', 'c', 'd'].map((name) => copies.get(key(name)) !== undefined)).toEqual([false, false, false, true])
    copies.set(key('e'), copy(0))
    expect(copies.get(key('d'))).toBeDefined()
  })

  it('do not keep one that is larger than all the room', () => {
    const copies = roomFor(1)
    copies.set(key('a'), copy(101))
    expect(copies.get(key('a'))).toBeUndefined()
    expect(copies.bytes).toBe(0)
  })

  it('replace one of the same key, without counting it twice', () => {
    const copies = roomFor(2)
    copies.set(key('a'), copy(100))
    copies.set(key('b'), copy(100))
    const renewed = copy(100)
    copies.set(key('a'), renewed)
    expect(copies.get(key('a'))).toBe(renewed)
    expect(copies.get(key('b'))).toBeDefined()
    expect(copies.bytes).toBe(2 * (100 + OVERHEAD_BYTES))
  })

  it('give back the room of one that is deleted, once', () => {
    const copies = roomFor(2)
    copies.set(key('a'), copy(100))
    copies.set(key('b'), copy(100))
    copies.delete(key('a'))
    copies.delete(key('a'))
    copies.delete(key('never there'))
    expect(copies.get(key('a'))).toBeUndefined()
    expect(copies.bytes).toBe(100 + OVERHEAD_BYTES)
  })
})
