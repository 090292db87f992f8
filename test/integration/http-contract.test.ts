/** The HTTP contract over the real parts: PostgreSQL, Redis and Sentinel behind a real server. */

import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nameFault } from '../../src/domain/names.ts'
import { closeServer, createServer, listen } from '../../src/http/index.ts'
import { type Answer, createHttpClient, type HttpClient, type ToSend } from '../security/http-client.ts'
import { signToken, type TestKeys, type TokenOptions, testKeys } from '../support/app.ts'
import { appOf } from '../support/app-of.ts'
import { observed } from '../support/observed.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let keys: TestKeys
let server: ReturnType<typeof createServer>
let client: HttpClient

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  keys = await testKeys()
  const app = observed(appOf(service, keys))
  server = createServer(app)
  client = createHttpClient({ port: await listen(server, { host: '127.0.0.1', port: 0 }) })
})
afterAll(async () => {
  client?.close()
  if (server) await closeServer(server)
  await service?.close()
  await dropDatabase(databaseUrl)
})

interface Asked {
  readonly body?: unknown
  readonly headers?: Record<string, string>
  readonly token?: TokenOptions
}

/** Tests look into bodies of many shapes; what those shapes are is checked against the document as they leave. */
// biome-ignore lint/suspicious/noExplicitAny: a wrong path into a body fails the test that takes it
type JsonAnswer = Answer & { readonly json: any }

