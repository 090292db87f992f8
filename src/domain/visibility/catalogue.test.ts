import { describe, expect, it } from 'vitest'
import { type GroupId, PERMISSIONS, type Permission } from '../model.ts'
import type { CatalogueItem, VisibleQuery } from '../source.ts'
import { type Catalogue, createCatalogue } from './catalogue.ts'
import { bucketOfItems, decodeBucket, encodeBucket } from './catalogue-bucket.ts'
import type { ReadyItem } from './resource-page.ts'
import { type Grants, idIn, itemOf, lab, none, team, timeless } from './test-items.ts'

/** By its name's first letter each has an id of its own in bucket 0. */
const idOf = (name: string, bucket = 0) => idIn(bucket, name.codePointAt(0) ?? 0)
const item = (name: string, grants: Grants, bucket = 0) => itemOf(idOf(name, bucket), name, grants)
const replace = (catalogue: Catalogue, bucket: number, items: readonly CatalogueItem[]) =>
  catalogue.replace(bucket, bucketOfItems(items))
const put = (catalogue: Catalogue, ...items: CatalogueItem[]) => catalogue.put(bucketOfItems(items))
const parsed = ({ json }: ReadyItem) => JSON.parse(json.toString()) as CatalogueItem & { permission: Permission }
const query = (over: Partial<VisibleQuery> = {}): VisibleQuery => ({ count: 1000, ...over })
const seen = (catalogue: Catalogue, groups: readonly GroupId[], over?: Partial<VisibleQuery>) =>
  timeless(catalogue)
    .visible(groups, query(over))
    ?.map((found) => `${found.name} ${parsed(found).permission}`)

describe('the catalogue', () => {
  it('shows what is granted to any of the groups, in order, and nothing else', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [item('zoo', [[team, 'read']]), item('ant', [[lab, 'write']])])
    replace(catalogue, 1, [item('bee', [[team, 'read']], 1), item('cow', [], 1)])
    expect(seen(catalogue, [team, lab])).toEqual(['ant write', 'bee read', 'zoo read'])
    expect(seen(catalogue, [lab])).toEqual(['ant write'])
    expect(seen(catalogue, [none])).toEqual([])
    expect(seen(catalogue, [])).toEqual([])
    expect(catalogue.size).toBe(4)
  })

  it.each([[[team, lab]], [[lab, team]], [[lab, team, lab, none]]])(
    'shows one item with the highest of its permissions, in whatever order the groups come',
    (groups) => {
      const catalogue = createCatalogue()
      const grants: Grants = [
        [team, 'triage'],
        [lab, 'admin'],
      ]
      replace(catalogue, 0, [item('ant', grants), item('bee', grants.toReversed())])
      expect(seen(catalogue, groups)).toEqual(['ant admin', 'bee admin'])
      expect(seen(catalogue, [team])).toEqual(['ant triage', 'bee triage'])
      expect(timeless(catalogue).count(groups)).toBe(2)
    },
  )

  it('shows an item on the wire in one order of its properties, without its grants', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [item('ant', [[team, 'read']])])
    const text = `{"id":"${idOf('ant')}","name":"ant","kind":"plan","description":"about ant","attributes":{"a":1},"permission":"read","version":3,"updatedAt":"2026-01-01T00:00:00.000Z"}`
    const [found] = timeless(catalogue).visible([team], query()) ?? []
    expect([found?.id, found?.name, found?.json.toString()]).toEqual([idOf('ant'), 'ant', text])
    expect(
      timeless(catalogue)
        .visibleOne([team], { id: idOf('ant') })
        ?.json.toString(),
    ).toBe(text)
  })

  it('forgets what a bucket held before: a grant that is gone, a resource that is gone', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [
      item('ant', [
        [team, 'read'],
        [lab, 'read'],
      ]),
      item('bee', [[team, 'read']]),
    ])
    replace(catalogue, 1, [item('cow', [[team, 'read']], 1)])
    replace(catalogue, 0, [item('ant', [[lab, 'write']])])
    expect(seen(catalogue, [team])).toEqual(['cow read'])
    expect(seen(catalogue, [lab])).toEqual(['ant write'])
    expect(catalogue.size).toBe(2)
    replace(catalogue, 0, [])
    replace(catalogue, 1, [])
    expect(seen(catalogue, [team, lab])).toEqual([])
    expect(catalogue.size).toBe(0)
    replace(catalogue, 0, [item('ant', [[team, 'admin']])])
    expect(seen(catalogue, [team])).toEqual(['ant admin'])
  })

  it('forgets also what nobody asked for meanwhile, however often it is replaced', () => {
    const catalogue = createCatalogue()
    for (let version = 0; version < 5; version++) {
      const others = Array.from({ length: version }, (_, n) => itemOf(idIn(0, n), `bee-${n}`, [[team, 'write']]))
      replace(catalogue, 0, [item('ant', [[version % 2 ? team : lab, 'read']]), ...others])
    }
    expect(seen(catalogue, [team])).toEqual(['bee-0 write', 'bee-1 write', 'bee-2 write', 'bee-3 write'])
    expect(seen(catalogue, [lab, team])?.[0]).toBe('ant read')
  })

  it('orders items of one name by their ids', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [itemOf(idIn(0, 2), 'ant', [[team, 'read']]), itemOf(idIn(0, 1), 'ant', [[team, 'write']])])
    expect(seen(catalogue, [team])).toEqual(['ant write', 'ant read'])
  })
})

