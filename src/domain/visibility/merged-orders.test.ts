import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GroupId } from '../model.ts'
import { GroupOrder, type Placed } from './group-order.ts'
import { merged } from './merged-orders.ts'
import { comparePositions } from './resource-page.ts'

const resource = (name: string, id = name): Placed => ({ id, name, current: true })

function orderOf(resources: readonly Placed[]): GroupOrder<Placed> {
  const order = new GroupOrder<Placed>('team' as GroupId)
  for (const each of resources) order.append(each)
  return order
}

describe('several orders merged', () => {
  it('are nothing where there are none, or nothing is in them', () => {
    expect([...merged([], {})]).toEqual([])
    expect([...merged([orderOf([]), orderOf([])], {})]).toEqual([])
  })

  it('are one order in which a resource of several comes once, whichever order is asked first', () => {
    const [ant, bee, cow, dog] = ['ant', 'bee', 'cow', 'dog'].map((name) => resource(name)) as Placed[] as [
      Placed,
      Placed,
      Placed,
      Placed,
    ]
    const orders = [orderOf([dog, bee]), orderOf([bee, ant]), orderOf([bee, cow, dog])]
    expect([...merged(orders, {})]).toEqual([ant, bee, cow, dog])
    expect([...merged(orders.toReversed(), {})]).toEqual([ant, bee, cow, dog])
  })

  it('give different resources of one name each its turn', () => {
    const [one, two] = [resource('ant', '1'), resource('ant', '2')]
    expect([...merged([orderOf([two]), orderOf([one])], {})]).toEqual([one, two])
    expect([...merged([orderOf([one]), orderOf([two])], { after: one })]).toEqual([two])
  })

  it('cost what is read of them, not what is in them', () => {
    let looked = 0
    const counted = (name: string): Placed => ({
      id: name,
      current: true,
      get name() {
        looked++
        return name
      },
    })
    const orders = Array.from({ length: 4 }, (_, of) =>
      orderOf(Array.from({ length: 1000 }, (_, at) => counted(`${String(at).padStart(4, '0')}/${of}`))),
    )
    for (const { granted } of orders) expect(granted).toHaveLength(1000)
    looked = 0
    const first = merged(orders, { after: { name: '0500', id: '' } }).next()
    expect(first.value).toMatchObject({ id: '0500/0' })
    expect(looked).toBeLessThan(200)
  })

  it('are as all of them sorted, without repetition, from wherever one begins', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '\uffff', '😀')
    const resources = fc.uniqueArray(fc.record({ name: names, id: fc.constantFrom('1', '2', '3') }), {
      selector: ({ name, id }) => `${name}/${id}`,
      maxLength: 20,
    })
    const position = fc.option(fc.record({ name: names, id: fc.constantFrom('', '1', '2', '3', '4') }), {
      nil: undefined,
    })
    fc.assert(
      fc.property(
        resources,
        fc.array(fc.array(fc.nat(19), { maxLength: 20 }), { maxLength: 6 }),
        position,
        position,
        (all, chosen, after, from) => {
          const placed = all.map(({ name, id }) => resource(name, id))
          const groups = chosen.map((some) => [...new Set(some)].flatMap((at) => placed[at] ?? []))
          const expected = placed
            .filter((each) => groups.some((group) => group.includes(each)))
            .filter((each) => !after || comparePositions(each, after) > 0)
            .filter((each) => !from || comparePositions(each, from) >= 0)
            .sort(comparePositions)
          expect([...merged(groups.map(orderOf), { after, from })]).toEqual(expected)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
