/** Every route, every role: what is allowed is written here, and everything else is refused. */
import request from 'supertest'
import { beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type TestApp, WORLD } from '../../test/support/app.ts'
import { DomainError } from '../domain/errors.ts'
import { apiRoutes } from './routes/index.ts'

const ROLES = ['anonymous', 'user', 'maintainer', 'resource admin', 'admin', 'cache admin'] as const
type Role = (typeof ROLES)[number]

/** Who the caller is in each column; see the world in test/support/app.ts. */
const CALLERS: Readonly<Record<Exclude<Role, 'anonymous'>, { subject: string; roles: string[] }>> = {
  user: { subject: 'uma', roles: [] },
  maintainer: { subject: 'maria', roles: [] },
  'resource admin': { subject: 'rita', roles: [] },
  admin: { subject: 'adam', roles: ['admin'] },
  'cache admin': { subject: 'cora', roles: ['cache-admin'] },
}

const G = `/groups/${WORLD.group}`
const R = `/resources/${WORLD.resource}`

interface Row {
  readonly call: string
  /** The declared route it exercises. */
  readonly route: string
  readonly body?: unknown
  /** Statuses in the order of the columns. */
  readonly expected: readonly [number, number, number, number, number, number]
}

//                                                          anonymous user maintainer resource-admin admin cache-admin
const TABLE: readonly Row[] = [
  { call: 'GET /resources', route: 'GET /resources', expected: [401, 200, 200, 200, 200, 200] },
  { call: `GET ${R}`, route: 'GET /resources/:id', expected: [401, 200, 200, 200, 200, 404] },
  {
    call: 'POST /resources',
    route: 'POST /resources',
    body: { name: 'n', kind: 'k' },
    expected: [401, 403, 403, 403, 201, 403],
  },
  { call: `PATCH ${R}`, route: 'PATCH /resources/:id', body: { kind: 'k' }, expected: [401, 403, 403, 200, 200, 404] },
  { call: `DELETE ${R}`, route: 'DELETE /resources/:id', expected: [401, 403, 403, 204, 204, 404] },
  { call: `GET ${R}/access`, route: 'GET /resources/:id/access', expected: [401, 403, 403, 200, 200, 404] },
  { call: 'GET /me', route: 'GET /me', expected: [401, 200, 200, 200, 200, 200] },
  { call: 'GET /me/groups', route: 'GET /me/groups', expected: [401, 200, 200, 200, 200, 200] },
  { call: 'GET /users', route: 'GET /users', expected: [401, 403, 403, 403, 200, 403] },
  { call: 'PUT /users/new', route: 'PUT /users/:id', body: {}, expected: [401, 403, 403, 403, 201, 403] },
  { call: 'GET /users/uma', route: 'GET /users/:id', expected: [401, 403, 403, 403, 200, 403] },
  { call: 'DELETE /users/uma', route: 'DELETE /users/:id', expected: [401, 403, 403, 403, 204, 403] },
  { call: 'GET /users/uma/groups', route: 'GET /users/:id/groups', expected: [401, 200, 403, 403, 200, 403] },
  { call: 'GET /users/uma/resources', route: 'GET /users/:id/resources', expected: [401, 200, 403, 403, 200, 403] },
  {
    call: `GET /users/uma/resources/${WORLD.resource}/explain`,
    route: 'GET /users/:id/resources/:resourceId/explain',
    expected: [401, 200, 403, 403, 200, 403],
  },
  { call: 'GET /groups', route: 'GET /groups', expected: [401, 403, 200, 403, 200, 403] },
  { call: 'POST /groups', route: 'POST /groups', body: { name: 'n' }, expected: [401, 403, 403, 403, 201, 403] },
  { call: `GET ${G}`, route: 'GET /groups/:id', expected: [401, 403, 200, 403, 200, 403] },
  { call: `PATCH ${G}`, route: 'PATCH /groups/:id', body: { name: 'n' }, expected: [401, 403, 403, 403, 200, 403] },
  { call: `DELETE ${G}`, route: 'DELETE /groups/:id', expected: [401, 403, 403, 403, 204, 403] },
  { call: `GET ${G}/members`, route: 'GET /groups/:id/members', expected: [401, 403, 200, 403, 200, 403] },
  {
    call: `PUT ${G}/members`,
    route: 'PUT /groups/:id/members',
    body: { members: [] },
    expected: [401, 403, 200, 403, 200, 403],
  },
  {
    call: `PUT ${G}/members/uma`,
    route: 'PUT /groups/:id/members/:userId',
    body: {},
    expected: [401, 403, 201, 403, 201, 403],
  },
  {
    call: `DELETE ${G}/members/uma`,
    route: 'DELETE /groups/:id/members/:userId',
    expected: [401, 403, 204, 403, 204, 403],
  },
  { call: `GET ${G}/grants`, route: 'GET /groups/:id/grants', expected: [401, 403, 403, 200, 200, 403] },
  {
    call: `PUT ${G}/grants`,
    route: 'PUT /groups/:id/grants',
    body: { grants: [] },
    expected: [401, 403, 403, 403, 200, 403],
  },
  {
    call: `PUT ${G}/grants/${WORLD.resource}`,
    route: 'PUT /groups/:id/grants/:resourceId',
    body: { permission: 'read' },
    expected: [401, 403, 403, 201, 201, 404],
  },
  {
    call: `DELETE ${G}/grants/${WORLD.resource}`,
    route: 'DELETE /groups/:id/grants/:resourceId',
    expected: [401, 403, 403, 204, 204, 404],
  },
  { call: 'POST /import', route: 'POST /import', body: {}, expected: [401, 403, 403, 403, 200, 403] },
  { call: 'GET /admin/cache', route: 'GET /admin/cache', expected: [401, 403, 403, 403, 403, 200] },
  {
    call: 'POST /admin/cache/flush',
    route: 'POST /admin/cache/flush',
    body: { scope: 'all', reason: 'because' },
    expected: [401, 403, 403, 403, 403, 200],
  },
  { call: 'GET /admin/cache/users/uma', route: 'GET /admin/cache/users/:id', expected: [401, 403, 403, 403, 403, 200] },
  {
    call: 'GET /admin/cache/invalidations',
    route: 'GET /admin/cache/invalidations',
    expected: [401, 403, 403, 403, 403, 200],
  },
  { call: 'GET /changes', route: 'GET /changes', expected: [401, 403, 403, 403, 200, 403] },
  { call: 'GET /admin/audit', route: 'GET /admin/audit', expected: [401, 403, 403, 403, 200, 403] },
]

