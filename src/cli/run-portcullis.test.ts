import { describe, expect, it } from 'vitest'
import { answer, api, nothing, run, runAt, UUID, website } from './run-portcullis.fixture.ts'

describe('a command', () => {
  it('asks the API below its base address, with the token', async () => {
    const { calls, exitCode } = await run('resources', answer({ data: [website], nextCursor: null }))
    expect(calls[0]?.url).toBe('https://api.example/base/resources')
    expect(calls[0]?.headers.get('authorization')).toBe('Bearer secret-token')
    expect(exitCode).toBe(0)
  })

  it('prints a table for people', async () => {
    const { out } = await run('resources list', answer({ data: [website, api], nextCursor: null }))
    expect(out.split('\n')).toEqual([
      'NAME     KIND        PERMISSION  DESCRIPTION',
      'website  repository  read        -',
      'api      repository  write       The API',
    ])
  })

  it('prints the answer itself for scripts, and nothing beside it', async () => {
    const page = { data: [website], nextCursor: 'c1' }
    const { out, err } = await run('resources --json', answer(page))
    expect(JSON.parse(out)).toEqual(page)
    expect(err).toBe('')
  })

  it('says that there is more, and how to get at it', async () => {
    const { err } = await run('resources --limit 1', answer({ data: [website], nextCursor: 'c1' }))
    expect(err).toContain('--cursor c1')
  })

  it('follows the pages to the end with --all', async () => {
    const { request, out } = await run(
      'resources --all --kind repository --json',
      answer({ data: [website], nextCursor: 'c1' }),
      answer({ data: [api], nextCursor: null }),
    )
    expect(request).toEqual([
      'GET https://api.example/base/resources?kind=repository&limit=200',
      'GET https://api.example/base/resources?kind=repository&limit=200&cursor=c1',
    ])
    expect(JSON.parse(out)).toEqual({ data: [website, api], nextCursor: null })
  })

  it('passes on which change the answer must have in it, and that the cache shall not answer', async () => {
    const { calls } = await run(
      'resources --consistency-token t1 --fresh',
      answer({ data: [website], nextCursor: null }),
    )
    expect(calls[0]?.headers.get('consistency-token')).toBe('t1')
    expect(calls[0]?.headers.get('cache-control')).toBe('no-cache')
  })

  it('shows the consistency token of a change beside its result', async () => {
    const headers = { 'consistency-token': 't2' }
    const text = await run('members remove team alice', nothing(headers))
    expect(text.out).toBe('alice is no longer in team')
    expect(text.err).toBe('Consistency-Token: t2')
    const json = await run('members remove team alice --json', nothing(headers))
    expect(JSON.parse(json.out)).toEqual({ consistencyToken: 't2' })
  })

  it('does not let a name drive the terminal', async () => {
    const evil = { ...website, name: 'a\u001b[2Jb', description: 'one\ntwo\u202e' }
    const { out } = await run('resources', answer({ data: [evil], nextCursor: null }))
    expect(out.split('\n')).toHaveLength(2)
    expect(out).toContain('a\ufffd[2Jb')
    expect(out).not.toContain('\u202e')
  })
})