/** Sends as this user. */
async function as(user: string, call: string, { body, headers, token }: Asked = {}): Promise<JsonAnswer> {
  const [method = 'GET', path = '/'] = call.split(' ')
  const sent: ToSend = {
    method,
    path,
    headers: {
      authorization: `Bearer ${await signToken(keys, user, token)}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }
  const answer = await client.send(sent)
  return { ...answer, json: answer.text === '' ? undefined : JSON.parse(answer.text) }
}

const admin = (call: string, asked: Asked = {}) => as('root', call, { token: { roles: ['admin'] }, ...asked })
const cacheAdmin = (call: string, asked: Asked = {}) => as('ops', call, { token: { roles: ['cache-admin'] }, ...asked })
const namesSeenBy = async (user: string, headers?: Record<string, string>): Promise<string[]> =>
  (await as(user, 'GET /resources', { ...(headers && { headers }) })).json.data.map(
    (item: { name: string }) => item.name,
  )
/** Makes the next read cover the mutation that was answered. */
const covering = (answer: Answer) => ({ 'consistency-token': String(answer.headers['consistency-token']) })

describe('a list of resources', () => {
  it('comes from the source once, then from the cache, byte for byte the same', async () => {
    await cacheAdmin('POST /admin/cache/flush', { body: { scope: 'user', user: 'cid', reason: 'a cold start' } })
    const first = await as('cid', 'GET /resources')
    const second = await as('cid', 'GET /resources')
    expect(first.headers['cache-status']).toBe('portcullis; fwd=miss; stored')
    expect(second.headers['cache-status']).toMatch(/^portcullis; hit; ttl=\d+$/)
    expect([second.text, second.headers.etag]).toEqual([first.text, first.headers.etag])
    expect(second.json.data.map((item: { name: string; permission: string }) => [item.name, item.permission])).toEqual([
      ['blue-plan', 'write'],
      ['handbook', 'read'],
    ])
    expect(
      (await as('cid', 'GET /resources', { headers: { 'if-none-match': String(first.headers.etag) } })).status,
    ).toBe(304)
    expect(
      (await as('cid', 'GET /resources', { headers: { 'cache-control': 'no-cache' } })).headers['cache-status'],
    ).toMatch(/^portcullis; fwd=bypass/)
  })

  it('is the same for an administrator who asks for the user, and for the groups', async () => {
    expect((await admin('GET /users/ben/resources')).json).toEqual((await as('ben', 'GET /resources')).json)
    expect((await admin('GET /users/ben/groups')).json).toEqual((await as('ben', 'GET /me/groups')).json)
    expect((await admin('GET /users/nobody/resources')).status).toBe(404)
    expect((await as('ben', 'GET /me')).json).toEqual({ id: 'ben', roles: [], counts: { groups: 2, resources: 2 } })
  })

  it('is empty for who is in the token but not in the database, and nothing is mistaken for it later', async () => {
    expect(await namesSeenBy('newcomer')).toEqual([])
    const created = await admin('PUT /users/newcomer', { body: {} })
    expect(created.status).toBe(201)
    const joined = await admin('PUT /groups/name:other/members/newcomer', { body: { role: 'member' } })
    expect(await namesSeenBy('newcomer', covering(joined))).toEqual(['elsewhere'])
    expect((await admin('DELETE /users/newcomer')).status).toBe(204)
    expect(await namesSeenBy('newcomer')).toEqual([])
    await admin('PUT /users/newcomer', { body: {} })
    expect(await namesSeenBy('newcomer'), 'a reused id inherits nothing').toEqual([])
  })

  it('is explained for users that there are, and for no others', async () => {
    const { json: resource } = await admin('GET /resources/name:handbook')
    expect((await admin(`GET /users/eve/resources/${resource.id}/explain`)).json).toEqual({
      permission: null,
      expiresAt: null,
      paths: [],
    })
    expect((await admin(`GET /users/nobody-here/resources/${resource.id}/explain`)).status).toBe(404)
  })

  it('ends at once for a disabled user, and comes back when the user is enabled', async () => {
    await admin('PUT /users/zoe', { body: {} })
    await admin('PUT /groups/name:dept/members/zoe', { body: { role: 'maintainer' } })
    expect(await namesSeenBy('zoe')).toEqual(['handbook'])
    await admin('PUT /users/zoe', { body: { disabled: true } })
    expect(await namesSeenBy('zoe')).toEqual([])
    expect((await as('zoe', 'GET /groups/name:dept/members')).status).toBe(403)
    await admin('PUT /users/zoe', { body: { disabled: false } })
    expect(await namesSeenBy('zoe')).toEqual(['handbook'])
    await admin('DELETE /users/zoe')
  })

  it.each([0, 1, 49, 50, 51, 199, 200, 201])(
    'of %i items is complete, ordered and without a double over its pages',
    async (size) => {
      const user = `reader-${size}`
      const names = Array.from({ length: size }, (_, index) => `p${size}/${String(index).padStart(4, '0')}`)
      const imported = await admin('POST /import', {
        body: {
          users: [{ id: user }],
          groups: [{ name: `pages-${size}` }],
          memberships: [{ group: `pages-${size}`, user }],
          resources: names.map((name) => ({ name, kind: 'page' })),
          grants: names.map((resource) => ({ group: `pages-${size}`, resource, permission: 'read' })),
        },
      })
      expect(imported.status).toBe(200)
      for (const query of ['', '?limit=200', '?kind=page&limit=7', `?q=p${size}%2F`]) {
        const seen: string[] = []
        let next: string | undefined = `/resources${query}`
        while (next !== undefined) {
          const page: JsonAnswer = await as(user, `GET ${next}`)
          expect(page.status).toBe(200)
          seen.push(...page.json.data.map((item: { name: string }) => item.name))
          expect(page.headers.link === undefined).toBe(page.json.nextCursor === null)
          next = page.headers.link === undefined ? undefined : /<([^>]+)>/.exec(String(page.headers.link))?.[1]
        }
        expect(seen, query).toEqual(names)
      }
    },
  )

  it.each(['', '&kind=page'])('shows what stays exactly once while items come and go (%s)', async (filter) => {
    const user = 'reader-moving'
    const prefix = filter === '' ? 'moving' : 'moving-kind'
    const nameAt = (index: number) => `${prefix}/${String(index).padStart(2, '0')}`
    const names = Array.from({ length: 12 }, (_, index) => nameAt(index))
    const group = `pages-${prefix}`
    await admin('POST /import', {
      body: {
        users: [{ id: user }],
        groups: [{ name: group }],
        memberships: [{ group, user }],
        resources: names.map((name) => ({ name, kind: 'page' })),
        grants: names.map((resource) => ({ group, resource, permission: 'read' })),
      },
    })
    const query = `/resources?limit=3&q=${prefix}%2F${filter}`
    const remove = (name: string) => admin(`DELETE /resources/name:${encodeURIComponent(name)}`)
    const add = (name: string) =>
      admin('POST /resources', {
        body: { name, kind: 'page', grants: [{ group: `name:${group}`, permission: 'read' }] },
      })
    const seen: string[] = []
    let page = await as(user, `GET ${query}`)
    for (let round = 0; ; round++) {
      seen.push(...page.json.data.map((item: { name: string }) => item.name))
      const { nextCursor } = page.json
      if (nextCursor === null) break
      if (round === 0) {
        // The very item that the cursor stands on, one before it, one after it; and newcomers on both sides.
        for (const gone of [nameAt(2), nameAt(0), nameAt(7)]) expect((await remove(gone)).status).toBe(204)
        for (const name of [`${nameAt(1)}a`, `${nameAt(4)}a`]) expect((await add(name)).status).toBe(201)
      }
      page = await as(user, `GET ${query}&cursor=${nextCursor}`)
      expect(page.status).toBe(200)
    }
    expect(seen).toEqual([...names.filter((name) => name !== nameAt(7)), `${nameAt(4)}a`].sort())
  })

  it('of the directory continues only for the caller it was begun for', async () => {
    const bothAdmins = ['root', 'boss'].map((user) => (call: string) => as(user, call, { token: { roles: ['admin'] } }))
    const { json: handbook } = await admin('GET /resources/name:handbook')
    for (const path of [
      '/users',
      '/groups',
      '/admin/audit',
      '/groups/name:dept%2Fred/grants',
      `/resources/${handbook.id}/access`,
    ]) {
      const { json, headers } = await admin(`GET ${path}?limit=1`)
      expect([path, headers.link]).toEqual([path, `<${path}?limit=1&cursor=${json.nextCursor}>; rel="next"`])
      const next = bothAdmins.map((call) => call(`GET ${path}?limit=1&cursor=${json.nextCursor}`))
      expect([path, ...(await Promise.all(next)).map(({ status }) => status)]).toEqual([path, 200, 400])
    }
  })

  it("refuses another user's cursor, one for another query, and a forged one", async () => {
    const cursor = String((await as('reader-51', 'GET /resources')).json.nextCursor)
    expect((await as('reader-51', `GET /resources?cursor=${cursor}`)).status).toBe(200)
    const forged = (cursor.startsWith('A') ? 'B' : 'A') + cursor.slice(1)
    const filtered = String((await as('reader-51', 'GET /resources?kind=page&q=p51&permission=read')).json.nextCursor)
    const going = `/resources?cursor=${filtered}`
    expect((await as('reader-51', `GET ${going}&kind=page&q=p51&permission=read`)).status).toBe(200)
    for (const [user, path] of [
      ['reader-201', `/resources?cursor=${cursor}`],
      ['reader-51', `/resources?cursor=${cursor}&kind=page`],
      ['reader-51', `${going}&q=p51&permission=read`],
      ['reader-51', `${going}&kind=page&permission=read`],
      ['reader-51', `${going}&kind=page&q=p51`],
      ['reader-51', `${going}&kind=page&q=p5&permission=read`],
      ['reader-51', `/resources?cursor=${forged}`],
      ['reader-51', `/resources?cursor=${cursor.slice(0, -1)}`],
      ['reader-51', '/resources?cursor=abc'],
    ])
      expect([path, (await as(String(user), `GET ${path}`)).status]).toEqual([path, 400])
  })
})

describe('changes', () => {
  it('are seen by the very next read, with and without the token', async () => {
    expect(await namesSeenBy('ben')).toEqual(['handbook', 'red-plan'])
    await admin('DELETE /groups/name:dept%2Fred/members/ben')
    expect(await namesSeenBy('ben')).toEqual([])
    const back = await admin('PUT /groups/name:dept%2Fred/members/ben', { body: {} })
    expect([back.status, back.json.role]).toEqual([201, 'member'])
    expect(await namesSeenBy('ben', covering(back))).toEqual(['handbook', 'red-plan'])
    expect((await admin('PUT /groups/name:dept%2Fred/members/ben', { body: {} })).status).toBe(200)
    expect((await admin('PUT /groups/name:dept%2Fred/members/no-one', { body: {} })).status).toBe(404)
  })

  it('to one resource, from its creation to its end', async () => {
    const body = {
      name: 'draft',
      kind: 'document',
      attributes: { a: { b: [1, 'é', null] } },
      grants: [{ group: 'name:dept/red', permission: 'write' }],
    }
    const created = await admin('POST /resources', { body })
    expect(created.status).toBe(201)
    const location = String(created.headers.location)
    expect((await admin('POST /resources', { body })).status).toBe(409)
    const seen = await as('ben', `GET ${location}`)
    expect(seen.json).toMatchObject({ name: 'draft', permission: 'write', attributes: body.attributes, version: 1 })
    expect((await as('cid', `GET ${location}`)).status).toBe(404)

    const ifMatch = { 'if-match': String(seen.headers.etag) }
    const changed = await as('ben', `PATCH ${location}`, { body: { description: 'first' }, headers: ifMatch })
    expect([changed.status, changed.json.version]).toEqual([200, 2])
    expect((await as('ben', `PATCH ${location}`, { body: { description: 'lost' }, headers: ifMatch })).status).toBe(412)
    const again = await as('ben', `PATCH ${location}`, {
      body: { description: null },
      headers: { 'if-match': String(changed.headers.etag) },
    })
    expect([again.status, again.json.description]).toEqual([200, null])
    expect(
      (await as('ben', `GET ${location}`, { headers: { 'if-none-match': String(again.headers.etag) } })).status,
    ).toBe(304)

    expect((await as('ben', `DELETE ${location}`)).status).toBe(403)
    expect((await as('cid', `DELETE ${location}`)).status).toBe(404)
    expect((await admin(`DELETE ${location}`)).status).toBe(204)
    expect((await admin(`DELETE ${location}`)).status).toBe(404)
    expect(await namesSeenBy('ben')).toEqual(['handbook', 'red-plan'])
  })

  it('to a grant is made by administrators of the resource, and by nobody else', async () => {
    const call = 'PUT /groups/name:other/grants/name:handbook'
    expect((await as('cid', call, { body: { permission: 'read' } })).status).toBe(403)
    expect((await as('dee', call, { body: { permission: 'read' } })).status).toBe(404)
    const given = await as('ben', call, { body: { permission: 'triage' } })
    expect(given.status).toBe(201)
    expect(await namesSeenBy('dee', covering(given))).toEqual(['elsewhere', 'handbook'])
    const access = await as('ben', 'GET /resources/name:handbook/access')
    expect(
      access.json.data.map((entry: { userId: string; permission: string }) => `${entry.userId}:${entry.permission}`),
    ).toContain('dee:triage')
    expect(
      (await as('ben', 'GET /groups/name:other/grants')).json.data.map(
        (grant: { resourceName: string }) => grant.resourceName,
      ),
    ).toEqual(['handbook'])
    expect((await as('ben', 'DELETE /groups/name:other/grants/name:handbook')).status).toBe(204)
    expect(await namesSeenBy('dee')).toEqual(['elsewhere'])
  })

  it('to the tree are refused where they would close a circle', async () => {
    const parent = (name: string) => ({ body: { parent: name } })
    expect((await admin('PATCH /groups/name:dept', parent('name:dept/red'))).status).toBe(409)
    const nowhere = await admin('PATCH /groups/name:other', parent('name:nowhere'))
    expect([404, 422]).toContain(nowhere.status)
    const current = await admin('GET /groups/name:other')
    const moved = await admin('PATCH /groups/name:other', {
      ...parent('name:dept'),
      headers: { 'if-match': String(current.headers.etag) },
    })
    expect(moved.status).toBe(200)
    expect(await namesSeenBy('dee', covering(moved))).toEqual(['elsewhere', 'handbook'])
    expect((await as('dee', 'GET /users/dee/resources/name:handbook/explain')).json).toMatchObject({
      permission: 'read',
    })
    await admin('PATCH /groups/name:other', { body: { parent: null } })
    expect((await as('dee', 'GET /users/dee/resources/name:handbook/explain')).status).toBe(404)
  })

  it('with one idempotency key happen once, and the second answer is the first', async () => {
    const headers = { 'idempotency-key': 'group-once' }
    const first = await admin('POST /groups', { body: { name: 'once' }, headers })
    const second = await admin('POST /groups', { body: { name: 'once' }, headers })
    expect([first.status, second.status, second.json]).toEqual([201, 201, first.json])
    expect((await admin('POST /groups', { body: { name: 'twice' }, headers })).status).toBe(422)
    const many = await Promise.all(
      Array.from({ length: 20 }, () =>
        admin('POST /groups', { body: { name: 'storm' }, headers: { 'idempotency-key': 'storm' } }),
      ),
    )
    for (const answer of many) expect([201, 409]).toContain(answer.status)
    expect(new Set(many.filter(({ status }) => status === 201).map(({ json }) => json.id)).size).toBe(1)
  })

  it('to a whole list say which list they were made for, or may only add', async () => {
    const list = '/groups/name:dept%2Fblue/members'
    const read = await admin(`GET ${list}`)
    const put = (members: string[], headers: Record<string, string> = {}) =>
      admin(`PUT ${list}`, { body: { members: members.map((user) => ({ user })) }, headers })
    expect((await put([])).status).toBe(428)
    const tag = String(read.headers.etag)
    expect((await admin(`GET ${list}`, { headers: { 'if-none-match': tag } })).status).toBe(304)
    const others = await as('boss', `GET ${list}`, { token: { roles: ['admin'] } })
    for (const wrong of [String(others.headers.etag), `W/${others.headers.etag}`, '"x"', ''])
      expect([wrong, (await put([], { 'if-match': wrong })).status]).toEqual([wrong, 412])
    expect((await put(['cid', 'eve'])).status).toBe(200)
    expect((await put(['cid'], { 'if-match': tag })).status).toBe(412)
    const now = String((await admin(`GET ${list}?limit=1`)).headers.etag)
    expect((await put(['cid'], { 'if-match': `"other", ${now}` })).json).toMatchObject({ removed: 1 })
    expect((await put(['cid', 'ben'], { 'if-match': '*' })).json).toMatchObject({ added: 1 })
    expect((await put(['cid'], { 'if-match': '*' })).json).toMatchObject({ removed: 1 })
  })

  it('that put one thing can insist that it is new, or that it is not', async () => {
    const group = '/groups/name:dept%2Fblue'
    for (const [path, body] of [
      ['/users/brand-new', {}],
      [`${group}/members/brand-new`, {}],
      [`${group}/grants/name:elsewhere`, { permission: 'read' }],
    ] as const) {
      const put = async (headers: Record<string, string>) => (await admin(`PUT ${path}`, { body, headers })).status
      expect([path, await put({ 'if-match': '*' })]).toEqual([path, 412])
      expect([path, await put({ 'if-none-match': '*' })]).toEqual([path, 201])
      expect([path, await put({ 'if-none-match': '*' })]).toEqual([path, 412])
      expect([path, await put({ 'if-match': '*' })]).toEqual([path, 200])
      expect([path, await put({ 'if-match': '"a-tag"' })]).toEqual([path, 412])
    }
    await admin(`DELETE ${group}/grants/name:elsewhere`)
    await admin('DELETE /users/brand-new')
  })

  it('to attributes may not add up to more than one change may bring', async () => {
    const body = { name: 'growing', kind: 'document', attributes: { first: 'x'.repeat(9000) } }
    const { json } = await admin('POST /resources', { body })
    const patch = (attributes: unknown) => admin(`PATCH /resources/${json.id}`, { body: { attributes } })
    const refused = await patch({ second: 'x'.repeat(9000) })
    expect([refused.status, refused.json.errors[0].pointer]).toEqual([400, '#/attributes'])
    expect((await patch({ first: null, second: 'x'.repeat(9000) })).status).toBe(200)
    await admin(`DELETE /resources/${json.id}`)
  })

  it('name each group once in first grants', async () => {
    const { json: group } = await admin('GET /groups/name:other')
    const grants = ['name:other', group.id].map((each) => ({ group: each, permission: 'read' }))
    const refused = await admin('POST /resources', { body: { name: 'twice', kind: 'document', grants } })
    expect([refused.status, refused.json.errors]).toEqual([
      400,
      [{ pointer: '#/grants/1/group', detail: 'is the same as /grants/0/group' }],
    ])
  })

  it('that take away the group above make another version of those below', async () => {
    await admin('POST /groups', { body: { name: 'above' } })
    const below = await admin('POST /groups', { body: { name: 'below', parent: 'name:above' } })
    await admin('DELETE /groups/name:above')
    const path = `/groups/${below.json.id}`
    const headers = { 'if-none-match': String(below.headers.etag) }
    const read = await admin(`GET ${path}`, { headers })
    expect([read.status, read.json.parentId, read.json.version]).toEqual([200, null, below.json.version + 1])
    const stale = await admin(`PATCH ${path}`, { body: {}, headers: { 'if-match': String(below.headers.etag) } })
    expect(stale.status).toBe(412)
    await admin(`DELETE ${path}`)
  })

  it('present a token of another service as what it is', async () => {
    for (const token of ['nonsense', '', 'eyJhIjoxfQ'])
      expect([token, (await as('ben', 'GET /resources', { headers: { 'consistency-token': token } })).status]).toEqual([
        token,
        400,
      ])
  })
})

describe('administration of the cache', () => {
  it('shows its state, its log and what is kept for a user', async () => {
    await namesSeenBy('ben')
    expect((await cacheAdmin('GET /admin/cache')).status).toBe(200)
    expect((await cacheAdmin('GET /admin/cache/users/ben')).status).toBe(200)
  })

  it('shows the log in its order, page by page, without a gap where ids grow longer', async () => {
    for (let number = 0; number < 12; number++) await admin(`PUT /users/log-${number}`, { body: {} })
    const whole: { id: string }[] = (await cacheAdmin('GET /admin/cache/invalidations?limit=200')).json.data
    expect(whole.length).toBeGreaterThan(12)
    expect(whole.map(({ id }) => Number(id))).toEqual(whole.map(({ id }) => Number(id)).sort((a, b) => a - b))
    const paged: unknown[] = []
    for (let after: string | null = '0'; after !== null; ) {
      const { json } = await cacheAdmin(`GET /admin/cache/invalidations?limit=5&after=${after}`)
      paged.push(...json.data)
      after = json.nextCursor
    }
    expect(paged).toEqual(whole)
  })

  it.each([
    { scope: 'all' },
    { scope: 'volatile' },
    { scope: 'layer', layer: 'user-groups' },
    { scope: 'user', user: 'ben' },
    { scope: 'resource', resource: 'name:handbook' },
  ])('flushes $scope, and only when it is meant', async (scope) => {
    const dry = await cacheAdmin('POST /admin/cache/flush', { body: { ...scope, reason: 'to see', dryRun: true } })
    expect([dry.status, dry.json.dryRun]).toEqual([200, true])
    const flushed = await cacheAdmin('POST /admin/cache/flush', { body: { ...scope, reason: 'to do' } })
    expect([flushed.status, flushed.json.scope, flushed.json.dryRun]).toEqual([200, scope.scope, false])
  })

  it('refuses a flush that leaves open what it is about', async () => {
    for (const body of [
      {},
      { scope: 'all' },
      { scope: 'user', reason: 'r' },
      { scope: 'layer', layer: 'x', reason: 'r' },
      { scope: 'everything', reason: 'r' },
    ])
      expect((await cacheAdmin('POST /admin/cache/flush', { body })).status).toBe(400)
  })
})

const STRINGS = '../shared/data/naughty-strings/blns.json'
if (!existsSync(STRINGS)) console.warn('skipped: naughty strings are not in ../shared/data')

describe.skipIf(!existsSync(STRINGS))('naughty strings', () => {
  it('are kept and come back the same, as ids, names, texts and attributes', async () => {
    const all = [...new Set(JSON.parse(readFileSync(STRINGS, 'utf8')) as string[])]
    const strings = all.filter((text) => text !== '' && [...text].length <= 180 && !/\p{Cc}/u.test(text))
    expect(strings.length).toBeGreaterThan(450)
    const nameOf = (text: string, index: number) => `naughty ${index} ${text}`
    /** By the one rule for names; ids and texts may be anything. */
    const refused = strings.filter((text, index) => nameFault(nameOf(text, index).normalize('NFC')) !== null)
    expect(refused.length).toBeLessThan(50)
    const resources = strings.map((text, index) => ({
      name: refused.includes(text) ? `naughty ${index}` : nameOf(text, index),
      kind: 'naughty',
      description: text,
      attributes: { [`k${text}`]: [text] },
    }))
    const imported = await admin('POST /import', {
      body: { users: strings.map((id) => ({ id, displayName: id })), resources },
    })
    expect(imported.json).toMatchObject({ users: { created: strings.length }, resources: { created: strings.length } })
    for (const [index, text] of strings.entries()) {
      const user = await admin(`GET /users/${encodeURIComponent(text)}`)
      expect([user.json.id, user.json.displayName]).toEqual([text, text.normalize('NFC')])
      const isRefused = refused.includes(text)
      if (isRefused) {
        const body = { name: nameOf(text, index), kind: 'naughty' }
        expect((await admin('POST /resources', { body })).status).toBe(400)
      }
      const name = isRefused ? `naughty ${index}` : nameOf(text, index).normalize('NFC')
      const resource = await admin(`GET /resources/name:${encodeURIComponent(name)}`)
      expect(resource.json).toMatchObject({
        name,
        description: text.normalize('NFC'),
        attributes: { [`k${text}`]: [text] },
      })
      expect(await namesSeenBy(text)).toEqual([])
    }
  })
})

describe('a change that changes nothing', () => {
  it('keeps the version and the tag of a resource, however it is written', async () => {
    const created = await admin('POST /resources', {
      body: { name: 'same', kind: 'x', attributes: { a: 1, b: { c: [1, 2], d: null } } },
    })
    const call = `PATCH /resources/${created.json.id}`
    for (const body of [
      {},
      { name: 'same' },
      { description: null },
      { attributes: {} },
      { attributes: { b: { c: [1, 2] }, a: 1 } },
      { attributes: { absent: null } },
      { name: 'same', kind: 'x', description: null, attributes: { a: 1 } },
    ]) {
      const answer = await admin(call, { body })
      expect([answer.status, answer.headers.etag, answer.json]).toEqual([200, created.headers.etag, created.json])
    }
    const changed = await admin(call, { body: { attributes: { b: { c: [2, 1] } } } })
    expect(changed.json.version).toBe(created.json.version + 1)
    // The tag of before no longer holds, with or without what a proxy made of it.
    for (const tag of [created.headers.etag, `W/${created.headers.etag}`])
      expect((await admin(call, { body: {}, headers: { 'if-match': String(tag) } })).status).toBe(412)
    expect((await admin(call, { body: {}, headers: { 'if-match': `W/${changed.headers.etag}` } })).status).toBe(200)
  })

  it('keeps the version of a group, and the time of a user', async () => {
    const group = await admin('POST /groups', { body: { name: 'same-group' } })
    for (const body of [{}, { name: 'same-group' }, { parent: null }])
      expect((await admin(`PATCH /groups/${group.json.id}`, { body })).json).toEqual(group.json)
    const user = await admin('PUT /users/same-user', { body: { displayName: 'Same' } })
    for (const body of [{}, { displayName: 'Same' }, { disabled: false }])
      expect((await admin('PUT /users/same-user', { body })).json).toEqual(user.json)
  })
})

describe('what a request says about caches', () => {
  it.each(['max-age=0', 'no-store', 'no-cache', 'max-age=60'])('%s is answered from the source', async (asked) => {
    await as('cid', 'GET /resources')
    const answer = await as('cid', 'GET /resources', { headers: { 'cache-control': asked } })
    expect(answer.headers['cache-status']).toMatch(/^portcullis; fwd=bypass/)
  })
})

describe('numbers in attributes', () => {
  it('come back as they were sent, or are refused', async () => {
    const { token } = { token: `Bearer ${await signToken(keys, 'root', { roles: ['admin'] })}` }
    const post = (name: string, attributes: string) =>
      client.send({
        method: 'POST',
        path: '/resources',
        headers: { authorization: token, 'content-type': 'application/json' },
        body: `{"name":"${name}","kind":"x","attributes":${attributes}}`,
      })
    const refused = await post('large', '{"id":9007199254740993}')
    expect([refused.status, JSON.parse(refused.text).type]).toEqual([400, 'urn:portcullis:problem:invalid-input'])
    const kept = '{"a":9007199254740991,"b":0.1,"c":1e+21,"d":5e-324}'
    const { id } = JSON.parse((await post('exact', kept)).text)
    expect(JSON.stringify((await admin(`GET /resources/${id}`)).json.attributes)).toBe(kept)
  })
})
