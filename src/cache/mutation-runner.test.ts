import { describe, expect, it, vi } from 'vitest'
import type { EntryKey, LayerName } from './entry-store.ts'
import { createInvalidationIndex } from './invalidation-index.ts'
import { type Invalidation, type KeyList, mutation, type Rule } from './mutation.ts'
import { createMutationRunner, type LogRecord, type UnitOfWork } from './mutation-runner.ts'
import type { Tag } from './tags.ts'
import {
  createFakeClock,
  createFaultyStore,
  createInMemoryEntryStore,
  DATABASE,
  snapshot,
  stamp,
  xid,
} from './testing/index.ts'

interface Tx {
  value: string
}

const named = (layer: LayerName, key: string) => ({ layer, key: key as EntryKey })
const groupsOf = (user: string) => named('user-groups', `user:groups:{${user}}`)
const listOf = (user: string) => named('user-resources', `resources:{${user}}`)
const bucket = named('resources', 'resources:all:0a')
const aliceTag = 'u:alice' as Tag
const COMMITTED = { database: DATABASE, xid: xid(20) }

function setUp(over: Partial<UnitOfWork<Tx, string>> = {}) {
  const store = createFaultyStore(createInMemoryEntryStore({ clock: createFakeClock() }))
  const steps = store.calls
  const records: Omit<LogRecord, 'audit'>[] = []
  const audits: unknown[] = []
  const missed: unknown[] = []
  const tx: Tx = { value: 'old' }
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 100 })
  index.reset({ position: stamp('20:20:'), floor: snapshot('1:1:'), rows: [] })
  const note = index.note.bind(index)
  vi.spyOn(index, 'note').mockImplementation((row, database) => {
    steps.push(`note ${row.xid} ${row.tags.join()}`)
    note(row, database)
  })
  const unitOfWork: UnitOfWork<Tx, string> = {
    async run(context, work) {
      steps.push(`begin ${context}`)
      const value = await work(tx)
      steps.push('commit')
      return value
    },
    async appendInvalidation(_tx, context, { audit, ...record }) {
      steps.push(`audit ${context} ${record.event}`, `append ${context}`)
      audits.push(audit)
      records.push(record)
      return COMMITTED
    },
    async identify() {
      steps.push('identify')
      return COMMITTED
    },
    async audit(_tx, context, action, record) {
      steps.push(`audit ${context} ${action}`)
      audits.push(record)
    },
    ...over,
  }
  const runner = createMutationRunner({
    layers: { names: ['resources', 'user-groups', 'user-resources'] },
    unitOfWork,
    store,
    index,
    onStoreMissed: (event) => missed.push(event),
  })
  return { runner, unitOfWork, store, index, steps, records, audits, missed, tx }
}

const invalidation = (over: Partial<Invalidation> = {}): Invalidation => ({ tags: [], keys: [], layers: [], ...over })

/** A rule that says when it was asked, and answers by what the transaction shows then. */
const rule =
  (steps: string[], name: string, before: Partial<Invalidation>, after = before): Rule<Tx, string> =>
  async ({ value }) => {
    steps.push(`${name} sees ${value}`)
    return invalidation(value === 'old' ? before : after)
  }

const rename = (steps: string[], name = 'rename') =>
  mutation<Tx, string>(name)
    .locking(async () => void steps.push('lock tree'))
    .locking(async () => void steps.push('lock group'))

const writing = (steps: string[]) => async (tx: Tx, input: string) => {
  steps.push('write')
  tx.value = input
  return input.length
}

