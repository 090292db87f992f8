import { describe, expect, it, vi } from 'vitest'
import type { EntryKey, LayerName } from './entry-store.ts'
import { type Invalidation, type KeyList, mutation } from './mutation.ts'
import {
  aliceTag,
  bucket,
  groupsOf,
  invalidation,
  listOf,
  rename,
  rule,
  setUp,
  type Tx,
  writing,
} from './mutation-runner.fixture.ts'

describe('the order of removal', () => {
  const removal = async (over: Partial<Invalidation>) => {
    const { runner, steps } = setUp()
    await runner.run(
      rename(steps)
        .invalidates(rule(steps, 'rule', over))
        .write(writing(steps)),
      'new',
      'admin',
    )
    return steps.slice(steps.indexOf('commit') + 1)
  }

  it('is inputs first, in one call', async () => {
    expect(await removal({ keys: [listOf('bob'), groupsOf('bob'), bucket, listOf('amy')] })).toEqual([
      'invalidate resources:all:0a user:groups:{bob} resources:{bob} resources:{amy}',
    ])
  })

  it('is inputs by name before the layer derived from them', async () => {
    expect(await removal({ keys: [groupsOf('bob'), bucket], layers: ['user-resources'] })).toEqual([
      'invalidate resources:all:0a user:groups:{bob}',
      'generations user-resources',
    ])
  })

  it('is a layer of inputs before the layers derived from it by name', async () => {
    expect(await removal({ keys: [listOf('bob')], layers: ['user-groups'] })).toEqual([
      'generations user-groups',
      'invalidate resources:{bob}',
    ])
  })

  it('is whole layers in one call, inputs first, however they were named', async () => {
    expect(await removal({ layers: ['user-resources', 'user-groups', 'resources'] })).toEqual([
      'generations resources user-groups user-resources',
    ])
  })

  it('is mixed where it must be', async () => {
    const keys = [listOf('bob'), bucket]
    expect(await removal({ keys, layers: ['resources', 'user-groups', 'user-resources'] })).toEqual([
      'invalidate resources:all:0a',
      'generations resources user-groups',
      'invalidate resources:{bob}',
      'generations user-resources',
    ])
  })
})

describe('keys by the thousand', () => {
  const SIZE = 2500

  /** Counts how many of its keys have been written out. */
  function counted(layer: LayerName, identity = 'the same') {
    const seen = { written: 0 }
    const list: KeyList = {
      layer,
      size: SIZE,
      identity,
      *keys() {
        for (let at = 0; at < SIZE; at++) {
          seen.written++
          yield `${layer}:${at}` as EntryKey
        }
      },
    }
    return { list, seen }
  }

  it('are written out and removed a thousand at a time, and others have their turn in between', async () => {
    const { runner, store, records } = setUp()
    const { list, seen } = counted('user-resources')
    const pieces: { size: number; written: number; turns: number }[] = []
    let turns = 0
    vi.spyOn(store, 'invalidate').mockImplementation(async (keys) => {
      pieces.push({ size: keys.length, written: seen.written, turns })
      await new Promise((resolve) => setImmediate(resolve))
      turns++
      return keys.length
    })
    const declared = mutation<Tx, string>('wide')
      .invalidates(async () => invalidation({ tags: [aliceTag], keys: [bucket], lists: [list] }))
      .write(async () => null)
    await runner.run(declared, 'new', 'admin')
    expect(pieces).toEqual([
      { size: 1, written: 0, turns: 0 },
      { size: 1000, written: 1000, turns: 1 },
      { size: 1000, written: 2000, turns: 2 },
      { size: 500, written: 2500, turns: 3 },
    ])
    expect(records).toMatchObject([{ keyCount: SIZE + 1 }])
  })

  it('are removed once where both evaluations name the same, and inputs before the entries derived from them', async () => {
    const { runner, store } = setUp()
    const [groups, lists, others] = [
      counted('user-groups').list,
      counted('user-resources').list,
      counted('user-resources', 'others').list,
    ]
    const removed: string[] = []
    vi.spyOn(store, 'invalidate').mockImplementation(async (keys) => {
      removed.push(`${keys[0]} +${keys.length - 1}`)
      return keys.length
    })
    const declared = mutation<Tx, string>('wide')
      .invalidates(async ({ value }) =>
        invalidation({ keys: [listOf('alice')], lists: value === 'old' ? [lists, groups] : [lists, groups, others] }),
      )
      .write(writing([]))
    await runner.run(declared, 'new', 'admin')
    const inPieces = (layer: string) => [`${layer}:0 +999`, `${layer}:1000 +999`, `${layer}:2000 +499`]
    expect(removed).toEqual([
      ...inPieces('user-groups'),
      'resources:{alice} +0',
      ...inPieces('user-resources'),
      ...inPieces('user-resources'),
    ])
  })
})
