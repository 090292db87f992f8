import { describe, expect, it, vi } from 'vitest'
import type { LayerName } from './entry-store.ts'
import { mutation } from './mutation.ts'
import {
  aliceTag,
  COMMITTED,
  groupsOf,
  invalidation,
  named,
  rename,
  rule,
  setUp,
  type Tx,
  writing,
} from './mutation-runner.fixture.ts'
import { createMutationRunner } from './mutation-runner.ts'
import type { Tag } from './tags.ts'
import { stamp, xid } from './testing/index.ts'

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
