import { describe, expect, it } from 'vitest'
import { createConnectionErrors } from './connection-errors.ts'

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const wrong = Object.assign(new Error('WRONGPASS invalid password'), { name: 'ReplyError' })

function setUp() {
  const said: string[] = []
  const counted: string[] = []
  let nowMs = 0
  const errors = createConnectionErrors(
    {
      failed: (connection, reason) => counted.push(`${connection} ${reason}`),
      changed: ({ connection, address, message }) => said.push(`${connection} ${address}: ${message}`),
      recovered: (connection) => said.push(`${connection} is well`),
    },
    () => nowMs,
  )
  return { errors, said, counted, pass: (ms: number) => (nowMs += ms) }
}

describe('the errors of the connections', () => {
  it('are said once and counted each time', () => {
    const { errors, said, counted } = setUp()
    for (let time = 0; time < 5; time++) errors.failed('master', '10.0.0.1:6379', wrong)
    expect(said).toEqual(['master 10.0.0.1:6379: WRONGPASS invalid password'])
    expect(counted).toHaveLength(5)
  })

  it('are said again when the reason is another one', () => {
    const { errors, said } = setUp()
    errors.failed('master', 'a:1', refused)
    errors.failed('master', 'a:1', wrong)
    expect(said).toEqual(['master a:1: connect ECONNREFUSED', 'master a:1: WRONGPASS invalid password'])
  })

  it('are one for each Sentinel', () => {
    const { errors, said } = setUp()
    errors.failed('sentinel', 'a:1', refused)
    errors.failed('sentinel', 'b:1', refused)
    expect(said).toHaveLength(2)
    errors.well('sentinel', 'a:1')
    expect(errors.current()).toEqual([expect.objectContaining({ address: 'b:1', reason: 'connection-refused' })])
  })

  it('that come and go are said once a minute at most', () => {
    const { errors, said, pass } = setUp()
    for (let time = 0; time < 5; time++) {
      errors.failed('command read', null, wrong)
      errors.well('command read', null)
      pass(1_000)
    }
    expect(said.filter((each) => each.includes('WRONGPASS'))).toHaveLength(1)
    pass(61_000)
    errors.failed('command read', null, wrong)
    expect(said.filter((each) => each.includes('WRONGPASS'))).toHaveLength(2)
  })

  it('are there with their beginning while they last, and gone when all is well', () => {
    const { errors, said } = setUp()
    errors.failed('master', 'a:1', new Error('Connection is closed.'))
    expect(errors.current()).toEqual([
      {
        connection: 'master',
        address: 'a:1',
        reason: 'unavailable',
        message: 'Connection is closed.',
        since: expect.any(String),
        lastAt: expect.any(String),
      },
    ])
    errors.well('master', 'b:1')
    errors.well('master', 'b:1')
    expect(errors.current()).toEqual([])
    expect(said.at(-1)).toBe('master is well')
    expect(said).toHaveLength(2)
  })
})
