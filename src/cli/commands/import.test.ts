import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runPortcullis } from '../run-portcullis.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'import-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const GOOD = 'members: [Ann]\nteams: {core: {members: [bo], repos: {site: write}}}\n'
const count = (created: number) => ({ total: created, created, updated: 0 })
const COUNTS = {
  users: count(2),
  groups: count(1),
  memberships: count(1),
  resources: count(1),
  grants: { total: 1, created: 0, updated: 1 },
  changed: true,
}

interface Run {
  args?: string[]
  answer?: Response
  meanwhile?: () => void
}

async function run(yaml: string, { args = [], answer, meanwhile }: Run = {}) {
  writeFileSync(path.join(folder, 'acme.yaml'), yaml)
  const sent: { url: string; body: unknown }[] = []
  const [out, err]: [string[], string[]] = [[], []]
  const exitCode = await runPortcullis(['import', 'acme.yaml', ...args], {
    env: { INIT_CWD: folder, PORTCULLIS_URL: 'https://api.example', PORTCULLIS_TOKEN: 't' },
    fetch: async (url, init) => {
      // What the service has already is looked at first; here it has nothing.
      if (init?.method === 'GET') return Response.json({ data: [], nextCursor: null })
      sent.push({ url: String(url), body: JSON.parse(String(init?.body)) })
      meanwhile?.()
      return answer ?? Response.json(COUNTS, { headers: { 'consistency-token': 'ct-1' } })
    },
    print: (text) => void out.push(text),
    say: (text) => void err.push(text),
  })
  return { exitCode, sent, out: out.join('\n'), err: err.join('\n') }
}

describe('the import', () => {
  it('sends everything in one request and shows what changed, how long it took, and the consistency token', async () => {
    const { exitCode, sent, out } = await run(GOOD)
    expect(exitCode).toBe(0)
    expect(sent).toEqual([
      {
        url: 'https://api.example/import',
        body: {
          users: [
            { id: 'ann', displayName: 'Ann' },
            { id: 'bo', displayName: 'bo' },
          ],
          groups: [{ name: 'acme/core', parent: null }],
          memberships: [{ group: 'acme/core', user: 'bo', role: 'member' }],
          resources: [{ name: 'acme/site', kind: 'repository' }],
          grants: [{ group: 'acme/core', resource: 'acme/site', permission: 'write' }],
        },
      },
    ])
    expect(out).toMatch(/^users +2 +2 +0$/m)
    expect(out).toMatch(/^grants +1 +0 +1$/m)
    expect(out).toMatch(/imported in \d+\.\d s/)
    expect(out).toContain('Consistency-Token: ct-1')
  })

  it.each([
    ['2099-01-31T12:00:00Z', '2099-01-31T12:00:00Z'],
    ['never', null],
  ])('gives every membership and grant of the files the end that it is told: %s', async (until, expiresAt) => {
    const { sent } = await run(GOOD, { args: ['--until', until] })
    expect(sent[0]?.body).toMatchObject({ memberships: [{ user: 'bo', expiresAt }], grants: [{ expiresAt }] })
  })

  it('says every five seconds that it still waits', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    try {
      const meanwhile = () => vi.advanceTimersByTime(11_000)
      const { err } = await run(GOOD, { meanwhile })
      vi.advanceTimersByTime(60_000)
      expect(err.match(/importing … \d+ s/g)).toEqual(['importing … 5 s', 'importing … 10 s'])
    } finally {
      vi.useRealTimers()
    }
  })

  it('prints one JSON object on request', async () => {
    const { out } = await run(GOOD, { args: ['--json'] })
    expect(JSON.parse(out)).toEqual({
      ...COUNTS,
      durationMs: expect.any(Number),
      consistencyToken: 'ct-1',
      stays: { groups: 0, memberships: 0, grants: 0 },
    })
  })

  it('counts without sending in a dry run', async () => {
    const { exitCode, sent, out } = await run(GOOD, { args: ['--dry-run'] })
    expect(exitCode).toBe(0)
    expect(sent).toEqual([])
    expect(out).toBe('2 users, 1 groups, 1 memberships, 1 resources, 1 grants')
  })

  it('adds the roles of the organisation on request', async () => {
    const { out } = await run(GOOD, { args: ['--dry-run', '--org-roles', '--json'] })
    expect(JSON.parse(out)).toMatchObject({ groups: 3, memberships: 2 })
  })

  it('shows every problem with file, line and column, and sends nothing', async () => {
    const { exitCode, sent, out, err } = await run('members: ann\nteams: {core: {repos: {site: owner}}}\n')
    expect(exitCode).toBe(2)
    expect(sent).toEqual([])
    expect(out).toBe('')
    expect(err).toContain(`${folder}/acme.yaml:1:10: the members of`)
    expect(err).toContain(`${folder}/acme.yaml:2:30: "owner" is not a permission`)
    expect(err).toContain('2 problems; nothing was sent')
  })

  it('shows every error of a refusal', async () => {
    const refusal = Response.json(
      {
        title: 'The request is not valid',
        detail: 'nothing was written',
        errors: [{ pointer: '#/users/0/id', detail: 'is bad' }],
      },
      { status: 400 },
    )
    const { exitCode, err } = await run(GOOD, { answer: refusal })
    expect(exitCode).toBe(1)
    expect(err).toContain('The request is not valid (400): nothing was written\n  #/users/0/id  is bad')
  })

  it.each([[['a', 'b']], [[]], [['nowhere.yaml']], [['--loud', 'a']]])('refuses the arguments %j', async (args) => {
    const err: string[] = []
    const deps = { env: { INIT_CWD: folder }, fetch, print: () => {}, say: (text: string) => void err.push(text) }
    expect(await runPortcullis(['import', ...args], deps)).toBe(2)
    expect(err.join('\n')).not.toBe('')
  })
})
