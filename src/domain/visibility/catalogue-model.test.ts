import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketOf } from '../keys.ts'
import { type GroupId, PERMISSIONS, type Permission, type ResourceId } from '../model.ts'
import type { CatalogueItem } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems, decodeBucket, encodeBucket } from './catalogue-bucket.ts'
import type { ReadyItem } from './resource-page.ts'
import { idIn, itemOf, timeless } from './test-items.ts'

const parsed = ({ json }: ReadyItem) => JSON.parse(json.toString()) as CatalogueItem & { permission: Permission }

describe('the catalogue and a naive model of it', () => {
  const GROUPS = ['a', 'b', 'c', 'd'] as GroupId[]
  const nameArbitrary = fc.string({
    unit: fc.constantFrom('a', 'b', 'Z', '\ud7ff', '\uffff', '😀', '𐀀'),
    minLength: 1,
    maxLength: 3,
  })
  const idArbitrary = fc.tuple(fc.nat(2), fc.nat(7)).map(([bucket, number]) => idIn(bucket, number))
  const grantsArbitrary = fc.uniqueArray(fc.tuple(fc.constantFrom(...GROUPS), fc.constantFrom(...PERMISSIONS)), {
    selector: ([group]) => group,
  })
  const itemArbitrary = fc
    .tuple(idArbitrary, nameArbitrary, grantsArbitrary, fc.constantFrom('plan', 'note'), fc.nat(9))
    .map(([id, name, grants, kind, version]) => itemOf(id, name, grants, { kind, version }))
  const step = fc.oneof(
    { weight: 6, arbitrary: itemArbitrary.map((put) => ({ put })) },
    { weight: 2, arbitrary: idArbitrary.map((remove) => ({ remove })) },
    {
      weight: 1,
      arbitrary: fc
        .record({ bucket: fc.nat(2), items: fc.array(itemArbitrary, { maxLength: 8 }) })
        .map((load) => ({ load })),
    },
    { weight: 1, arbitrary: fc.nat(2).map((reload) => ({ reload })) },
    {
      weight: 5,
      arbitrary: fc
        .record({
          groups: fc.array(fc.constantFrom(...GROUPS), { maxLength: 5 }),
          query: fc.record({
            count: fc.integer({ min: 1, max: 12 }),
            after: fc.option(fc.record({ name: nameArbitrary, id: idArbitrary }), { nil: undefined }),
            kind: fc.constantFrom(undefined, undefined, 'plan', 'note'),
            prefix: fc.constantFrom(undefined, undefined, 'a', 'b', '😀', '\uffff'),
            atLeast: fc.constantFrom(undefined, undefined, ...PERMISSIONS),
          }),
          id: idArbitrary,
          name: nameArbitrary,
        })
        .map((ask) => ({ ask })),
    },
  )

  const before = (a: { name: string; id: string }, b: { name: string; id: string }) =>
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

  /** All that the groups see, the way anybody would write it down. */
  function visibleTo(model: ReadonlyMap<ResourceId, CatalogueItem>, groups: readonly GroupId[]) {
    return [...model.values()]
      .flatMap(({ grants, ...rest }) => {
        const ranks = grants.filter(([group]) => groups.includes(group)).map(([, of]) => PERMISSIONS.indexOf(of))
        return ranks.length === 0 ? [] : [{ ...rest, permission: PERMISSIONS[Math.max(...ranks)] as Permission }]
      })
      .sort(before)
  }

  it('answer alike, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const catalogue = createCatalogue()
        const model = new Map<ResourceId, CatalogueItem>()
        /** Names are unique, as in the database. */
        const isFree = ({ id, name }: CatalogueItem) =>
          [...model.values()].every((each) => each.id === id || each.name !== name)
        for (const each of steps) {
          if ('put' in each) {
            if (!isFree(each.put)) continue
            model.set(each.put.id, each.put)
            catalogue.put(bucketOfItems([each.put]))
          } else if ('remove' in each) {
            model.delete(each.remove)
            catalogue.remove(each.remove)
          } else if ('load' in each) {
            for (const id of model.keys()) if (bucketOf(id) === each.load.bucket) model.delete(id)
            const items: CatalogueItem[] = []
            for (const loaded of each.load.items) {
              if (bucketOf(loaded.id) !== each.load.bucket || model.has(loaded.id) || !isFree(loaded)) continue
              model.set(loaded.id, loaded)
              items.push(loaded)
            }
            catalogue.replace(each.load.bucket, bucketOfItems(items))
          } else if ('reload' in each) {
            catalogue.replace(each.reload, decodeBucket(encodeBucket(catalogue.bucket(each.reload))))
          } else {
            const { groups, query: asked, id, name } = each.ask
            const all = visibleTo(model, groups)
            const wanted = all.filter(
              (one) =>
                (!asked.after || before(one, asked.after) > 0) &&
                (asked.kind === undefined || one.kind === asked.kind) &&
                (asked.prefix === undefined || one.name.startsWith(asked.prefix)) &&
                (asked.atLeast === undefined ||
                  PERMISSIONS.indexOf(one.permission) >= PERMISSIONS.indexOf(asked.atLeast)),
            )
            expect(timeless(catalogue).visible(groups, asked)?.map(parsed)).toEqual(wanted.slice(0, asked.count))
            expect(timeless(catalogue).count(groups)).toBe(all.length)
            for (const ref of [{ id }, { name }]) {
              const one = timeless(catalogue).visibleOne(groups, ref)
              const same = all.find((of) => ('id' in ref ? of.id === ref.id : of.name === ref.name))
              expect(one ? parsed(one) : null).toEqual(same ?? null)
            }
          }
          expect(catalogue.size).toBe(model.size)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
