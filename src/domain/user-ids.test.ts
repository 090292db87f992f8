import { describe, expect, it } from 'vitest'
import type { UserId } from './model.ts'
import { userIdsIn, userIdsOf } from './user-ids.ts'

describe('ids of users in one text', () => {
  it.each([[[]], [['ann']], [['ann', 'ben', 'Zoë 李', 'a,b {c}']]])('are the same as they were: %j', (ids) => {
    const users = userIdsOf(ids as UserId[])
    expect([...users]).toEqual(ids)
    expect(users.size).toBe(ids.length)
  })

  it('can be gone through more than once, each time from the beginning', () => {
    const users = userIdsIn('ann\nben', 2)
    const [first] = users
    expect(first).toBe('ann')
    expect([...users]).toEqual(['ann', 'ben'])
  })
})
