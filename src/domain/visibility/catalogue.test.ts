import { describe, expect, it } from 'vitest'
import { type Catalogue, createCatalogue } from './catalogue.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import type { GroupId, Permission, ResourceId } from './model.ts'
import type { CatalogueItem } from './source.ts'

const [team, lab, none] = ['team', 'lab', 'none'] as GroupId[] as [GroupId, GroupId, GroupId]

function item(name: string, grants: [GroupId, Permission][], id = `id-${name}`): CatalogueItem {
  return {
    id: id as ResourceId,
    name,
    kind: 'plan',
    description: `about ${name}`,
    attributes: { a: 1 },
    version: 3,
    updatedAt: '2026-01-01T00:00:00.000Z',
    grants,
  }
}
const replace = (catalogue: Catalogue, bucket: number, items: CatalogueItem[]) =>
  catalogue.replace(bucket, bucketOfItems(items))
const seen = (catalogue: Catalogue, ...groups: GroupId[]) =>
  catalogue.visibleTo(groups).map(({ name, json }) => `${name} ${JSON.parse(json).permission}`)

describe('the catalogue', () => {
  it('shows what is granted to any of the groups, in order, and nothing else', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [item('zoo', [[team, 'read']]), item('ant', [[lab, 'write']])])
    replace(catalogue, 1, [item('bee', [[team, 'read']]), item('cow', [])])
    expect(seen(catalogue, team, lab)).toEqual(['ant write', 'bee read', 'zoo read'])
    expect(seen(catalogue, lab)).toEqual(['ant write'])
    expect(seen(catalogue, none)).toEqual([])
    expect(seen(catalogue)).toEqual([])
    expect(catalogue.size).toBe(4)
  })

  it.each([[[team, lab]], [[lab, team]]])(
    'shows one item with the highest of its permissions, in whatever order the groups come',
    (groups) => {
      const catalogue = createCatalogue()
      const grants = [
        [team, 'triage'],
        [lab, 'admin'],
      ] as [GroupId, Permission][]
      replace(catalogue, 0, [item('ant', grants)])
      expect(seen(catalogue, ...groups)).toEqual(['ant admin'])
    },
  )

  it('shows an item on the wire in one order of its properties, without its grants', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [item('ant', [[team, 'read']])])
    expect(catalogue.visibleTo([team])[0]?.json).toBe(
      '{"id":"id-ant","name":"ant","kind":"plan","description":"about ant","attributes":{"a":1},"permission":"read","version":3,"updatedAt":"2026-01-01T00:00:00.000Z"}',
    )
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
    replace(catalogue, 1, [item('cow', [[team, 'read']])])
    replace(catalogue, 0, [item('ant', [[lab, 'write']])])
    expect(seen(catalogue, team)).toEqual(['cow read'])
    expect(seen(catalogue, lab)).toEqual(['ant write'])
    expect(catalogue.size).toBe(2)
    replace(catalogue, 0, [])
    replace(catalogue, 1, [])
    expect(seen(catalogue, team, lab)).toEqual([])
    expect(catalogue.size).toBe(0)
    replace(catalogue, 0, [item('ant', [[team, 'admin']])])
    expect(seen(catalogue, team)).toEqual(['ant admin'])
  })

  it('forgets also what nobody asked for meanwhile, however often it is replaced', () => {
    const catalogue = createCatalogue()
    for (let version = 0; version < 5; version++) {
      const others = Array.from({ length: version }, (_, n) => item(`bee-${n}`, [[team, 'write']]))
      replace(catalogue, 0, [item('ant', [[version % 2 ? team : lab, 'read']]), ...others])
    }
    expect(seen(catalogue, team)).toEqual(['bee-0 write', 'bee-1 write', 'bee-2 write', 'bee-3 write'])
    expect(seen(catalogue, lab, team)[0]).toBe('ant read')
    expect(catalogue.visibleTo([lab]).map(({ id, name }) => [id, name])).toEqual([['id-ant', 'ant']])
  })

  it('orders items of one name by their ids', () => {
    const catalogue = createCatalogue()
    replace(catalogue, 0, [item('ant', [[team, 'read']], 'b'), item('ant', [[team, 'write']], 'a')])
    expect(seen(catalogue, team)).toEqual(['ant write', 'ant read'])
  })
})
