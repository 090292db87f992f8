import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import { inTransaction } from './session.ts'

const options = { beginning: 'BEGIN', timeoutMs: 5000, goesOn: false }

/** A pool that fails so often to connect, as pg does where the server is too slow, and then gives a connection. */
function poolFailing(times: number, message = 'timeout exceeded when trying to connect') {
  const sent: string[] = []
  const client = {
    query: async ({ text }: { text: string }) => {
      sent.push(text)
      return { rows: [] }
    },
    release: () => sent.push('released'),
  }
  let asked = 0
  const connect = async () => {
    asked++
    if (asked <= times) throw new Error(message)
    return client
  }
  return { pool: { connect } as unknown as pg.Pool, sent, asked: () => asked }
}

describe('a transaction', () => {
  const work = async () => 'done'

  it('asks once more for a connection that was not made in time: nothing has been sent yet', async () => {
    const { pool, asked } = poolFailing(1)
    await expect(inTransaction({ ...options, pool }, work)).resolves.toBe('done')
    expect(asked()).toBe(2)
  })

  it('does not ask a third time', async () => {
    const { pool, sent, asked } = poolFailing(2)
    await expect(inTransaction({ ...options, pool }, work)).rejects.toThrow('trying to connect')
    expect([asked(), sent]).toEqual([2, []])
  })

  it('does not ask again where the server refused', async () => {
    const { pool, asked } = poolFailing(1, 'password authentication failed')
    await expect(inTransaction({ ...options, pool }, work)).rejects.toThrow('password')
    expect(asked()).toBe(1)
  })
})
