import { describe, expect, it } from 'vitest'
import { createLogger } from './logger.ts'

describe('the logger', () => {
  it('removes credentials from lines and from the objects in them', () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    logger.info({ authorization: 'hunter2', headers: { cookie: 'hunter2', authorization: 'hunter2' } }, 'one')
    logger.info(
      {
        req: { headers: { authorization: 'hunter2', 'set-cookie': 'hunter2' } },
        password: 'hunter2',
        config: { token: 'hunter2' },
      },
      'two',
    )
    expect(lines).toHaveLength(2)
    expect(lines.join('')).not.toContain('hunter2')
    expect(lines.join('')).toContain('[redacted]')
  })

  it('writes the level as a word and the time as ISO 8601', () => {
    const lines: string[] = []
    createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }).warn('hello')
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      msg: 'hello',
    })
  })
})
