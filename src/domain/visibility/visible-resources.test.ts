/** What a derivation waits for and gives up on: each of these lines is one that a revoked permission could slip past. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  covers,
  createEntryCodec,
  createInvalidationIndex,
  createReadThrough,
  type Judged,
  type LogFollower,
  type LogRow,
  parseSnapshot,
  type RetentionClass,
  type Stamp,
  type Tag,
} from '../../cache/index.ts'
import { createFakeClock, createInMemoryEntryStore } from '../../cache/testing/index.ts'
import type { ResourceQuery } from '../api.ts'
import { createCursorCodec } from '../cursor.ts'
import { createFreshness } from '../freshness.ts'
import { bucketOf, grantsTag, retentionOf, userTag } from '../keys.ts'
import type { UserId, VisibleResource } from '../model.ts'
import type { CacheSource, CatalogueGrant, CatalogueItem, GroupNode } from '../source.ts'
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
    /** By the database's clock, as far as it is known. */
    now: { earliestMs: 999, latestMs: 1001 },
    /** Of the reads of the log. */
    positionMs: 1000 as number | null,
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
    judge: ({ stamp, tags, until = null }: Judged, retention: RetentionClass) =>
      until !== null && until <= instance.now.latestMs ? 'ended' : index.judge(stamp, tags, retention),
    time: { earliestMs: () => instance.now.earliestMs, latestMs: () => instance.now.latestMs },
    positionMs: () => instance.positionMs,
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
      return { value: { groups: [group], items: bySql, until: null }, stamp: index.position }
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
  })
  return { ...instance, instance, visible, catalogue }
}