describe('a mutation', () => {
  it('writes nothing when a rule names a layer that is not in the table', async () => {
    const { runner, steps } = setUp()
    const change = mutation<Tx, string>('change')
      .invalidates(() => invalidation({ keys: [named('shelves', 'a')] }))
      .write(writing(steps))
    await expect(runner.run(change, 'new', 'ann')).rejects.toThrow(
      'an invalidation names shelves, which is not a layer',
    )
    expect(steps).toEqual(['begin ann', 'write'])
  })

  it('locks, computes, writes, computes again, audits, appends and commits; then tells the index, then deletes', async () => {
    const { runner, steps } = setUp()
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { tags: [aliceTag], keys: [groupsOf('alice')] }))
      .write(writing(steps))
    await runner.run(declared, 'new', 'admin')
    expect(steps).toEqual([
      'begin admin',
      'lock tree',
      'lock group',
      'rule sees old',
      'write',
      'rule sees new',
      'audit admin rename',
      'append admin',
      'commit',
      'note 20 u:alice',
      'invalidate user:groups:{alice}',
    ])
  })

  it('invalidates the entries affected before the write and those affected after it, each once', async () => {
    const { runner, steps, records } = setUp()
    const tags = ['u:alice', 'u:bob', 'u:carol'] as Tag[]
    const declared = rename(steps)
      .invalidates(rule(steps, 'one', { tags: tags.slice(0, 2), keys: [groupsOf('alice')] }, { tags: tags.slice(1) }))
      .invalidates(rule(steps, 'two', {}, { keys: [groupsOf('carol')] }))
      .write(writing(steps))
    const outcome = await runner.run(declared, 'new', 'admin')
    expect(steps.slice(3, 8)).toEqual(['one sees old', 'two sees old', 'write', 'one sees new', 'two sees new'])
    expect(outcome).toEqual({
      ...COMMITTED,
      value: 3,
      invalidation: { tags, keys: [groupsOf('alice'), groupsOf('carol')], layers: [] },
      store: 'invalidated',
    })
    expect(records).toEqual([{ event: 'rename', tags, keyCount: 2, widened: false }])
  })

  it('is audited with its target and its state before and after', async () => {
    const { runner, steps, audits } = setUp()
    const declared = mutation<Tx, string>('rename')
      .on(async ({ value }, input) => ({ from: value, to: input }))
      .write((tx, { to }) => writing(steps)(tx, to))
      .audited({ target: (input) => `thing:${input}`, before: ({ from }) => from, after: (length) => ({ length }) })
    await runner.run(declared, 'new', 'admin')
    expect(audits).toEqual([{ target: 'thing:new', before: 'old', after: { length: 3 } }])
  })

  it('that left everything as it was invalidates, audits and appends nothing', async () => {
    const { runner, steps } = setUp()
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { tags: [aliceTag], keys: [groupsOf('alice')], layers: ['resources'] }))
      .write(writing(steps), () => false)
    const outcome = await runner.run(declared, 'new', 'admin')
    expect(outcome).toEqual({ ...COMMITTED, value: 3, invalidation: invalidation(), store: 'untouched' })
    expect(steps.slice(3)).toEqual(['rule sees old', 'write', 'identify', 'commit'])
  })

  it('that invalidates nothing is audited, and names its transaction', async () => {
    const { runner, steps } = setUp()
    const outcome = await runner.run(rename(steps).write(writing(steps)), 'new', 'admin')
    expect(outcome).toMatchObject({ ...COMMITTED, store: 'untouched' })
    expect(steps.slice(3)).toEqual(['write', 'audit admin rename', 'identify', 'commit'])
  })

  it('that names keys without a tag appends them and notes nothing', async () => {
    const { runner, steps } = setUp()
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { keys: [groupsOf('alice')] }))
      .write(writing(steps))
    await runner.run(declared, 'new', 'admin')
    expect(steps.slice(-3)).toEqual(['append admin', 'commit', 'invalidate user:groups:{alice}'])
  })

  it('that names tags alone leaves the store untouched', async () => {
    const { runner, steps } = setUp()
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { tags: [aliceTag] }))
      .write(writing(steps))
    expect((await runner.run(declared, 'new', 'admin')).store).toBe('untouched')
    expect(steps.at(-1)).toBe('note 20 u:alice')
  })

  it('says in the log that whole layers go', async () => {
    const { runner, steps, records } = setUp()
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { layers: ['user-groups'] }))
      .write(writing(steps))
    expect((await runner.run(declared, 'new', 'admin')).store).toBe('invalidated')
    expect(records).toEqual([{ event: 'rename', tags: [], keyCount: 0, widened: true }])
    expect(steps.at(-1)).toBe('generations user-groups')
  })

  it('of another incarnation of the database ends the trust in the former one’s log', async () => {
    const { runner, index, steps } = setUp({ appendInvalidation: async () => ({ database: 'other', xid: xid(20) }) })
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { tags: [aliceTag] }))
      .write(writing(steps))
    expect((await runner.run(declared, 'new', 'admin')).database).toBe('other')
    expect(index.judge(stamp('20:20:'), [], 'volatile')).toBe('no-position')
  })

  it('is known to this instance at once', async () => {
    const { runner, index, steps } = setUp()
    const declared = rename(steps)
      .invalidates(rule(steps, 'rule', { tags: [aliceTag] }))
      .write(writing(steps))
    await runner.run(declared, 'new', 'admin')
    expect(index.judge(stamp('20:20:'), [aliceTag], 'volatile')).toBe('invalidated')
  })
})

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

