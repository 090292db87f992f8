import { describe, expect, it, vi } from 'vitest'
import type { EntryRead } from './entry-store.ts'
import type { LayerRead } from './layer.ts'
import { alice, key, setUp } from './read-through.fixture.ts'
import { stamp, unavailable } from './testing/index.ts'

describe('a replica, while the master is away', () => {
  async function withReplica() {
    const all = await setUp()
    const { instance, loading, store } = all
    await instance().read(loading('one'))
    const { bytes = Buffer.alloc(0) } = store.entries.get(key) ?? {}
    store.fault = 'away'
    const readReplica = vi.fn(async (): Promise<EntryRead> => {
      store.calls.push('replica')
      return { kind: 'found', bytes, ttlMs: 500 }
    })
    Object.assign(store, { readReplica })
    store.calls.length = 0
    return { ...all, readReplica }
  }

  it('is asked behind the barrier, and its answer is judged and kept', async () => {
    const { read, never, store, soon, readReplica, seen, clock } = await withReplica()
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'replica', ttlMs: 500 })
    expect(store.calls).toEqual([`open ${key}`, 'log', 'replica'])
    expect(readReplica).toHaveBeenCalledWith({ key, layer: 'user-groups' }, undefined)
    expect(seen.at(-1)).toBe('hit user-groups from replica')
    clock.nowMs += 2
    expect(await soon(read(never))).toMatchObject({ value: 'one', detail: 'memory' })
    expect(readReplica).toHaveBeenCalledTimes(1)
  })

  it('has not heard of a commit that the barrier brought: its entry is not served', async () => {
    const { read, loading, soon, commit, seen } = await withReplica()
    commit(20, [alice])
    const fresh = loading('fresh', { stamp: stamp('21:21:') })
    expect(await soon(read(fresh))).toMatchObject({ value: 'fresh', outcome: 'not-stored', detail: 'memory' })
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('is not asked where the barrier cannot be had', async () => {
    const { read, never, soon, log, readReplica } = await withReplica()
    log.failure = new Error('statement timeout')
    expect(await soon(read(never))).toMatchObject({ outcome: 'bypass' })
    expect(readReplica).not.toHaveBeenCalled()
  })

  it.each<[string, () => Promise<EntryRead> | null]>([
    ['has nothing', async () => ({ kind: 'absent' })],
    ['is there no more', () => null],
    ['cannot answer either', () => Promise.reject(unavailable('replica-away'))],
  ])('%s: the value is loaded', async (_what, answers) => {
    const { read, loading, soon, store } = await withReplica()
    Object.assign(store, { readReplica: answers })
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two', detail: 'memory' })
  })

  it('is asked for the input of a list too, and not again if its entry was outdated', async () => {
    const { readList, never, loading, soon, deriving, readReplica } = await withReplica()
    expect(await soon(readList(deriving, never))).toMatchObject({ value: 'list of one', detail: 'memory' })
    // The list itself lies under another key: the replica's bytes are not its.
    expect(readReplica).toHaveBeenCalledTimes(2)
    const other = await withReplica()
    const twice = async (input: () => Promise<LayerRead<string>>) => {
      await input()
      return other.deriving(input)
    }
    expect(await other.soon(other.readList(twice, other.loading('anew')))).toMatchObject({ value: 'list of anew' })
    expect(loading).toBeDefined()
  })
})
