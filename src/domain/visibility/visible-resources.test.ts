/** What a derivation waits for and gives up on: each of these lines is one that a revoked permission could slip past. */
import { beforeEach, describe, expect, it } from 'vitest'
import { grantsTag, userTag } from '../keys.ts'
import { team } from './test-items.ts'
import { alice, at, createInstance, first, group, row, size } from './visible-resources.fixture.ts'

let { instance, visible, index, store } = createInstance()
beforeEach(() => {
  ;({ instance, visible, index, store } = createInstance())
})

/** Another instance that is further in the log finds nothing in the store, and fills it. */
async function fillAt(position: number): Promise<void> {
  for (const key of store.entries.keys()) store.faults.evict(key)
  const other = createInstance(store)
  other.index.advance(at(position).snapshot, [])
  await other.visible.page(alice, first, {})
  expect(store.entries.size).toBeGreaterThan(0)
}

describe('a list that is not stored yet', () => {
  it('is merged from the catalogue, by groups read and a log read after the request came', async () => {
    const page = await visible.page(alice, first, {})
    expect([size(page), page.cache, instance.sql, instance.logReads]).toEqual([
      50,
      { kind: 'miss', stored: true },
      ['groups'],
      1,
    ])
  })

  it('comes from SQL while a bucket of the catalogue is behind', async () => {
    instance.isWhole = false
    await visible.page(alice, first, {})
    expect(instance.sql).toEqual(['list'])
  })

  it('comes from SQL where a bucket falls behind with the very read of the log that it waits for', async () => {
    instance.fallsBehind = true
    expect([size(await visible.page(alice, first, {})), instance.sql.at(-1)]).toEqual([0, 'list'])
  })

  it('comes from SQL where the log cannot be read', async () => {
    instance.isReadable = false
    await visible.page(alice, first, {})
    expect(instance.sql).toEqual(['groups', 'list'])
  })

  it('waits until the position covers what the groups were loaded at', async () => {
    instance.groups = [{ value: [group], stamp: at(12) }]
    const page = await visible.page(alice, first, {})
    expect([size(page), instance.logReads, index.position]).toEqual([50, 2, at(12)])
  })

  it('loads the groups again where the log says that they changed', async () => {
    instance.upcoming = [row(20, userTag(alice))]
    instance.groups = [
      { value: [group], stamp: at(10) },
      { value: [], stamp: at(21) },
    ]
    expect([size(await visible.page(alice, first, {})), instance.sql]).toEqual([0, ['groups', 'groups']])
  })

  it('is left to one statement where the groups change with every attempt', async () => {
    instance.upcoming = [row(20, userTag(alice))]
    await visible.page(alice, first, {})
    expect(instance.sql).toEqual(['groups', 'groups', 'groups', 'list'])
  })
})

describe('what is merged behind a list', () => {
  let cursor: string

  beforeEach(async () => {
    cursor = (await visible.page(alice, first, {})).nextCursor ?? ''
    instance.sql.length = 0
  })

  const next = () => visible.page(alice, { ...first, cursor }, {})

  it('is a hit', async () => {
    const page = await next()
    expect([size(page), page.cache.kind, instance.sql]).toEqual([10, 'hit', []])
  })

  it('waits for a position that covers the list: another instance may have filled it', async () => {
    await fillAt(30)
    instance.upcoming = [row(40, grantsTag(team))]
    const { logReads } = instance
    const page = await next()
    expect([instance.logReads > logReads, page.cache]).toEqual([true, { kind: 'bypass', detail: 'changed-meanwhile' }])
  })

  it('is left to SQL where that position cannot be had', async () => {
    await fillAt(30)
    instance.isReadable = false
    expect((await next()).cache).toEqual({ kind: 'bypass', detail: 'log-behind' })
  })

  it('is left to SQL while a bucket of the catalogue is behind', async () => {
    instance.isWhole = false
    expect((await next()).cache).toEqual({ kind: 'bypass', detail: 'catalogue-behind' })
  })
})
