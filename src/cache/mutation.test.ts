import { describe, expect, it } from 'vitest'
import type { EntryKey } from './entry-store.ts'
import { type Invalidation, invalidatesNothing, mergeInvalidations, mutation, NOTHING_INVALIDATED } from './mutation.ts'
import type { Tag } from './tags.ts'

const key = (name: string) => ({ layer: 'user-groups' as const, key: name as EntryKey })
const tags = (...names: string[]) => names as Tag[]

describe('the chain of a mutation', () => {
  it('declares, and every step leaves what came before it as it was', async () => {
    const steps: string[] = []
    const lock = (name: string) => async () => void steps.push(name)
    const rule = (name: string) => async () => {
      steps.push(name)
      return NOTHING_INVALIDATED
    }
    const bare = mutation<null, string>('rename')
    const full = bare.locking(lock('tree')).locking(lock('group')).invalidates(rule('one')).invalidates(rule('two'))
    const begun = await full.write(async () => 7).begin(null, 'x')
    expect(await begun.affected()).toEqual([NOTHING_INVALIDATED, NOTHING_INVALIDATED])
    expect(steps).toEqual(['tree', 'group', 'one', 'two'])
    const plain = bare.write(async () => 7)
    expect([plain.name, await (await plain.begin(null, 'x')).affected()]).toEqual(['rename', []])
    expect(steps).toHaveLength(4)
  })

  it('is about its input, or about what it resolves once, after the locks, for rules, write and audit', async () => {
    const steps: string[] = []
    const about: unknown[] = []
    const declared = mutation<null, string>('rename')
      .on(async (_tx, input) => {
        steps.push(`resolve ${input}`)
        return { old: input.length }
      })
      .locking(() => void steps.push('lock'))
      .invalidates((_tx, subject) => {
        about.push(subject)
        return NOTHING_INVALIDATED
      })
      .write((_tx, { old }, input) => `${old} ${input}`)
      .audited({
        target: (input) => `thing:${input}`,
        before: ({ old }) => old,
        after: (result, { old }) => [result, old],
      })
    const begun = await declared.begin(null, 'four')
    await begun.affected()
    const result = await begun.write()
    await begun.affected()
    expect(result).toBe('4 four')
    expect(begun.audit(result)).toEqual({ target: 'thing:four', before: 4, after: ['4 four', 4] })
    expect(about).toEqual([{ old: 4 }])
    expect(steps).toEqual(['lock', 'resolve four'])
  })

  it('evaluates a rule again if it may have asked the transaction, and only once if it answers at once', async () => {
    const asked: string[] = []
    const begun = await mutation<null, string>('rename')
      .invalidates(async () => {
        asked.push('later')
        return NOTHING_INVALIDATED
      })
      .invalidates(() => {
        asked.push('at once')
        return NOTHING_INVALIDATED
      })
      .write(() => null)
      .begin(null, 'x')
    await begun.affected()
    expect(await begun.affected()).toHaveLength(2)
    expect(asked).toEqual(['later', 'at once', 'later'])
  })

  it('refuses a subject that comes after rules about another', () => {
    const ruled = mutation<null, string>('rename').invalidates(() => NOTHING_INVALIDATED)
    expect(() => ruled.on(async () => 7)).toThrow('rename: rules come after the subject that they are about')
  })

  it('is audited under its name and without a state unless it says more', async () => {
    const plain = mutation<null, string>('rename').write(async () => 7)
    expect((await plain.begin(null, 'x')).audit(7)).toEqual({ target: 'rename', before: null, after: null })
    const audited = plain.audited({ target: (input) => `thing:${input}` })
    expect((await audited.begin(null, 'x')).audit(7)).toEqual({ target: 'thing:x', before: null, after: null })
  })

  it('counts every result as a change unless it says which is none', async () => {
    const plain = await mutation<null, string>('rename')
      .write(async () => null)
      .begin(null, 'four')
    expect(plain.changed(null)).toBe(true)
    const picky = await mutation<null, string>('rename')
      .write(
        async (_tx, input) => input.length,
        (length, input) => length > 3 && input !== 'same',
      )
      .begin(null, 'four')
    expect(await picky.write()).toBe(4)
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
