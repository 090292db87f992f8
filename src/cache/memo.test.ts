import { describe, expect, it } from 'vitest'
import { createMemo } from './memo.ts'

describe('a remembered name', () => {
  it('is made once', () => {
    const made: string[] = []
    const nameOf = createMemo((id: string) => {
      made.push(id)
      return `name of ${id}`
    })
    expect([nameOf('ann'), nameOf('ben'), nameOf('ann')]).toEqual(['name of ann', 'name of ben', 'name of ann'])
    expect(made).toEqual(['ann', 'ben'])
  })

  it('is made again when many others came meanwhile, and is the same', () => {
    let made = 0
    const nameOf = createMemo((id: string) => {
      made++
      return `name of ${id}`
    })
    const before = nameOf('ann')
    for (let other = 0; other < 25_000; other++) nameOf(`other ${other}`)
    const soFar = made
    expect(nameOf('ann')).toBe(before)
    expect(made).toBe(soFar + 1)
  })

  it('is not kept when it is long', () => {
    let made = 0
    const nameOf = createMemo((id: string) => {
      made++
      return id
    })
    const long = 'x'.repeat(1000)
    expect(nameOf(long) + nameOf(long)).toHaveLength(2000)
    expect(made).toBe(2)
  })
})
