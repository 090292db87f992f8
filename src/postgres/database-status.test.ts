import { describe, expect, it } from 'vitest'
import { createDatabaseStatus, type DatabaseTrouble } from './database-status.ts'

const failing = (code: string) => Object.assign(new Error('secret host'), { code })

function world() {
  const said: string[] = []
  let nowMs = 0
  const status = createDatabaseStatus({
    nowMs: () => nowMs,
    onBegan: ({ code }: DatabaseTrouble) => said.push(`began ${code}`),
    onEnded: ({ code }: DatabaseTrouble) => said.push(`ended ${code}`),
  })
  return { status, said, pass: (ms: number) => (nowMs += ms) }
}

describe('the status of the database', () => {
  it('names each reason once when it begins and once when it ends, however many requests meet it', () => {
    const { status, said } = world()
    for (let request = 0; request < 100; request++) status.failed(failing('ECONNREFUSED'))
    status.failed(failing('57P03'))
    status.failed(failing('ECONNREFUSED'))
    status.succeeded()
    status.succeeded()
    expect(said).toEqual(['began ECONNREFUSED', 'began 57P03', 'ended ECONNREFUSED', 'ended 57P03'])
  })

  it('says since when it cannot be reached, without the server’s own words', () => {
    const { status, pass } = world()
    expect(status.describe()).toMatchObject({ reachable: false, lastAnswerAt: null })
    status.succeeded()
    pass(1000)
    status.failed(failing('ECONNREFUSED'))
    pass(1000)
    status.failed(failing('ECONNREFUSED'))
    expect(status.describe()).toEqual({
      reachable: false,
      unreachableSince: '1970-01-01T00:00:01.000Z',
      lastAnswerAt: '1970-01-01T00:00:00.000Z',
      troubles: [
        {
          code: 'ECONNREFUSED',
          reason: 'the database cannot be reached',
          since: '1970-01-01T00:00:01.000Z',
          lastAt: '1970-01-01T00:00:02.000Z',
          count: 2,
        },
      ],
    })
  })

  it('keeps a reason for which only some statements are refused until it has been quiet for a while', () => {
    const { status, said, pass } = world()
    for (let round = 0; round < 10; round++) {
      status.failed(failing('53100'))
      status.succeeded()
      pass(1000)
    }
    expect(status.describe()).toMatchObject({ reachable: true, troubles: [{ code: '53100', count: 10 }] })
    pass(60_000)
    status.succeeded()
    expect(said).toEqual(['began 53100', 'ended 53100'])
  })

  it('ignores errors that are not a failure of the database', () => {
    const { status, said } = world()
    status.failed(failing('23505'))
    status.failed(new TypeError('x'))
    expect(said).toEqual([])
  })
})