describe('the calls of each command', () => {
  const page = () => answer({ data: [], nextCursor: null })
  it.each<[string, string, unknown, () => Response]>([
    ['resources get website', 'GET resources/name%3Awebsite', undefined, () => answer(website)],
    [`resources get ${UUID}`, `GET resources/${UUID}`, undefined, () => answer(website)],
    [`resources get name:${UUID}`, `GET resources/name%3A${UUID}`, undefined, () => answer(website)],
    ['resources get "a/b c"', 'GET resources/name%3Aa%2Fb%20c', undefined, () => answer(website)],
    [
      'resources create docs --kind document --attributes {} --grant a=b/team=read',
      'POST resources',
      { name: 'docs', kind: 'document', attributes: {}, grants: [{ group: 'name:a=b/team', permission: 'read' }] },
      () => answer(website, { status: 201 }),
    ],
    [
      'resources create docs --kind document --grant a=read --grant b=write --until 2099-01-31T12:00:00Z',
      'POST resources',
      {
        name: 'docs',
        kind: 'document',
        grants: [
          { group: 'name:a', permission: 'read', expiresAt: '2099-01-31T12:00:00Z' },
          { group: 'name:b', permission: 'write', expiresAt: '2099-01-31T12:00:00Z' },
        ],
      },
      () => answer(website, { status: 201 }),
    ],
    [
      'resources update website --description ""',
      'PATCH resources/name%3Awebsite',
      { description: null },
      () => answer(api),
    ],
    ['resources delete website --yes', 'DELETE resources/name%3Awebsite', undefined, nothing],
    ['groups --q comp', 'GET groups?q=comp', undefined, page],
    ['groups get a', 'GET groups/name%3Aa', undefined, () => answer({ id: UUID })],
    ['groups create a --parent b', 'POST groups', { name: 'a', parent: 'name:b' }, () => answer({}, { status: 201 })],
    ['groups update a --root', 'PATCH groups/name%3Aa', { parent: null }, () => answer({})],
    ['groups update a --name c --parent b', 'PATCH groups/name%3Aa', { name: 'c', parent: 'name:b' }, () => answer({})],
    ['groups delete a --yes', 'DELETE groups/name%3Aa', undefined, nothing],
    ['members a', 'GET groups/name%3Aa/members', undefined, page],
    ['members list list', 'GET groups/name%3Alist/members', undefined, page],
    [
      'members put a al/ice --role maintainer',
      'PUT groups/name%3Aa/members/al%2Fice',
      { role: 'maintainer' },
      () => answer({}),
    ],
    ['members put a alice', 'PUT groups/name%3Aa/members/alice', {}, () => answer({}, { status: 201 })],
    [
      'members put a alice --until 2099-01-31T12:00:00Z',
      'PUT groups/name%3Aa/members/alice',
      { expiresAt: '2099-01-31T12:00:00Z' },
      () => answer({}),
    ],
    ['members remove a alice', 'DELETE groups/name%3Aa/members/alice', undefined, nothing],
    ['grants a', 'GET groups/name%3Aa/grants', undefined, page],
    ['grants put a r write', 'PUT groups/name%3Aa/grants/name%3Ar', { permission: 'write' }, () => answer({})],
    [
      'grants put a r write --until tomorrow',
      'PUT groups/name%3Aa/grants/name%3Ar',
      { permission: 'write', expiresAt: 'tomorrow' },
      () => answer({}),
    ],
    ['grants remove a r', 'DELETE groups/name%3Aa/grants/name%3Ar', undefined, nothing],
    ['access r', 'GET resources/name%3Ar/access', undefined, page],
    ['users', 'GET users', undefined, page],
    ['users get alice', 'GET users/alice', undefined, () => answer({ id: 'alice' })],
    [
      'users put alice --name "Al M" --disable',
      'PUT users/alice',
      { displayName: 'Al M', disabled: true },
      () => answer({}),
    ],
    ['users put alice --enable', 'PUT users/alice', { disabled: false }, () => answer({})],
    ['users delete alice --yes', 'DELETE users/alice', undefined, nothing],
    ['users groups alice', 'GET users/alice/groups', undefined, page],
    ['users resources alice --permission write', 'GET users/alice/resources?permission=write', undefined, page],
    ['me', 'GET me', undefined, () => answer({ id: 'alice', counts: { groups: 1 } })],
    ['me groups', 'GET me/groups', undefined, page],
    ['cache status', 'GET admin/cache', undefined, () => answer({ log: { lagMs: 3 } })],
    ['cache user alice', 'GET admin/cache/users/alice', undefined, () => answer({ user: 'alice' })],
    ['cache invalidations --cursor 17', 'GET admin/cache/invalidations?after=17', undefined, page],
    ['audit --actor alice --limit 5', 'GET admin/audit?actor=alice&limit=5', undefined, page],
    [
      'audit --target user:alice --since 2026-11-26T09:00:00Z --until 2026-11-27T00:00:00Z',
      'GET admin/audit?target=user%3Aalice&since=2026-11-26T09%3A00%3A00Z&until=2026-11-27T00%3A00%3A00Z',
      undefined,
      page,
    ],
  ])('%s', async (line, expected, body, reply) => {
    const { exitCode, request, calls, err } = await run(line, reply())
    expect(err).toBe('')
    expect(exitCode).toBe(0)
    expect(request.map((each) => each.replace('https://api.example/base/', ''))).toEqual([expected])
    expect(calls[0]?.body).toEqual(body)
  })

  it.each<[string, object]>([
    ['cache flush all', { scope: 'all' }],
    ['cache flush volatile', { scope: 'volatile' }],
    ['cache flush layer user-groups', { scope: 'layer', layer: 'user-groups' }],
    ['cache flush user alice', { scope: 'user', user: 'alice' }],
    ['cache flush resource docs', { scope: 'resource', resource: 'name:docs' }],
  ])('%s', async (line, scope) => {
    const outcome = {
      scope: 'user',
      dryRun: true,
      keys: ['portcullis:resources:{alice}'],
      layers: [],
      store: 'untouched',
    }
    const { calls, out } = await run(`${line} --reason tests --dry-run`, answer(outcome))
    expect(calls[0]?.body).toEqual({ ...scope, reason: 'tests', dryRun: true })
    expect(out).toBe('would flush 1 key\n  portcullis:resources:{alice}')
  })

  it('sends a merge patch, under the condition that was asked for', async () => {
    const { calls } = await run('resources update website --name site --if-match "abc"', answer(website))
    expect(calls[0]?.headers.get('content-type')).toBe('application/merge-patch+json')
    expect(calls[0]?.headers.get('if-match')).toBe('abc')
  })
})

