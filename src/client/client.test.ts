import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ClientOptions, createClient, InvalidPathError, RefusedError, UnreachableError } from './index.ts'

interface Call {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly body: unknown
}
type Scripted = Response | Error | (() => Promise<Response>)

/** A client whose calls are answered in the order of the script. */
function scripted(script: Scripted[], options: Partial<ClientOptions> = {}) {
  const calls: Call[] = []
  const client = createClient({
    baseUrl: 'https://api.example/base',
    token: 'secret',
    fetch: async (url, { method = '', headers, body }) => {
      calls.push({
        method,
        url: String(url),
        headers: new Headers(headers),
        body: body ? JSON.parse(String(body)) : null,
      })
      const next = script.shift()
      if (next === undefined) throw new Error(`nobody expects ${method} ${url}`)
      if (next instanceof Error) throw next
      return typeof next === 'function' ? next() : next
    },
    ...options,
  })
  return { client, calls, seen: () => calls.map(({ method, url }) => `${method} ${url}`) }
}

const json = (body: unknown, headers: Record<string, string> = {}, status = 200) =>
  new Response(JSON.stringify(body), { status, headers })
const gone = () => new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
const busy = (retryAfter: string | null, status = 503) =>
  json({ title: 'Busy' }, retryAfter === null ? {} : { 'retry-after': retryAfter }, status)
const group = { id: 'g', name: 'a', parentId: null, version: 1, createdAt: '', updatedAt: '' }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => void vi.useRealTimers())

/** Lets time pass until the call has ended; tells how much of it did. */
async function ended<T>(call: Promise<T>): Promise<{ outcome: T | Error; afterMs: number }> {
  const startedAt = Date.now()
  const settled: (T | Error)[] = []
  call.then(
    (value) => settled.push(value),
    (error: Error) => settled.push(error),
  )
  while (settled.length === 0) await vi.advanceTimersByTimeAsync(100)
  const [outcome] = settled as [T | Error]
  return { outcome, afterMs: Date.now() - startedAt }
}

describe('a call', () => {
  it('has the path, the query, the body and the token of its operation', async () => {
    const { client, calls } = scripted([json(group), json(group, { etag: '"1"', 'consistency-token': 't1' }, 201)])
    await client.getGroup({ path: { id: 'name:a/b c' } })
    const { data, status, etag, consistencyToken } = await client.createGroup({ body: { name: 'a' } })
    expect(calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET https://api.example/base/groups/name%3Aa%2Fb%20c',
      'POST https://api.example/base/groups',
    ])
    expect(calls[0]?.headers.get('authorization')).toBe('Bearer secret')
    expect(calls[1]?.body).toEqual({ name: 'a' })
    expect([data.name, status, etag, consistencyToken]).toEqual(['a', 201, '"1"', 't1'])
  })

  it('sends a merge patch as one', async () => {
    const { client, calls } = scripted([json(group)])
    await client.patchGroup({ path: { id: 'g' }, body: { name: 'b' }, headers: { 'if-match': '"1"' } })
    expect(calls[0]?.headers.get('content-type')).toBe('application/merge-patch+json')
    expect(calls[0]?.headers.get('if-match')).toBe('"1"')
  })

  it('is not made for a name that a URL would drop', async () => {
    const { client, calls } = scripted([])
    for (const id of ['.', '..']) await expect(client.deleteUser({ path: { id } })).rejects.toThrow(InvalidPathError)
    expect(calls).toEqual([])
  })

  it('throws what the service says', async () => {
    const problem = { type: 'urn:x', title: 'Not allowed', status: 403, detail: 'for admins' }
    const { client } = scripted([json(problem, { 'x-request-id': 'r1' }, 403)])
    const error = await client.listUsers().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status: 403, problem, requestId: 'r1', message: 'Not allowed (403): for admins' })
  })

  it('throws what SCIM says, in its own form and as far as it is a problem', async () => {
    const scim = {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: '409',
      scimType: 'uniqueness',
      detail: 'There is such a user already.',
    }
    const { client } = scripted([json(scim, { 'content-type': 'application/scim+json' }, 409)])
    const body = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'ann' }
    const error = await client.createScimUser({ body }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status: 409, problem: { status: 409, detail: scim.detail }, scim })
    expect((error as RefusedError).problem).not.toHaveProperty('schemas')
    expect((error as RefusedError).message).toContain('There is such a user already.')
  })

  it('that SCIM refuses as a problem, or a proxy in words of its own, is not an error of SCIM', async () => {
    const problem = { type: 'urn:x', title: 'Malformed', status: 400, detail: 'no JSON' }
    const { client } = scripted([json(problem, {}, 400), new Response('Bad gateway', { status: 502 })])
    for (const expected of [
      { status: 400, problem, scim: null },
      { status: 502, problem: { detail: 'Bad gateway' }, scim: null },
    ])
      expect(await client.listScimUsers().catch((caught: unknown) => caught)).toMatchObject(expected)
  })

  it('ends with its signal, also while it waits', async () => {
    const aborting = new AbortController()
    const { client, calls } = scripted([busy('5')])
    const call = ended(client.getMe({}, { signal: aborting.signal }))
    await vi.advanceTimersByTimeAsync(1000)
    aborting.abort(new Error('enough'))
    expect((await call).outcome).toMatchObject({ message: 'enough' })
    expect(calls).toHaveLength(1)
  })
})

