/** What a derivation waits for and gives up on: each of these lines is one that a revoked permission could slip past. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  covers,
  createEntryCodec,
  createInvalidationIndex,
  createReadThrough,
  type LogFollower,
  type LogRow,
  parseSnapshot,
  type Stamp,
  type Tag,
} from '../../cache/index.ts'
import { createFakeClock, createInMemoryEntryStore } from '../../cache/testing/index.ts'
import type { ResourceQuery } from '../api.ts'
import { createCursorCodec } from '../cursor.ts'
import { createFreshness } from '../freshness.ts'
import { bucketOf, grantsTag, retentionOf, userTag } from '../keys.ts'
import type { UserId, VisibleResource } from '../model.ts'
import type { CacheSource, GroupNode } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import { createLayers } from './layers.ts'
import { createResourcePages } from './resource-page.ts'
import { idIn, itemOf, team } from './test-items.ts'
import { createVisibleResources } from './visible-resources.ts'

const SECRET = '0123456789abcdef0123456789abcdef'
const DATABASE = 'database'
const alice = 'alice' as UserId
const first: ResourceQuery = { limit: 50 }
const plans = Array.from({ length: 60 }, (_, n) => itemOf(idIn(n, n), `plan-${100 + n}`, [[team, 'read']]))
const at = (xmax: number): Stamp => ({ database: DATABASE, snapshot: parseSnapshot(`${xmax}:${xmax}:`) })
const row = (xid: number, ...tags: Tag[]) => ({ xid, tags }) as unknown as LogRow
const group: GroupNode = { id: team, name: 'team', parentId: null, role: 'member', until: null }

const createStore = () => createInMemoryEntryStore({ clock: { monotonicMs: () => 0 } })

/** An instance whose log goes on only when the test says so. */
function createInstance(shared = createStore()) {
  const clock = createFakeClock()
  const entries = createEntryCodec(SECRET)
  const index = createInvalidationIndex({ retentionOf, maxTags: 100 })
  index.reset({ position: at(10), floor: at(0).snapshot, rows: [] })
  const catalogue = createCatalogue()
  for (const [bucket, items] of Map.groupBy(plans, ({ id }) => bucketOf(id)))
    catalogue.replace(bucket, bucketOfItems(items))
  const instance = {
    clock,
    index,
    store: shared,
    isWhole: true,
    isReadable: true,
    /** With the next read of the log. */
    fallsBehind: false,
    /** What the next read of the log brings. */
    upcoming: [] as LogRow[],
    logReads: 0,
    /** Of the next loads of groups; the last stays. */
    groups: [{ value: [group], stamp: at(10) }] as { value: GroupNode[]; stamp: Stamp }[],
    sql: [] as string[],
  }
  async function readLog() {
    await null
    if (!instance.isReadable) throw new Error('the log cannot be read')
    instance.logReads++
    if (instance.fallsBehind) instance.isWhole = false
    const rows = instance.upcoming.splice(0)
    const before = Number(index.position?.snapshot.xmax ?? 0)
    const xmax = Math.max(before + 1, ...rows.map(({ xid }) => Number(xid) + 1))
    index.advance(at(xmax).snapshot, rows)
  }
  const follower = {
    trust: () => 'following',
    isOverdue: () => false,
    judge: index.judge,
    barrier: () =>
      readLog().then(
        () => true,
        () => false,
      ),
    async catchUp({ snapshot }: Stamp) {
      if (index.position && covers(index.position.snapshot, snapshot)) return
      await readLog()
    },
  } as unknown as LogFollower
  const bySql: VisibleResource[] = []
  const source = {
    async effectiveGroups() {
      instance.sql.push('groups')
      const loaded = instance.groups.length > 1 ? instance.groups.shift() : instance.groups[0]
      await null
      return loaded
    },
    async visibleList() {
      instance.sql.push('list')
      return { value: { groups: [group], items: bySql }, stamp: index.position }
    },
    async visible() {
      instance.sql.push('page')
      return bySql
    },
  } as unknown as CacheSource
  const events = {}
  const visible = createVisibleResources({
    reads: createReadThrough({ store: instance.store, follower, clock, entries, events }),
    layers: createLayers({ index, follower, clock, entries, events }),
    catalogue,
    followed: { isWhole: () => instance.isWhole },
    index,
    follower,
    clock,
    freshness: createFreshness({ index, follower, tokenWaitMs: 100 }),
    source,
    pages: createResourcePages(createCursorCodec(SECRET)),
    storeBudgetMs: 100,
  })
  return { ...instance, instance, visible }
}

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

const size = ({ body }: { body: Buffer }) => (JSON.parse(body.toString()) as { data: unknown[] }).data.length

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

  it('loads the groups anew where the log says that they changed', async () => {
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
