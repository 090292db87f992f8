/** Grants that end: what the catalogue answers at a time, compared with a plain reading of the same grants. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type GroupId, PERMISSIONS, type Permission } from '../model.ts'
import type { CatalogueGrant, CatalogueItem } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems, decodeBucket, encodeBucket } from './catalogue-bucket.ts'
import { exactly, idIn, itemOf, lab, none, team } from './test-items.ts'

const GROUPS = [team, lab, none]
const rank = (permission: Permission) => PERMISSIONS.indexOf(permission)

/** The highest of the permissions that the groups hold at an instant. */
function held({ grants }: CatalogueItem, groups: readonly GroupId[], atMs: number): Permission | null {
  const living = grants.filter(([group, , until = Infinity]) => groups.includes(group) && until > atMs)
  return living.map(([, permission]) => permission).sort((a, b) => rank(b) - rank(a))[0] ?? null
}

const shownAt = (items: readonly CatalogueItem[], groups: readonly GroupId[], atMs: number) =>
  items.flatMap((item) => {
    const permission = held(item, groups, atMs)
    return permission === null ? [] : [`${item.name} ${permission}`]
  })

/** A writer behind the API may give `-infinity`. */
const end = fc.option(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(Number.NEGATIVE_INFINITY)), {
  nil: undefined,
})
const grantsOf = fc
  .uniqueArray(fc.constantFrom(...GROUPS), { maxLength: 3 })
  .chain((groups) =>
    fc.tuple(
      ...groups.map((group) =>
        fc
          .tuple(fc.constantFrom(...PERMISSIONS), end)
          .map(
            ([permission, until]): CatalogueGrant =>
              until === undefined ? [group, permission] : [group, permission, until],
          ),
      ),
    ),
  )
const itemsIn = fc
  .array(grantsOf, { maxLength: 12 })
  .map((all) => all.map((grants, at) => itemOf(idIn(at % 3, at), `plan-${100 + at}`, grants)))

function put(items: readonly CatalogueItem[]) {
  const catalogue = createCatalogue()
  for (const each of items) catalogue.put(bucketOfItems([each]))
  return catalogue
}

const textOf = ({ name, json }: { name: string; json: Buffer }) => `${name} ${JSON.parse(json.toString()).permission}`
const everything = { count: 1000 }

describe('what is granted for a time', () => {
  it('is shown, counted and decided as it is at that time, in changes and in buckets from the store', () => {
    fc.assert(
      fc.property(
        itemsIn,
        fc.subarray(GROUPS, { minLength: 1 }),
        fc.array(fc.tuple(fc.nat(), grantsOf), { maxLength: 5 }),
        fc.integer({ min: 0, max: 20 }),
        (first, groups, changes, atMs) => {
          const catalogue = put(first)
          const items = [...first]
          for (const [which, grants] of changes) {
            const at = items.length === 0 ? -1 : which % items.length
            const changed = items[at] && { ...items[at], grants }
            if (!changed) continue
            items[at] = changed
            catalogue.put(bucketOfItems([changed]))
          }
          for (const bucket of [0, 1, 2])
            if (atMs % 2 === 0) catalogue.replace(bucket, decodeBucket(encodeBucket(catalogue.bucket(bucket))))
          const at = exactly(atMs)
          const expected = shownAt(items, groups, atMs)
          expect(catalogue.visible(groups, everything, at)?.value.map(textOf)).toEqual(expected)
          expect(catalogue.count(groups, at)?.value).toBe(expected.length)
          for (const item of items) {
            const { name, kind } = item
            expect(catalogue.permissionOn(groups, { name, kind }, at).value).toBe(held(item, groups, atMs))
            const one = catalogue.visibleOne(groups, { id: item.id }, at).value
            expect(one && textOf(one)).toBe(expected.find((each) => each.startsWith(name)) ?? null)
          }
        },
      ),
    )
  })

  it('is so too where far more groups hold it than are asked for', () => {
    const holders = Array.from({ length: 40 }, (_, at) => `group-${at}` as GroupId)
    const granted = fc.tuple(
      ...holders.map((group) =>
        fc
          .tuple(fc.constantFrom(...PERMISSIONS), end)
          .map(
            ([permission, until]): CatalogueGrant =>
              until === undefined ? [group, permission] : [group, permission, until],
          ),
      ),
    )
    fc.assert(
      fc.property(
        fc.array(granted, { minLength: 1, maxLength: 3 }),
        fc.subarray([...holders, none], { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 20 }),
        (all, groups, atMs) => {
          const items = all.map((grants, at) => itemOf(idIn(0, at), `plan-${100 + at}`, grants))
          const found = put(items).visible(groups, everything, exactly(atMs))
          expect(found?.value.map(textOf)).toEqual(shownAt(items, groups, atMs))
          const until = found?.until ?? 21
          expect(shownAt(items, groups, until - 1)).toEqual(shownAt(items, groups, Math.min(atMs, until - 1)))
          if (found?.until != null) expect(shownAt(items, groups, until)).not.toEqual(shownAt(items, groups, atMs))
        },
      ),
    )
  })

  it('changes first when it says so, and is the same until then', () => {
    fc.assert(
      fc.property(
        itemsIn,
        fc.subarray(GROUPS, { minLength: 1 }),
        fc.integer({ min: 0, max: 20 }),
        (items, groups, atMs) => {
          const catalogue = put(items)
          const { until = null } = catalogue.visible(groups, everything, exactly(atMs)) ?? {}
          for (let later = atMs; later <= 21; later++) {
            const isSame = shownAt(items, groups, later).join() === shownAt(items, groups, atMs).join()
            if (until === null || later < until) expect(isSame).toBe(true)
            else if (later === until) expect(isSame).toBe(false)
          }
        },
      ),
    )
  })

  it('is unsettled exactly where it differs between the earliest and the latest time', () => {
    fc.assert(
      fc.property(
        itemsIn,
        fc.subarray(GROUPS, { minLength: 1 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 5 }),
        (items, groups, earliestMs, widthMs) => {
          const latestMs = earliestMs + widthMs
          const found = put(items).visible(groups, everything, { earliestMs, latestMs })
          const differs = shownAt(items, groups, earliestMs).join() !== shownAt(items, groups, latestMs).join()
          if (differs) expect(found?.isUnsettled).toBe(true)
          const someEnd = items.some(({ grants }) =>
            grants.some(([group, , until = -1]) => groups.includes(group) && until > earliestMs && until <= latestMs),
          )
          expect(found?.isUnsettled).toBe(someEnd)
        },
      ),
    )
  })

  it('is unsettled where the time is unknown and a grant of it ends', () => {
    const catalogue = put([itemOf(idIn(0, 1), 'ant', [[team, 'read', 5]]), itemOf(idIn(0, 2), 'bee', [[lab, 'read']])])
    const unknown = { earliestMs: Number.NEGATIVE_INFINITY, latestMs: Number.POSITIVE_INFINITY }
    expect(catalogue.visible([team], everything, unknown)?.isUnsettled).toBe(true)
    expect(catalogue.visible([lab], everything, unknown)).toMatchObject({ isUnsettled: false, until: null })
  })
})

