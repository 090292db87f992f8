/** P10: nobody sees what they may not, by an id, a cursor, a tag, a token or a header of somebody else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../drills/random.ts'
import type { Answer } from '../security/http-client.ts'
import { randomOrganisation, readAtRandom } from '../security/isolation.ts'
import { type ServedFleet, serveFleet } from '../security/served-fleet.ts'
import { createTruth, type Truth } from '../security/visibility-truth.ts'
import { asRoot } from '../support/service.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

const READS = Number(process.env.ISOLATION_READS ?? 2000)
const random = createRandom(7)
const organisation = randomOrganisation(random)
const [first, second] = organisation.users.map(({ id }) => id) as [string, string]

let databaseUrl: string
let fleet: ServedFleet
let truth: Truth

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  fleet = await serveFleet({ databaseUrl, redis: redisEnvironment(), count: 2 })
  await fleet.instances[0]!.portcullis.mutations.importOrganisation(organisation, asRoot)
  truth = await createTruth(databaseUrl)
})
afterAll(async () => {
  await truth?.close()
  await fleet?.close()
  await dropDatabase(databaseUrl)
})

interface Call {
  readonly as?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly instance?: number
}

async function call(what: string, { as = 'root', headers, body, instance = 0 }: Call = {}): Promise<Answer> {
  const [method = 'GET', path = '/'] = what.split(' ')
  const authorization = await fleet.authorization(as, as === 'root' ? { roles: ['admin'] } : {})
  return fleet.instances[instance]!.client.send({
    method,
    path,
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

const json = (answer: Answer) => JSON.parse(answer.text)
const namesSeenBy = async (user: string, instance = 0) =>
  json(await call('GET /resources?q=new%2F', { as: user, instance })).data.map(({ name }: { name: string }) => name)

describe('a hundred users over a thousand resources', () => {
  it('read what plain SQL says, whatever they were handed by others', { timeout: 120_000 }, async () => {
    const users = organisation.users.map(({ id }) => id)
    const report = await readAtRandom({ fleet, truth, random, users, reads: READS, readsPerChange: 250 })
    expect(report.differences).toEqual([])
    expect(report.reads).toBeGreaterThanOrEqual(READS)
    expect(report.changes).toBeGreaterThan(0)
    expect(report.kinds.size, 'each kind of read was made').toBe(10)
  })
})

describe('what one user was handed', () => {
  const pathOf = (id: string) => `/resources/${id}`

  it("is no If-Match for another: B's tag never changes anything for A", async () => {
    for (const user of [first, second]) await call(`PUT /users/${encodeURIComponent(user)}`, { body: {} })
    const group = json(await call('POST /groups', { body: { name: 'shared desk' } }))
    for (const user of [first, second])
      await call(`PUT /groups/${group.id}/members/${encodeURIComponent(user)}`, { body: {} })
    const grants = [{ group: group.id, permission: 'admin' }]
    const { id } = json(await call('POST /resources', { body: { name: 'shared plan', kind: 'document', grants } }))
    const [own, other] = [
      await call(`GET ${pathOf(id)}`, { as: first }),
      await call(`GET ${pathOf(id)}`, { as: second }),
    ]
    expect(own.text).toBe(other.text)
    expect(own.headers.etag).not.toBe(other.headers.etag)
    const ifMatch = { 'if-match': String(other.headers.etag) }
    const changed = { body: { description: 'by a borrowed tag' }, headers: ifMatch }
    expect((await call(`PATCH ${pathOf(id)}`, { as: first, ...changed })).status).toBe(412)
    expect((await call(`DELETE ${pathOf(id)}`, { as: first, headers: ifMatch })).status).toBe(412)
    const ifNoneMatch = { 'if-none-match': String(other.headers.etag) }
    expect((await call(`GET ${pathOf(id)}`, { as: first, headers: ifNoneMatch })).status).toBe(200)
    expect((await call(`PATCH ${pathOf(id)}`, { as: second, ...changed })).status).toBe(200)
  })

  it('is not carried by a consistency token: a token of a change covers it for everybody and shows it to nobody', async () => {
    const created = await call('POST /resources', { body: { name: 'new/unseen', kind: 'document' } })
    const headers = { 'consistency-token': String(created.headers['consistency-token']) }
    expect((await call(`GET ${created.headers.location}`, { as: first, headers })).status).toBe(404)
    expect(json(await call('GET /resources?q=new%2F', { as: first, headers })).data).toEqual([])
  })
})

describe('the maker of a resource', () => {
  it('sees it at once, on every instance, in the list and alone', async () => {
    const group = json(await call('POST /groups', { body: { name: 'makers' } }))
    await call('PUT /users/maker', { body: {} })
    await call(`PUT /groups/${group.id}/members/maker`, { body: {} })
    for (let round = 0; round < 10; round++) {
      for (const instance of [0, 1]) expect(await namesSeenBy('maker', instance)).toHaveLength(round)
      const name = `new/${String(round).padStart(2, '0')}`
      const body = { name, kind: 'document', grants: [{ group: group.id, permission: 'write' }] }
      const created = await call('POST /resources', { body, instance: round % 2 })
      expect(created.status).toBe(201)
      for (const instance of [0, 1]) {
        expect(await namesSeenBy('maker', instance)).toContain(name)
        expect((await call(`GET ${created.headers.location}`, { as: 'maker', instance })).status).toBe(200)
      }
    }
  })
})

describe("a page of a group's grants", () => {
  it('names nothing that its reader does not administer, not even inside its cursor', async () => {
    const group = json(await call('POST /groups', { body: { name: 'vault' } }))
    const desk = json(await call('POST /groups', { body: { name: 'desk' } }))
    await call('PUT /users/clerk', { body: {} })
    await call(`PUT /groups/${desk.id}/members/clerk`, { body: {} })
    const grants = [{ group: group.id, permission: 'read' }]
    for (const name of ['vault/a', 'vault/b', 'vault/c'])
      await call('POST /resources', { body: { name, kind: 'secret', grants } })
    const path = `/groups/${group.id}/grants?limit=1`
    const refused = await call(`GET ${path}`, { as: 'clerk' })
    const absent = await call('GET /groups/name:nowhere/grants?limit=1', { as: 'clerk' })
    expect([refused.status, refused.text]).toEqual([403, absent.text])
    const guessed = await call(`GET ${path}&cursor=AAAA`, { as: 'clerk' })
    const nowhere = await call('GET /groups/name:nowhere/grants?limit=1&cursor=AAAA', { as: 'clerk' })
    expect([guessed.status, guessed.text]).toEqual([nowhere.status, nowhere.text])

    await call(`PUT /groups/${desk.id}/grants/name:vault%2Fb`, { body: { permission: 'admin' } })
    const shown = await call(`GET ${path}`, { as: 'clerk' })
    expect(json(shown)).toMatchObject({ data: [{ resourceName: 'vault/b' }], nextCursor: null })
  })
})

/** What legitimately differs between two answers to the same request. */
const VARYING = new Set([
  'date',
  'x-request-id',
  'ratelimit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'server-timing',
])

