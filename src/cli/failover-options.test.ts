import { describe, expect, it, vi } from 'vitest'
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
    [['--kill', '--hang'], "option '--kill' cannot be used with option '--hang'"],
    [['--seconds', '5'], 'It takes a whole number, 10 to 3600.'],
    [['--rate', 'fast'], 'It takes a whole number, 1 to 2000.'],
    [['--soft'], "unknown option '--soft'"],
    [['--gracefull'], '(Did you mean --graceful?)'],
  ])('refuse %j', (args, message) => {
    expect(endOf(args)).toEqual({ exitCode: 2, said: expect.stringContaining(message) })
  })

  it('are shown by --help, which is not a mistake', () => {
    expect(endOf(['--help'])).toEqual({ exitCode: 0, said: expect.stringContaining('--graceful') })
  })
})

/** The output and the exit code of a parse that ends the process. */
function endOf(args: string[]) {
  let said = ''
  const hear = (text: unknown) => {
    said += String(text)
    return true
  }
  vi.spyOn(process.stderr, 'write').mockImplementation(hear)
  vi.spyOn(process.stdout, 'write').mockImplementation(hear)
  const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit ${code}`)
  })
  expect(() => parseFailoverOptions(args)).toThrow('exit')
  const exitCode = exit.mock.calls[0]?.[0]
  vi.restoreAllMocks()
  return { exitCode, said }
}