describe('a list', () => {
  it('is read to its end, page by page as it is needed', async () => {
    const pages = () => [
      json({ data: [{ id: 'a' }, { id: 'b' }], nextCursor: 'c1' }),
      json({ data: [{ id: 'c' }], nextCursor: null }),
    ]
    const { client, seen } = scripted(pages())
    const ids: string[] = []
    for await (const { id } of client.items('listUsers', { query: { q: 'x' } })) ids.push(id)
    expect(ids).toEqual(['a', 'b', 'c'])
    expect(seen()).toEqual([
      'GET https://api.example/base/users?q=x&limit=200',
      'GET https://api.example/base/users?q=x&limit=200&cursor=c1',
    ])
    const early = scripted(pages())
    for await (const { id } of early.client.items('listUsers')) if (id === 'a') break
    expect(early.calls).toHaveLength(1)
  })

  it('goes on by the name that its operation has for the place, and has no limit where it comes whole', async () => {
    const { client, seen } = scripted([
      json({ data: [], nextCursor: '7' }),
      json({ data: [], nextCursor: null }),
      json({ data: [], nextCursor: null }),
    ])
    for await (const _ of client.items('listInvalidations')) expect.unreachable()
    for await (const _ of client.items('listMyGroups')) expect.unreachable()
    expect(seen().slice(1)).toEqual([
      'GET https://api.example/base/admin/cache/invalidations?limit=200&after=7',
      'GET https://api.example/base/me/groups',
    ])
  })
})

describe('a call that failed for a while', () => {
  it('is repeated, no sooner than the service asks', async () => {
    for (const [retryAfter, atLeastMs] of [
      [() => '2', 2000],
      [() => new Date(Date.now() + 4000).toUTCString(), 3000],
    ] as const) {
      const { client, calls } = scripted([busy(retryAfter()), json({ id: 'me' })])
      const { outcome, afterMs } = await ended(client.getMe())
      expect(outcome).toMatchObject({ data: { id: 'me' } })
      expect(afterMs).toBeGreaterThanOrEqual(atLeastMs)
      expect(calls).toHaveLength(2)
    }
  })

  it('is left to the caller where the wait is long, nobody named one, or it has failed often enough', async () => {
    for (const [script, times] of [
      [[busy('60')], 1],
      [[busy(null)], 1],
      [[busy('0'), busy('0'), busy('0'), busy('0')], 4],
      [[json({}, {}, 500)], 1],
    ] as const) {
      const { client, calls } = scripted([...script])
      expect((await ended(client.getMe())).outcome).toBeInstanceOf(RefusedError)
      expect(calls).toHaveLength(times)
    }
  })

  it('is repeated by POST with one idempotency key, so that it has one effect', async () => {
    const { client, calls } = scripted([gone(), busy('1'), json(group, {}, 201), json(group, {}, 201)])
    expect((await ended(client.createGroup({ body: { name: 'a' } }))).outcome).toMatchObject({ status: 201 })
    await client.createGroup({ body: { name: 'b' } })
    const keys = calls.map(({ headers }) => headers.get('idempotency-key'))
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(keys.slice(0, 3)).size).toBe(1)
    expect(keys[3]).not.toBe(keys[0])
  })

  it('is not repeated where the second time could mean something else', async () => {
    const patch = scripted([gone()])
    expect((await ended(patch.client.patchGroup({ path: { id: 'g' }, body: { name: 'b' } }))).outcome).toBeInstanceOf(
      UnreachableError,
    )
    const condition = { 'if-match': '"1"' }
    const replaced = scripted([busy('0')])
    const call = replaced.client.replaceMembers({ path: { id: 'g' }, body: { members: [] }, headers: condition })
    expect((await ended(call)).outcome).toBeInstanceOf(RefusedError)
    // What was counted and nothing else may be: the limiter comes before everything.
    const limited = scripted([busy('1', 429), json(group)])
    expect((await ended(limited.client.patchGroup({ path: { id: 'g' }, body: {} }))).outcome).toMatchObject({
      status: 200,
    })
  })

  it('is repeated where a question is asked by POST', async () => {
    const { client, calls } = scripted([gone(), json({ decision: true })])
    const question = {
      subject: { type: 'user', id: 'alice' },
      resource: { type: 'document', id: 'a' },
      action: { name: 'read' },
    }
    expect((await ended(client.evaluateAccess({ body: question }))).outcome).toMatchObject({ data: { decision: true } })
    expect(calls).toHaveLength(2)
  })
})