function comparable({ status, rawHeaders, text }: Answer) {
  const headers = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && !VARYING.has(name.toLowerCase()) ? [`${name}: ${rawHeaders[index + 1]}`] : [],
  )
  return { status, headers, text }
}

describe('what is hidden', () => {
  it('is answered like what is absent: status, headers and bytes, on every call that names a resource', async () => {
    const { id, name } = (await truth.query<{ id: string; name: string }>('SELECT id, name FROM resources'))
      .filter((item) => !truth.visibleTo(first).some((seen) => seen.id === item.id))
      .at(0)!
    const group = json(await call('POST /groups', { body: { name: 'anywhere' } })).id
    const self = `/users/${encodeURIComponent(first)}`
    const pairs = [
      [id, '0b9d3f0e-1111-4222-8333-444455556666'],
      [`name:${encodeURIComponent(name)}`, `name:${encodeURIComponent(`${name}?`)}`],
    ]
    const calls: [string, (resource: string) => string, unknown?][] = [
      ['GET', (resource) => `/resources/${resource}`],
      ['GET', (resource) => `/resources/${resource}/access`],
      ['GET', (resource) => `${self}/resources/${resource}/explain`],
      ['PATCH', (resource) => `/resources/${resource}`, { kind: 'mine' }],
      ['DELETE', (resource) => `/resources/${resource}`],
      ['PUT', (resource) => `/groups/${group}/grants/${resource}`, { permission: 'admin' }],
      ['DELETE', (resource) => `/groups/${group}/grants/${resource}`],
    ]
    for (const headers of [{}, { 'if-match': '"1.a.none.aaaaaaaaaaaaaaaa"' }, { 'if-none-match': '*' }])
      for (const [method, pathOf, body] of calls)
        for (const [hidden = '', absent = ''] of pairs) {
          const asked = { as: first, headers, ...(body !== undefined && { body }) }
          const one = comparable(await call(`${method} ${pathOf(hidden)}`, asked))
          const other = comparable(await call(`${method} ${pathOf(absent)}`, asked))
          expect(one.status, `${method} ${pathOf(hidden)}`).toBe(404)
          expect(one).toEqual(other)
        }
  })
})
