import { beforeEach, describe, expect, it } from 'vitest'
import { grantsTag } from '../keys.ts'
import type { CatalogueGrant, CatalogueItem } from '../source.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import { team } from './test-items.ts'
import { alice, at, createInstance, first, group, plans, row, size } from './visible-resources.fixture.ts'

let { instance, visible, index, store, catalogue } = createInstance()
beforeEach(() => {
  ;({ instance, visible, index, store, catalogue } = createInstance())
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
