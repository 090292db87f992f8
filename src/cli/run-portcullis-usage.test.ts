/** What the command line says where a command is wrong, unknown or refused, and its help. */
import { describe, expect, it } from 'vitest'
import { answer, problem, run } from './run-portcullis.fixture.ts'
import { runPortcullis } from './run-portcullis.ts'

describe('what goes wrong', () => {
  it('is exit code 2 for a name that a URL would drop: nothing is asked of anybody else instead', async () => {
    for (const args of ['users delete ..', 'users resources ..', 'members put staff .', 'explain .. website']) {
      const { exitCode, request } = await run(args)
      expect([args, exitCode, request]).toEqual([args, 2, []])
    }
  })

  it('is exit code 1 and every error of the answer when the service refuses', async () => {
    const { exitCode, err, out } = await run(
      'groups create a',
      problem(400, {
        title: 'The request is not valid',
        detail: 'The body does not match.',
        errors: [
          { pointer: '#/name', detail: 'is too long' },
          { parameter: 'limit', detail: 'must be 1 to 200' },
        ],
      }),
    )
    expect(exitCode).toBe(1)
    expect(out).toBe('')
    expect(err.split('\n')).toEqual([
      'The request is not valid (400): The body does not match.',
      '  #/name  is too long',
      '  limit  must be 1 to 200',
    ])
  })

  it('names the request where the fault is the service’s own', async () => {
    expect((await run('me', problem(500, { title: 'Something went wrong' }))).err).toContain('request id: r-1')
  })

  it('is exit code 1 with what a proxy said, when it was not a problem document', async () => {
    const { exitCode, err } = await run('me', new Response('<h1>Bad gateway</h1>', { status: 502 }))
    expect(exitCode).toBe(1)
    expect(err).toContain('(502): <h1>Bad gateway</h1>')
  })

  it('is exit code 3 when nobody answers', async () => {
    const refused = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:3000') })
    const { exitCode, err } = await run('me', refused)
    expect(exitCode).toBe(3)
    expect(err).toBe('https://api.example cannot be reached: connect ECONNREFUSED 127.0.0.1:3000')
  })

  it('is exit code 3 when there is no answer in time', async () => {
    const { exitCode, err } = await run('me', new DOMException('aborted', 'TimeoutError'))
    expect(exitCode).toBe(3)
    expect(err).toContain('no answer in time')
  })

  it('is exit code 3 when what answers is not this API', async () => {
    expect((await run('me', new Response('<html>'))).exitCode).toBe(3)
  })

  it.each([
    ['an unknown command', 'launch', /unknown command 'launch'/],
    ['a missing argument', 'members put team', /missing required argument 'user'\n`portcullis members put --help`/],
    ['too many arguments', 'access a b', /too many arguments for 'access'/],
    ['an empty argument', 'users delete ""', /an argument is empty/],
    ['an unknown option', 'resources --colour', /--colour/],
    ['an option without its value', 'resources --kind', /--kind/],
    ['a resource without kind', 'resources create a', /--kind is needed/],
    ['attributes that are not JSON', 'resources create a --kind b --attributes {', /--attributes is not JSON/],
    ['an end without a grant', 'resources create a --kind b --for 2h', /give --grant too/],
    ['a grant without permission', 'resources create a --kind b --grant team', /is not <group>=<permission>/],
    ['a change of nothing', 'groups update a', /nothing to change/],
    ['both ways at once', 'groups update a --root --parent b', /mutually exclusive/],
    ['enabled and disabled', 'users put a --enable --disable', /mutually exclusive/],
    ['a flush without reason', 'cache flush all', /--reason is needed/],
    [
      'a flush of an unknown scope',
      'cache flush everything --reason x',
      /'everything' is invalid.*Allowed choices are all, volatile/,
    ],
    ['a flush of a user unnamed', 'cache flush user --reason x', /cache flush user needs <user>/],
    ['a flush of all and more', 'cache flush all alice --reason x', /takes no more arguments/],
    ['all from a cursor', 'resources --all --cursor c', /leave --cursor out/],
    ['an address that is none', 'me --url localhost:3000', /is not an http or https address/],
  ])('is exit code 2 and sends nothing for %s', async (_what, line, expected) => {
    const { exitCode, calls, err } = await run(line)
    expect(err).toMatch(expected)
    expect(exitCode).toBe(2)
    expect(calls).toEqual([])
  })
})

describe('a token of the local stack', () => {
  it('is never made for another machine', async () => {
    const err: string[] = []
    const exitCode = await runPortcullis(['me', '--url', 'https://elsewhere.example'], {
      env: {},
      fetch: () => Promise.reject(new Error('must not be called')),
      print: () => {},
      say: (text) => void err.push(text),
    })
    expect(exitCode).toBe(2)
    expect(err.join()).toContain('https://elsewhere.example needs an access token')
  })
})

describe('the help', () => {
  it.each(['', '--help', 'help'])('lists every command for "%s"', async (line) => {
    const { out, exitCode } = await run(line)
    expect(exitCode).toBe(0)
    for (const noun of [
      'resources',
      'groups',
      'members',
      'grants',
      'explain',
      'access',
      'users',
      'cache',
      'audit',
      'import',
    ])
      expect(out).toMatch(new RegExp(`^  ${noun} `, 'm'))
  })

  it('shows one command with its options, or all that share a word', async () => {
    const one = await run('members put --help')
    expect(one.out).toContain('Usage: portcullis members put [options] <group> <user>')
    expect(one.out).toContain('--role <role>')
    expect(one.out).not.toContain('members remove')
    const family = await run('members --help')
    expect(family.out).toContain('remove <group> <user>')
  })
})

describe('a command line', () => {
  it('may have the common options before the command', async () => {
    const { out, request } = await run('--json --url https://other.example me', answer({ id: 'alice' }))
    expect(request).toEqual(['GET https://other.example/me'])
    expect(JSON.parse(out)).toEqual({ id: 'alice' })
  })

  it.each([
    ['memebrs team', 'Did you mean members?'],
    ['resources --permision read', 'Did you mean --permission?'],
    ['members remve team alice', 'Did you mean remove?'],
    ['cache stats', 'Did you mean status?'],
  ])('with a typo gets a suggestion instead of the help: %s', async (line, suggestion) => {
    const { exitCode, err, out } = await run(line)
    expect(exitCode).toBe(2)
    expect(err).toContain(suggestion)
    expect(err.split('\n').length).toBeLessThan(4)
    expect(out).toBe('')
  })

  it('with --json has its errors as JSON', async () => {
    const wrong = await run('--json cache flush nothing --reason x')
    expect(JSON.parse(wrong.err)).toMatchObject({ error: { kind: 'usage', exitCode: 2 } })
    const refused = await run('me --json', problem(403, { title: 'Forbidden', type: 'urn:x' }))
    expect(JSON.parse(refused.err)).toEqual({
      error: {
        kind: 'refused',
        exitCode: 1,
        message: 'Forbidden (403)',
        status: 403,
        problem: { title: 'Forbidden', type: 'urn:x' },
      },
    })
    const away = await run('me --json', new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }))
    expect(JSON.parse(away.err)).toMatchObject({ error: { kind: 'unreachable', exitCode: 3 } })
  })
})