describe('a change of one resource', () => {
  function filled() {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [item('ant', [[team, 'read']]), item('cow', [[team, 'write']]), item('zoo', [[lab, 'read']])])
    return catalogue
  }

  it.each([true, false])(
    'brings one that was not there, whether or not its groups were ever asked for: %s',
    (asked) => {
      const catalogue = filled()
      if (asked) seen(catalogue, [team, lab])
      put(catalogue, item('bee', [[team, 'admin']]))
      expect(seen(catalogue, [team])).toEqual(['ant read', 'bee admin', 'cow write'])
      expect(catalogue.size).toBe(4)
    },
  )

  it.each([true, false])('moves one that has another name, in all its groups: %s', (asked) => {
    const catalogue = filled()
    if (asked) seen(catalogue, [team, lab])
    const grants: Grants = [
      [team, 'read'],
      [lab, 'triage'],
    ]
    put(catalogue, itemOf(idOf('ant'), 'yak', grants))
    expect(seen(catalogue, [team])).toEqual(['cow write', 'yak read'])
    expect(seen(catalogue, [lab])).toEqual(['yak triage', 'zoo read'])
    put(catalogue, itemOf(idOf('ant'), 'aaa', grants))
    expect(seen(catalogue, [team, lab])).toEqual(['aaa triage', 'cow write', 'zoo read'])
    expect(timeless(catalogue).visibleOne([team], { name: 'ant' })).toBeNull()
    expect(timeless(catalogue).visibleOne([team], { name: 'aaa' })?.id).toBe(idOf('ant'))
    expect(catalogue.size).toBe(3)
  })

  it('takes a grant away, gives another, and raises a third', () => {
    const catalogue = filled()
    seen(catalogue, [team, lab])
    put(catalogue, item('ant', [[lab, 'maintain']]))
    expect(seen(catalogue, [team])).toEqual(['cow write'])
    expect(seen(catalogue, [lab])).toEqual(['ant maintain', 'zoo read'])
    put(catalogue, item('cow', [[team, 'admin']]))
    expect(seen(catalogue, [team])).toEqual(['cow admin'])
    put(catalogue, item('cow', []))
    expect(seen(catalogue, [team, lab])).toEqual(['ant maintain', 'zoo read'])
    expect(catalogue.size).toBe(3)
  })

  it('takes one of many groups away, and leaves it to the others', () => {
    const groups = Array.from({ length: 200 }, (_, at) => `group-${at}` as GroupId)
    const catalogue = createCatalogue()
    const granted = (some: readonly GroupId[]) =>
      item(
        'ant',
        some.map((group) => [group, 'write'] as const),
      )
    replace(catalogue, 0, [granted(groups)])
    for (const group of groups) expect(seen(catalogue, [group])).toEqual(['ant write'])
    put(catalogue, granted(groups.toSpliced(77, 1)))
    expect(seen(catalogue, [groups[77] as GroupId])).toEqual([])
    expect(seen(catalogue, groups)).toEqual(['ant write'])
    expect(groups.filter((group) => timeless(catalogue).count([group]) === 1)).toHaveLength(199)
  })

  it('shows the new text, also where neither name nor grants changed', () => {
    const catalogue = filled()
    put(catalogue, itemOf(idOf('ant'), 'ant', [[team, 'read']], { description: 'ä 😀', version: 4, kind: 'rare' }))
    const found = timeless(catalogue).visibleOne([team], { name: 'ant' })
    expect(found && parsed(found)).toMatchObject({ description: 'ä 😀', version: 4, permission: 'read' })
    expect(seen(catalogue, [team], { kind: 'rare' })).toEqual(['ant read'])
  })

  it('removes one, and nothing that was never there', () => {
    const catalogue = filled()
    seen(catalogue, [team])
    catalogue.remove(idOf('ant'))
    catalogue.remove(idOf('ant'))
    catalogue.remove(idIn(7, 1))
    expect(seen(catalogue, [team, lab])).toEqual(['cow write', 'zoo read'])
    expect(timeless(catalogue).visibleOne([team], { id: idOf('ant') })).toBeNull()
    expect(catalogue.size).toBe(2)
  })

  it('is part of its bucket, which can be stored and taken again by another process', () => {
    const catalogue = filled()
    put(catalogue, item('bee', [[lab, 'admin']]))
    catalogue.remove(idOf('zoo'))
    const other = createCatalogue()
    other.replace(0, decodeBucket(encodeBucket(catalogue.bucket(0))))
    expect(seen(other, [team, lab])).toEqual(['ant read', 'bee admin', 'cow write'])
    expect(timeless(other).visible([team, lab], query())).toEqual(timeless(catalogue).visible([team, lab], query()))
    expect(catalogue.bucket(9)).toEqual({ items: [], texts: Buffer.alloc(0) })
  })
})

