import { describe, expect, it } from 'vitest'
import { answer, run, runAt, UUID, website } from './run-portcullis.fixture.ts'

describe('access that ends', () => {
  const END = '2099-01-31T12:00:00.000Z'
  const HOUR_MS = 3_600_000

  it.each([
    ['30s', HOUR_MS / 120],
    ['30m', HOUR_MS / 2],
    ['2h', 2 * HOUR_MS],
    ['1.5h', 1.5 * HOUR_MS],
    ['1h30m', 1.5 * HOUR_MS],
    ['7d', 168 * HOUR_MS],
    ['2w', 336 * HOUR_MS],
  ])('is given for %s from now', async (duration, ms) => {
    const before = Date.now()
    const member = await run(`members put team alice --for ${duration}`, answer({}))
    const grant = await run(`grants put team docs read --for ${duration}`, answer({}))
    const after = Date.now()
    for (const { calls } of [member, grant]) {
      const end = Date.parse((calls[0]!.body as { expiresAt: string }).expiresAt)
      expect(end).toBeGreaterThanOrEqual(before + ms)
      expect(end).toBeLessThanOrEqual(after + ms)
    }
  })

  it.each(['', '2', '2y', '-2h', '0h', '2h!', 'h', '9999999w'])('is not given for "%s"', async (duration) => {
    const { exitCode, calls } = await run(`members put team alice --for "${duration}"`)
    expect([exitCode, calls]).toEqual([2, []])
  })

  it('is given for a duration or until a time, not both', async () => {
    const { exitCode, err } = await run(`members put team alice --for 2h --until ${END}`)
    expect(exitCode).toBe(2)
    expect(err).toContain('--for and --until are mutually exclusive')
  })

  it('is shown with its end: when it is given, in lists and in explanations', async () => {
    const membership = { userId: 'alice', groupId: UUID, role: 'member', expiresAt: END }
    const given = await run('members put team alice --for 2h', answer(membership))
    expect(given.out).toBe(`alice is member of team until ${END}`)
    const endless = await run('members put team alice --until never', answer({ ...membership, expiresAt: null }))
    expect(endless.calls[0]?.body).toEqual({ expiresAt: null })
    expect(endless.out).toBe('alice is member of team')
    const grant = { groupId: UUID, resourceId: UUID, permission: 'read', expiresAt: END }
    const granted = await run('grants put team docs read --for 2h', answer(grant, { status: 201 }))
    expect(granted.out).toBe(`team now has read on docs until ${END}`)
    const bob = { ...membership, userId: 'bob', expiresAt: null }
    const members = await run('members team', answer({ data: [membership, bob], nextCursor: null }))
    expect(members.out.split('\n')).toEqual(['USER   ROLE    UNTIL', `alice  member  ${END}`, 'bob    member  -'])
    const paths = [{ groups: [{ id: '1', name: 'web' }], permission: 'write', expiresAt: END, wins: true }]
    const explained = await run('explain alice docs', answer({ permission: 'write', expiresAt: END, paths }))
    expect(explained.out.split('\n')).toEqual([
      `alice has write on docs until ${END}`,
      `* alice → web → write on docs until ${END}`,
    ])
  })
})

describe('explain', () => {
  it('shows every path and marks the one that wins', async () => {
    const { out } = await run(
      'explain alice website',
      answer({
        permission: 'write',
        paths: [
          {
            groups: [
              { id: '1', name: 'web' },
              { id: '2', name: 'all' },
            ],
            permission: 'read',
            wins: false,
          },
          { groups: [{ id: '1', name: 'web' }], permission: 'write', wins: true },
        ],
      }),
    )
    expect(out.split('\n')).toEqual([
      'alice has write on website',
      '  alice → web → all → read on website',
      '* alice → web → write on website',
    ])
  })

  it('says when there is none', async () => {
    const { out } = await run('explain alice vault', answer({ permission: null, paths: [] }))
    expect(out).toBe('alice may not see vault')
  })
})