describe('a mutation that fails', () => {
  const affecting = (steps: string[], layers: LayerName[] = []) =>
    rename(steps).invalidates(rule(steps, 'rule', { tags: [aliceTag], keys: [groupsOf('alice')], layers }))

  it('before the stale entries are computed touches nothing', async () => {
    const { runner, steps, index } = setUp()
    const declared = affecting(steps).write(async () => {
      throw new Error('version mismatch')
    })
    await expect(runner.run(declared, 'new', 'admin')).rejects.toThrow('version mismatch')
    expect(steps).toEqual(['begin admin', 'lock tree', 'lock group', 'rule sees old'])
    expect(index.note).not.toHaveBeenCalled()
  })

  it('while committing may have committed: the entries are removed, because they can be loaded again, and nothing is noted', async () => {
    const { runner, steps, index } = setUp({
      async run(_context, work) {
        await work({ value: 'old' })
        throw new Error('connection lost while committing')
      },
    })
    await expect(runner.run(affecting(steps).write(writing(steps)), 'new', 'admin')).rejects.toThrow('connection lost')
    expect(steps.at(-1)).toBe('invalidate user:groups:{alice}')
    expect(index.note).not.toHaveBeenCalled()
  })

  it('while appending is rolled back', async () => {
    const { runner, steps } = setUp({
      async appendInvalidation() {
        throw new Error('disk full')
      },
    })
    await expect(runner.run(affecting(steps).write(writing(steps)), 'new', 'admin')).rejects.toThrow('disk full')
    expect(steps).not.toContain('commit')
  })
})

describe('a store that cannot be reached', () => {
  const declared = (steps: string[]) =>
    rename(steps)
      .invalidates(rule(steps, 'rule', { tags: [aliceTag], keys: [groupsOf('alice')], layers: ['user-resources'] }))
      .write(writing(steps))

  it('never fails a mutation, and is reported', async () => {
    const { runner, store, steps, missed } = setUp()
    store.fault = 'away'
    expect(await runner.run(declared(steps), 'new', 'admin')).toMatchObject({ value: 3, store: 'unavailable' })
    expect(missed).toEqual(['rename'])
    expect(steps).toContain('note 20 u:alice')
  })

  it('needs no listener', async () => {
    const { unitOfWork, store, index, steps } = setUp()
    store.fault = 'away'
    const runner = createMutationRunner({
      layers: { names: ['resources', 'user-groups', 'user-resources'] },
      unitOfWork,
      store,
      index,
    })
    expect((await runner.run(declared(steps), 'new', 'admin')).store).toBe('unavailable')
  })

  it('does not hide a fault of the program', async () => {
    const { runner, store, steps, missed } = setUp()
    vi.spyOn(store, 'invalidate').mockRejectedValue(new TypeError('a fault'))
    await expect(runner.run(declared(steps), 'new', 'admin')).rejects.toThrow('a fault')
    expect(missed).toEqual([])
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