describe('a query', () => {
  const catalogue = createCatalogue()
  const names = ['ab', 'abc', 'ac', '\ud7ff', '\ue000', '\uffff', '😀', '😀a', '𐀀']
  replace(
    catalogue,
    0,
    names.map((name, at) =>
      itemOf(idIn(0, at), name, [[at % 2 ? team : lab, PERMISSIONS[at % 5] ?? 'read']], {
        kind: at % 3 ? 'plan' : 'note',
      }),
    ),
  )
  const found = (over: Partial<VisibleQuery>, groups = [team, lab]) =>
    timeless(catalogue)
      .visible(groups, query(over))
      ?.map(({ name }) => name)

  it('orders by code point', () => {
    expect(found({})).toEqual(['ab', 'abc', 'ac', '\ud7ff', '\ue000', '\uffff', '𐀀', '😀', '😀a'])
  })

  it('takes as many as it asks for, after a position', () => {
    expect(found({ count: 2 })).toEqual(['ab', 'abc'])
    expect(found({ count: 2, after: { name: 'abc', id: idIn(0, 1) } })).toEqual(['ac', '\ud7ff'])
    expect(found({ after: { name: '😀', id: idIn(0, 6) } })).toEqual(['😀a'])
    expect(found({ after: { name: '\uffff', id: 'z' } })).toEqual(['𐀀', '😀', '😀a'])
  })

  it('filters by a prefix, of whichever plane, and not beyond it', () => {
    expect(found({ prefix: 'ab' })).toEqual(['ab', 'abc'])
    expect(found({ prefix: '😀' })).toEqual(['😀', '😀a'])
    expect(found({ prefix: '\uffff' })).toEqual(['\uffff'])
    expect(found({ prefix: 'b' })).toEqual([])
    expect(found({ prefix: 'ab', after: { name: 'ab', id: idIn(0, 0) } })).toEqual(['abc'])
    expect(found({ prefix: 'a', after: { name: '\ud7ff', id: '' } })).toEqual([])
    expect(found({ prefix: '' })).toHaveLength(names.length)
  })

  it('filters by kind and by the least permission', () => {
    expect(found({ kind: 'note' })).toEqual(['ab', '\ud7ff', '😀'])
    expect(found({ kind: 'nothing' })).toEqual([])
    expect(found({ atLeast: 'maintain' })).toEqual(['\ud7ff', '\ue000', '𐀀'])
    expect(found({ atLeast: 'read' })).toHaveLength(names.length)
    expect(found({ atLeast: 'admin', kind: 'note' })).toEqual([])
  })

  it('gives up if too many resources would have to be examined to find so few', () => {
    const large = createCatalogue()
    const all = (count: number) =>
      Array.from({ length: count }, (_, n) =>
        itemOf(idIn(0, n), `r-${String(n).padStart(6, '0')}`, [[team, 'read']], {
          kind: n === 19_999 ? 'rare' : 'plan',
        }),
      )
    replace(large, 0, all(20_001))
    expect(timeless(large).visible([team], query({ count: 1, kind: 'rare' }))).toHaveLength(1)
    expect(timeless(large).visible([team], query({ count: 2, kind: 'rare' }))).toBeNull()
    expect(timeless(large).visible([team], query({ count: 1, kind: 'none' }))).toBeNull()
    expect(timeless(large).visible([team], query({ count: 1, kind: 'none', prefix: 'r-000' }))).toEqual([])
    expect(timeless(large).visible([team], query({ count: 10 }))).toHaveLength(10)
    replace(large, 0, all(20_000))
    expect(timeless(large).visible([team], query({ count: 1, kind: 'none' }))).toEqual([])
  })
})

describe('one resource', () => {
  const catalogue = createCatalogue()
  replace(catalogue, 3, [
    itemOf(idIn(3, 1), 'ant', [
      [team, 'read'],
      [lab, 'admin'],
    ]),
    itemOf(idIn(3, 2), 'bee', [[lab, 'write']]),
  ])

  it('is found by its id and by its name, with the highest permission', () => {
    for (const ref of [{ id: idIn(3, 1) }, { name: 'ant' }]) {
      const found = timeless(catalogue).visibleOne([team, lab], ref)
      expect(found && parsed(found)).toMatchObject({ id: idIn(3, 1), name: 'ant', permission: 'admin' })
    }
  })

  it.each([
    [[team], { id: idIn(3, 2) }],
    [[team], { name: 'bee' }],
    [[], { id: idIn(3, 1) }],
    [[none], { name: 'ant' }],
    [[team, lab], { id: idIn(3, 9) }],
    [[team, lab], { id: idIn(4, 1) }],
    [[team, lab], { name: 'an' }],
    [[team, lab], { name: 'zoo' }],
  ])('is nothing where it is hidden or absent: %j %j', (groups, ref) => {
    expect(timeless(catalogue).visibleOne(groups, ref)).toBeNull()
  })
})