describe('many grants that ended', () => {
  const many = Array.from({ length: 3000 }, (_, at) =>
    itemOf(
      idIn(at % 256, at),
      `plan-${10_000 + at}`,
      at < 2990
        ? [
            [team, 'read', 100],
            [lab, 'read'],
          ]
        : [[team, 'read']],
    ),
  )

  it('are taken out of the way, and are still in other groups', () => {
    const catalogue = put(many)
    const page = { count: 51 }
    // So many are looked at for one answer; the database gives that one.
    expect(catalogue.visible([team], page, exactly(100))).toBeNull()
    for (let turn = 0; turn < 5; turn++)
      expect(catalogue.visible([team], page, exactly(100))?.value.map(({ name }) => name)).toEqual(
        many.slice(2990).map(({ name }) => name),
      )
    expect(catalogue.count([team], exactly(100))?.value).toBe(10)
    expect(catalogue.count([lab], exactly(100))?.value).toBe(2990)
    expect(catalogue.visible([lab], page, exactly(100))?.value).toHaveLength(51)
    // No longer looked at, and still known: what is stored for others depends on no clock.
    expect(catalogue.bucket(0).items.every(({ grants }) => grants.length > 0)).toBe(true)
    expect(catalogue.visibleOne([team], { id: idIn(0, 0) }, exactly(99)).value).not.toBeNull()
    expect(catalogue.count([team], exactly(0))?.value).toBeLessThanOrEqual(1000)
  })

  it('come back where one is prolonged', () => {
    const catalogue = put(many)
    for (let turn = 0; turn < 5; turn++) catalogue.visible([team], { count: 51 }, exactly(100))
    const [prolonged] = many
    if (!prolonged) throw new Error('there are many')
    catalogue.put(
      bucketOfItems([
        {
          ...prolonged,
          grants: [
            [team, 'write', 200],
            [lab, 'read'],
          ],
        },
      ]),
    )
    expect(catalogue.visible([team], { count: 1 }, exactly(100))?.value.map(textOf)).toEqual([
      `${prolonged.name} write`,
    ])
    expect(catalogue.count([team], exactly(100))?.value).toBe(11)
  })

  it('are held until their resource changes next, however often it is granted for a time', () => {
    const catalogue = createCatalogue()
    const id = idIn(0, 1)
    for (let turn = 0; turn < 1000; turn++) {
      const groups = [`group-${turn}` as GroupId, team]
      // What ended before has no row any more.
      catalogue.put(
        bucketOfItems([
          itemOf(
            id,
            'plan',
            groups.map((group) => [group, 'read', turn + 1]),
          ),
        ]),
      )
      expect(catalogue.visible(groups, everything, exactly(turn + 1))?.value).toEqual([])
    }
    expect(catalogue.bucket(0).items.map(({ grants }) => grants.length)).toEqual([2])
  })

  it('are too many to be counted where they are very many', () => {
    const catalogue = createCatalogue()
    const items = Array.from({ length: 20_001 }, (_, at) => itemOf(idIn(0, at), `plan-${at}`, [[team, 'read', 100]]))
    catalogue.replace(0, bucketOfItems(items))
    expect(catalogue.count([team], exactly(0))).toBeNull()
    catalogue.remove(idIn(0, 0))
    expect(catalogue.count([team], exactly(0))?.value).toBe(20_000)
  })

  it('stay where they may not have ended yet', () => {
    const catalogue = put(many)
    catalogue.visible([team], { count: 51 }, { earliestMs: 99, latestMs: 101 })
    expect(catalogue.count([team], exactly(99))?.value).toBe(3000)
  })
})