describe('a list on a terminal', () => {
  const long = { ...website, id: UUID, name: 'n'.repeat(60), description: 'd'.repeat(60) }

  it('fits into its width, at the cost of names and descriptions', async () => {
    const { out } = await runAt({ width: 80 }, 'resources', answer({ data: [long], nextCursor: null }))
    for (const line of out.split('\n')) expect([...line].length).toBeLessThanOrEqual(80)
    expect(out).toContain('repository')
    expect(out).toContain('…')
  })

  it('keeps everything where it goes somewhere else', async () => {
    const { out } = await run('resources', answer({ data: [long], nextCursor: null }))
    expect(out).toContain(long.name)
    expect(out).toContain(long.description)
  })

  it('shows the names of parents, also of those on another page', async () => {
    const child = { id: '2', name: 'team/web', parentId: '1' }
    const { out, request } = await run(
      'groups',
      answer({ data: [child, { id: '3', name: 'team/web/ui', parentId: '2' }], nextCursor: null }),
      answer({ id: '1', name: 'team', parentId: null }),
    )
    expect(request.at(-1)).toBe('GET https://api.example/base/groups/1')
    expect(out.split('\n')).toEqual([
      'NAME         PARENT    ID',
      'team/web     team      2',
      'team/web/ui  team/web  3',
    ])
  })

  it('says to an administrator without groups why there is nothing', async () => {
    const empty = () => answer({ data: [], nextCursor: null })
    const admin = await run('resources', empty(), answer({ id: 'root', roles: ['admin'] }))
    expect(admin.out).toContain('root is in no group that has a grant')
    expect(admin.out).not.toContain('\ufffd')
    expect(admin.out).toContain('users resources <user>')
    expect((await run('resources', empty(), answer({ id: 'ann', roles: [] }))).out).not.toContain('administrator')
    expect((await run('resources --kind x', empty())).out).toBe('nothing')
    expect((await run('resources --json', empty())).request).toHaveLength(1)
  })
})

it('cache shows on one screen what is well and what is not', async () => {
  const status = {
    log: { trust: 'following', lagMs: 3, rememberedTags: 17 },
    redis: {
      breaker: 'open',
      awayMs: 4200,
      connected: false,
      replicaReads: 'ready',
      server: null,
      errors: [
        {
          connection: 'master',
          address: '10.0.0.1:6379',
          message: 'WRONGPASS invalid password',
          since: '2026-11-28T10:00:00.000Z',
        },
      ],
      topology: {
        masterName: 'mymaster',
        master: { address: '10.0.0.1:6379', flags: ['master', 's_down'] },
        replicas: [{ address: '10.0.0.2:6379', flags: ['slave'], linkUp: false, lagBytes: null }],
        sentinels: [
          { address: '10.0.0.1:26379', reachable: false, why: 'connect ECONNREFUSED' },
          { address: '10.0.0.2:26379', reachable: true },
        ],
        quorum: { held: true, reachable: 2, known: 3 },
        agreed: true,
      },
    },
    outages: {
      currentMs: 4200,
      history: [{ startedAt: '2026-11-27T10:00:00.000Z', seconds: 400, tier: 'volatile', flushed: ['user-groups'] }],
    },
    catalogue: { resources: 12 },
    layers: { 'user-resources': { hits: 90, misses: 10, loads: 10, fillsRefused: 0, rejections: { stale: 2 } } },
  }
  const { out } = await run('cache', answer(status))
  expect(out).toContain('away for 4.2 s (breaker open)')
  expect(out).toContain('master 10.0.0.1:6379: WRONGPASS invalid password  (since 2026-11-28')
  expect(out).toContain('10.0.0.1:26379: connect ECONNREFUSED')
  expect(out).toContain('link DOWN')
  expect(out).toMatch(/user-resources +90 +90\.0 % +10 +10 +2/)
  expect(out.split('\n').length).toBeLessThan(22)
})