let { instance, visible, index, store, catalogue } = createInstance()
beforeEach(() => {
  ;({ instance, visible, index, store, catalogue } = createInstance())
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

describe('a grant that ends', () => {
  const [, second] = plans
  const [one, other] = [plans[0] as CatalogueItem, second as CatalogueItem]
  /** By the database's clock it may be now, or not. */
  const JUST_NOW = 1000.5

  function grant(item: CatalogueItem, ...grants: CatalogueGrant[]) {
    catalogue.put(bucketOfItems([{ ...item, grants }]))
  }
  const names = async () => {
    const { body } = await visible.page(alice, first, {})
    return (JSON.parse(body.toString()) as { data: { name: string; permission: string }[] }).data
  }

  it('is not in a list that is merged after it', async () => {
    grant(one, [team, 'read', 998])
    expect((await names())[0]?.name).toBe(other.name)
  })

  it('that may have ended this very moment is decided by the log’s next read, whose time is known exactly', async () => {
    grant(one, [team, 'read', JUST_NOW])
    const before = instance.logReads
    expect((await names())[0]?.name).toBe(one.name)
    // Behind the request, to settle it, and once more: the list that was made may have ended by now.
    expect(instance.logReads - before).toBe(3)
    instance.positionMs = JUST_NOW
    expect((await names())[0]?.name).toBe(other.name)
  })

  it('ends the page that shows it, and leaves a lesser one: merged by the groups that were read, and by nothing else', async () => {
    grant(one, [team, 'admin', 2000], [team, 'read'])
    expect((await names())[0]).toMatchObject({ name: one.name, permission: 'admin' })
    expect((await visible.page(alice, first, {})).cache.kind).toBe('hit')
    instance.now = { earliestMs: 1999.5, latestMs: 2000 }
    instance.positionMs = 2000
    const before = [[...instance.sql], [...store.entries]]
    const { body, cache } = await visible.page(alice, first, {})
    expect(cache.kind).toBe('hit')
    expect(JSON.parse(body.toString()).data[0]).toMatchObject({ name: one.name, permission: 'read' })
    expect([instance.sql, [...store.entries]]).toEqual(before)
  })

  it('is merged once for all who read the list until the next one ends', async () => {
    grant(one, [team, 'read', 2000])
    grant(other, [team, 'read', 3000])
    await names()
    let merges = 0
    const merge = catalogue.visible.bind(catalogue)
    catalogue.visible = (...asked) => {
      merges++
      return merge(...asked)
    }
    instance.now = { earliestMs: 2000.5, latestMs: 2001 }
    for (let read = 0; read < 3; read++) expect((await names())[0]?.name).toBe(other.name)
    expect(merges).toBe(1)
    instance.now = { earliestMs: 3000.5, latestMs: 3001 }
    for (let read = 0; read < 3; read++) expect((await names())[0]?.name).toBe(plans[2]?.name)
    expect(merges).toBe(2)
  })

  it('does not keep a list from being outdated by what is granted then', async () => {
    grant(one, [team, 'read', 2000])
    await names()
    instance.now = { earliestMs: 2000.5, latestMs: 2001 }
    expect((await names())[0]?.name).toBe(other.name)
    grant(one, [team, 'write', 4000])
    index.advance(at(40).snapshot, [row(39, grantsTag(team))])
    expect((await names())[0]).toMatchObject({ name: one.name, permission: 'write' })
  })

  it('of one beyond the page ends the list too where it says that there is another page', async () => {
    for (const item of plans.slice(51)) grant(item)
    grant(plans[50] as CatalogueItem, [team, 'read', 2000])
    expect((await visible.page(alice, first, {})).nextCursor).not.toBeNull()
    instance.now = { earliestMs: 2000, latestMs: 2001 }
    expect((await visible.page(alice, first, {})).nextCursor).toBeNull()
  })

  it('on the second page neither skips nor doubles anything', async () => {
    grant(plans[52] as CatalogueItem, [team, 'read', 2000])
    const { nextCursor } = await visible.page(alice, first, {})
    grant(plans[49] as CatalogueItem, [team, 'read', 1500])
    instance.now = { earliestMs: 2000, latestMs: 2001 }
    const { body } = await visible.page(alice, { ...first, cursor: nextCursor ?? '' }, {})
    expect((JSON.parse(body.toString()) as { data: { name: string }[] }).data.map(({ name }) => name)).toEqual(
      plans.filter((_, at) => at > 49 && at !== 52).map(({ name }) => name),
    )
  })

  it('is answered by SQL where the log says nothing of the time', async () => {
    grant(one, [team, 'read', JUST_NOW])
    instance.positionMs = null
    await names()
    expect(instance.sql).toContain('list')
  })

  it('is exact behind a read of the log though the present is unknown', async () => {
    instance.now = { earliestMs: Number.NEGATIVE_INFINITY, latestMs: Number.POSITIVE_INFINITY }
    grant(one, [team, 'read', 1001])
    expect((await names())[0]?.name).toBe(one.name)
    const { logReads } = instance
    expect((await names())[0]?.name).toBe(one.name)
    expect(instance.logReads).toBe(logReads + 1)
    instance.positionMs = 1001
    expect((await names())[0]?.name).toBe(other.name)
    expect(instance.sql).toEqual(['groups'])
  })

  it('is not counted, and not shown by itself', async () => {
    grant(one, [team, 'read', 1500])
    expect(await visible.counts(alice, {})).toMatchObject({ resources: 60 })
    expect((await visible.one(alice, { id: one.id }, {})).resource).toMatchObject({ name: one.name })
    instance.now = { earliestMs: 1500, latestMs: 1501 }
    expect(await visible.counts(alice, {})).toMatchObject({ resources: 59 })
    expect((await visible.one(alice, { id: one.id }, {})).resource).toBeNull()
  })
})

describe('a membership that ends', () => {
  it('ends the groups and the list that was merged by them', async () => {
    instance.groups = [
      { value: [{ ...group, until: 2000 }], stamp: at(10) },
      { value: [], stamp: at(10) },
    ]
    expect(size(await visible.page(alice, first, {}))).toBe(50)
    instance.now = { earliestMs: 1999, latestMs: 1999.9 }
    expect((await visible.page(alice, first, {})).cache.kind).toBe('hit')
    instance.now = { earliestMs: 1999, latestMs: 2000 }
    expect(size(await visible.page(alice, first, {}))).toBe(0)
  })

  it('that PostgreSQL still shows though it may have ended here is answered, and not stored', async () => {
    instance.groups = [{ value: [{ ...group, until: 1000.5 }], stamp: at(10) }]
    const page = await visible.page(alice, first, {})
    expect(page.cache).toMatchObject({ kind: 'miss', stored: false })
    expect(instance.sql).toContain('list')
  })

  it('ends the second page with the list', async () => {
    instance.groups = [
      { value: [{ ...group, until: 2000 }], stamp: at(10) },
      { value: [], stamp: at(10) },
    ]
    const { nextCursor } = await visible.page(alice, first, {})
    instance.now = { earliestMs: 2000, latestMs: 2001 }
    expect(size(await visible.page(alice, { ...first, cursor: nextCursor ?? '' }, {}))).toBe(0)
  })
})
