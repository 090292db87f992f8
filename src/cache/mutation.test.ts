import { describe, expect, it } from 'vitest'
import type { EntryKey } from './entry-store.ts'
import { type Invalidation, invalidatesNothing, mergeInvalidations, mutation, NOTHING_INVALIDATED } from './mutation.ts'
import type { Tag } from './tags.ts'

const key = (name: string) => ({ layer: 'user-groups' as const, key: name as EntryKey })
const tags = (...names: string[]) => names as Tag[]

describe('the chain of a mutation', () => {
  it('declares, and every step leaves what came before it as it was', () => {
    const lock = async () => {}
    const rule = async () => NOTHING_INVALIDATED
    const bare = mutation<null, string>('rename')
    const full = bare.locking(lock).locking(lock).invalidates(rule).invalidates(rule).invalidates(rule)
    const written = full.write(async () => 7)
    expect(written).toMatchObject({ name: 'rename', locks: [lock, lock], rules: [rule, rule, rule] })
    const plain = bare.write(async () => 7)
    expect(plain).toMatchObject({ name: 'rename', locks: [], rules: [] })
  })

  it('is audited under its name and without a state unless it says more', async () => {
    const plain = mutation<null, string>('rename').write(async () => 7)
    expect(plain.target('x')).toBe('rename')
    expect(await plain.state(null, 'x')).toBe(null)
    const audited = mutation<null, string>('rename')
      .audited(
        (input) => `thing:${input}`,
        async (_tx, input) => ({ name: input }),
      )
      .write(async () => 7)
    expect(audited.target('x')).toBe('thing:x')
    expect(await audited.state(null, 'x')).toEqual({ name: 'x' })
  })

  it('counts every result as a change unless it says which is none', async () => {
    const plain = mutation<null, string>('rename').write(async () => null)
    expect(plain.changed(null)).toBe(true)
    const picky = mutation<null, string>('rename').write(
      async (_tx, input) => input.length,
      (length) => length > 3,
    )
    expect(await picky.write(null, 'four')).toBe(4)
    expect([picky.changed(3), picky.changed(4)]).toEqual([false, true])
  })
})

describe('merged invalidations', () => {
  it('name everything once, in the order it was first named', async () => {
    const one: Invalidation = { tags: tags('u:a', 'u:b'), keys: [key('a'), key('b')], layers: ['user-groups'] }
    const two: Invalidation = {
      tags: tags('u:b', 'u:c'),
      keys: [key('b'), key('c')],
      layers: ['user-groups', 'resources'],
    }
    expect(await mergeInvalidations([one, two])).toEqual({
      tags: tags('u:a', 'u:b', 'u:c'),
      keys: [key('a'), key('b'), key('c')],
      layers: ['user-groups', 'resources'],
    })
  })

  it('of nothing are nothing', async () => {
    expect(await mergeInvalidations([])).toEqual(NOTHING_INVALIDATED)
    expect(NOTHING_INVALIDATED).toEqual({ tags: [], keys: [], layers: [] })
  })
})

it.each([
  [{ tags: [], keys: [], layers: [] }, true],
  [{ tags: tags('u:a'), keys: [], layers: [] }, false],
  [{ tags: [], keys: [key('a')], layers: [] }, false],
  [{ tags: [], keys: [], layers: ['resources'] }, false],
] as [Invalidation, boolean][])('an invalidation of %j invalidates nothing: %s', (invalidation, nothing) => {
  expect(invalidatesNothing(invalidation)).toBe(nothing)
})
