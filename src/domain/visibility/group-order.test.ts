import { describe, expect, it } from 'vitest'
import type { GroupId } from '../model.ts'
import { firstAfter, firstFrom, GroupOrder, type Placed } from './group-order.ts'

interface Resource extends Placed {
  name: string
  current: boolean
}
const resource = (name: string, id = name): Resource => ({ id, name, current: true })
const namesOf = (order: GroupOrder<Resource>) => order.granted.map(({ name }) => name)

function orderOf(...names: string[]) {
  const order = new GroupOrder<Resource>('team' as GroupId)
  const resources = names.map((name) => resource(name))
  for (const each of resources) order.append(each)
  return { order, resources }
}

describe('the order of what a group is granted', () => {
  it('is made when it is asked for, after many came one by one', () => {
    const { order } = orderOf('zoo', 'ant', 'cow')
    expect(namesOf(order)).toEqual(['ant', 'cow', 'zoo'])
    expect(order.granted).toBe(order.granted)
    expect(order.group).toBe('team')
  })

  it('goes by code point, and by id where names are the same', () => {
    const order = new GroupOrder<Resource>('team' as GroupId)
    for (const each of [resource('😀'), resource('\uffff'), resource('ant', 'b'), resource('ant', 'a')])
      order.append(each)
    expect(order.granted.map(({ name, id }) => [name, id])).toEqual([
      ['ant', 'a'],
      ['ant', 'b'],
      ['\uffff', '\uffff'],
      ['😀', '😀'],
    ])
  })

  it('takes one that changed at its place, first, last and in between', () => {
    const { order } = orderOf('bee', 'dog')
    expect(namesOf(order)).toEqual(['bee', 'dog'])
    for (const name of ['cow', 'ant', 'zoo']) order.insert(resource(name))
    expect(namesOf(order)).toEqual(['ant', 'bee', 'cow', 'dog', 'zoo'])
  })

  it('takes one that changed also while it is not in order', () => {
    const { order } = orderOf('bee', 'dog')
    order.insert(resource('ant'))
    expect(namesOf(order)).toEqual(['ant', 'bee', 'dog'])
  })

  it('loses one that is taken out, in order or not, and no other', () => {
    for (const tidy of [true, false]) {
      const { order, resources } = orderOf('cow', 'ant', 'bee')
      if (tidy) namesOf(order)
      order.remove(resources[1] as Resource)
      order.remove(resource('bee'))
      order.remove(resource('never there'))
      expect(namesOf(order)).toEqual(['bee', 'cow'])
    }
  })

  it('loses all that are no longer current, once it is told to look', () => {
    const { order, resources } = orderOf('cow', 'ant', 'bee')
    namesOf(order)
    const [cow] = resources as [Resource]
    cow.current = false
    order.loosen()
    expect(namesOf(order)).toEqual(['ant', 'bee'])
  })
})

describe('a place in an order', () => {
  const ordered = ['ant', 'bee', 'bee', 'cow'].map((name, at) => ({ name, id: String(at) }))

  it.each([
    [{ name: '', id: '' }, 0, 0],
    [{ name: 'ant', id: '0' }, 0, 1],
    [{ name: 'ant', id: '5' }, 1, 1],
    [{ name: 'bee', id: '' }, 1, 1],
    [{ name: 'bee', id: '1' }, 1, 2],
    [{ name: 'bee', id: '2' }, 2, 3],
    [{ name: 'cow', id: '3' }, 3, 4],
    [{ name: 'zoo', id: '' }, 4, 4],
  ])('is at %j or behind it', (position, from, after) => {
    expect([firstFrom(ordered, position), firstAfter(ordered, position)]).toEqual([from, after])
  })

  it('is the first one of nothing', () => {
    expect([firstFrom([], { name: 'ant', id: '' }), firstAfter([], { name: 'ant', id: '' })]).toEqual([0, 0])
  })
})