describe('consistency tokens', () => {
  const created = (token: string) => json(group, { 'consistency-token': token }, 201)
  const sent = ({ headers }: Call) => [headers.get('consistency-token'), headers.get('cache-control')]

  it('are carried along: a read sees the changes of its own client', async () => {
    const { client, calls } = scripted([json({}), created('t1'), json({}), created('t2'), json({})])
    await client.getMe()
    await client.createGroup({ body: { name: 'a' } })
    await client.getMe()
    await client.createGroup({ body: { name: 'b' } })
    await client.getMe()
    expect(calls.map(sent)).toEqual([
      [null, null],
      [null, null],
      ['t1', null],
      [null, null],
      ['t2', null],
    ])
    expect(client.consistencyToken()).toBe('t2')
  })

  it('of changes that overlapped cover each other not: then reads ask the source of truth, until a later change', async () => {
    const first = Promise.withResolvers<Response>()
    const { client, calls } = scripted([() => first.promise, created('t2'), json({}), created('t3'), json({})])
    const slow = client.createGroup({ body: { name: 'slow' } })
    await client.createGroup({ body: { name: 'fast' } })
    first.resolve(created('t1'))
    await slow
    await client.getMe()
    expect(sent(calls[2]!)).toEqual([null, 'no-cache'])
    await client.createGroup({ body: { name: 'later' } })
    await client.getMe()
    expect(sent(calls[4]!)).toEqual(['t3', null])
  })

  it('come from another client, and are forgotten with the history that they are of', async () => {
    const over = json({ type: 'urn:portcullis:problem:token-other-history', title: 'Other history' }, {}, 409)
    const { client, calls } = scripted([over, json({})], { consistencyToken: 't0' })
    await expect(client.getMe()).rejects.toThrow(RefusedError)
    await client.getMe()
    expect(calls.map(sent)).toEqual([
      ['t0', null],
      [null, null],
    ])
  })
})

describe('the change feed', () => {
  const change = {
    event: 'createGroup',
    at: '',
    users: [],
    places: [],
    grants: [],
    resources: [],
    buckets: [],
    layers: [],
    names: {},
  }
  const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } })

  it('comes back where it was, also from a position without a change', async () => {
    const { client, calls } = scripted([
      stream(`retry: 1000\n\nid: p0\n\nid: p1\nevent: change\ndata: ${JSON.stringify(change)}\n\nid: p2\n\n`),
      gone(),
      busy('3'),
      stream('id: p3\nevent: reset\ndata: {}\n\n'),
      json({ title: 'No token' }, {}, 401),
    ])
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const event of client.changes()) seen.push(event.type)
    })()
    expect((await ended(reading)).outcome).toMatchObject({ status: 401 })
    expect(seen).toEqual(['open', 'change', 'lost', 'lost', 'lost', 'open', 'reset', 'lost'])
    expect(calls.map(({ headers }) => headers.get('last-event-id'))).toEqual([null, 'p2', 'p2', 'p2', 'p3'])
  })
})