it('members put shows the role that came out', async () => {
  const { out } = await run('members put team alice', answer({ userId: 'alice', groupId: UUID, role: 'member' }))
  expect(out).toBe('alice is member of team')
})

describe('a deletion of what others depend on', () => {
  const group = { id: UUID, name: 'team', parentId: null }
  const page = (...data: unknown[]) => answer({ data, nextCursor: null })
  const lost = () => [answer(group), page({ userId: 'ann' }), page(), page(group, { id: '2', parentId: UUID })]

  it('is asked about, and done when the answer is yes', async () => {
    const questions: string[] = []
    const ask = async (question: string) => {
      questions.push(question)
      return 'y'
    }
    const { request, out } = await runAt({ ask }, 'groups delete team', ...lost(), nothing())
    expect(questions).toEqual([
      expect.stringContaining('team has 1 group below it, which would become roots, 1 member'),
    ])
    expect(request.at(-1)).toBe('DELETE https://api.example/base/groups/name%3Ateam')
    expect(out).toBe('deleted team')
  })

  it.each(['', 'n', 'yeah'])('is not done for the answer "%s"', async (reply) => {
    const { request, exitCode } = await runAt({ ask: async () => reply }, 'groups delete team', ...lost())
    expect(request.filter((each) => each.startsWith('DELETE'))).toEqual([])
    expect(exitCode).toBe(2)
  })

  it.each<[string, () => Response[]]>([
    ['groups delete team', lost],
    ['users delete ann', () => [page({ id: '1' })]],
    ['resources delete site', () => [page({ userId: 'ann' })]],
  ])('needs --yes where there is nobody to ask: %s', async (line, answers) => {
    for (const form of ['', ' --json']) {
      const { request, exitCode, err } = await run(line + form, ...answers())
      expect(request.filter((each) => each.startsWith('DELETE'))).toEqual([])
      expect([exitCode, err]).toEqual([2, expect.stringContaining('--yes')])
    }
  })

  it('is done without a question where nothing depends on it', async () => {
    const { out } = await run('groups delete team', answer(group), page(), page(), page(group), nothing())
    expect(out).toBe('deleted team')
  })
})
