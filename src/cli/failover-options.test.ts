import { describe, expect, it } from 'vitest'
import { parseFailoverOptions } from './failover-options.ts'

describe('the arguments of npm run failover', () => {
  it('default to a kill, 20 seconds, 50 reads a second as alice', () => {
    expect(parseFailoverOptions([])).toEqual({ kind: 'kill', seconds: 20, perSecond: 50, user: 'alice' })
  })

  it('choose the fault, the length and the rate', () => {
    const options = parseFailoverOptions(['--hang', '--seconds', '30', '--rate=200', '--user', 'bob'])
    expect(options).toEqual({ kind: 'hang', seconds: 30, perSecond: 200, user: 'bob' })
  })

  it.each([
    [['--kill', '--hang'], 'Only one of'],
    [['--seconds', '5'], '--seconds takes a whole number from 10'],
    [['--rate', 'fast'], '--rate takes a whole number'],
    [['--soft'], '--soft'],
  ])('refuse %j', (args, message) => {
    expect(() => parseFailoverOptions(args)).toThrow(message)
  })
})