describe('who may call what', () => {
  let test: TestApp
  const authorization: Partial<Record<Role, string>> = {}

  beforeAll(async () => {
    test = await createTestApp()
    for (const role of ROLES) {
      if (role === 'anonymous') continue
      const { subject, roles } = CALLERS[role]
      authorization[role] = await test.bearer(subject, { roles })
    }
  })

  function send(call: string, role: Role, body?: unknown) {
    const [method = '', path = ''] = call.split(' ')
    const sent = request(test.app)[method.toLowerCase() as 'get'](path)
    const header = authorization[role]
    if (header !== undefined) sent.set('authorization', header)
    return body === undefined ? sent : sent.send(body as object)
  }

  it('has a row here for every declared route', () => {
    const declared = apiRoutes.map((route) => `${route.method.toUpperCase()} ${route.path}`)
    expect([...new Set(TABLE.map((row) => row.route))].sort()).toEqual(declared.sort())
  })

  for (const { call, body, expected } of TABLE)
    describe(call, () => {
      it.each(ROLES.map((role, column) => [role, expected[column] ?? 0] as const))(
        'answers %s with %i',
        async (role, status) => {
          const before = test.calls.length
          const answer = await send(call, role, body)
          expect(answer.status).toBe(status)
          if (status >= 400) {
            expect(answer.headers['content-type']).toContain('application/problem+json')
            expect(test.calls.length, 'a refused call must change nothing').toBe(before)
          }
        },
      )
    })

  it('refuses a maintainer the members of another group as of a group that does not exist', async () => {
    const other = await send(`GET /groups/${WORLD.otherGroup}/members`, 'maintainer')
    const absent = await send(`GET /groups/${WORLD.absent}/members`, 'maintainer')
    expect([other.status, other.body]).toEqual([403, absent.body])
    expect(absent.status).toBe(403)
  })

  it('lets write permission change a resource but not delete it', async () => {
    authorization.user = await test.bearer('will')
    expect((await send(`PATCH ${R}`, 'user', { kind: 'k' })).status).toBe(200)
    expect((await send(`DELETE ${R}`, 'user')).status).toBe(403)
  })

  it('takes roles only from the token, never from a subject called admin', async () => {
    authorization.user = await test.bearer('admin')
    expect((await send('GET /users', 'user')).status).toBe(403)
  })

  it('lets no role count any more once its owner is disabled', async () => {
    const disabled = await createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...portcullis.reads,
          user: async (id) => {
            const user = await portcullis.reads.user(id)
            return user && { ...user, disabled: true }
          },
        },
      }),
    })
    const headers = { authorization: await disabled.bearer('adam', { roles: ['admin', 'cache-admin'] }) }
    const statuses = []
    for (const path of [
      '/users',
      '/users/uma/resources',
      '/groups',
      '/admin/cache',
      `/resources/${WORLD.hidden}`,
      `${G}/grants`,
    ])
      statuses.push((await request(disabled.app).get(path).set(headers)).status)
    expect(statuses).toEqual([403, 403, 403, 403, 404, 403])
  })

  it('still shows the state of the cache when the database cannot say who is disabled', async () => {
    const alone = await createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: { ...portcullis.reads, user: () => Promise.reject(new DomainError('database-unavailable', 'down')) },
      }),
    })
    const headers = { authorization: await alone.bearer('cora', { roles: ['cache-admin'] }) }
    expect((await request(alone.app).get('/admin/cache').set(headers)).status).toBe(200)
  })
})
