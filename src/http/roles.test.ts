/** Every route, every role: what is allowed is written here, and everything else is refused. */
import request from 'supertest'
import { beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type TestApp, WORLD } from '../../test/support/app.ts'
import { CALLERS, CALLS_BY_ROLE, ROLES, type Role } from '../../test/support/calls-by-role.ts'
import { openJudged } from '../../test/support/judged-raw.ts'
import { served } from '../../test/support/served.ts'
import { DomainError } from '../domain/errors.ts'
import { apiRoutes } from './routes/index.ts'

const G = `/groups/${WORLD.group}`
const R = `/resources/${WORLD.resource}`

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
    expect([...new Set(CALLS_BY_ROLE.map((row) => row.route))].sort()).toEqual(declared.sort())
  })

  for (const { call, body, expected } of CALLS_BY_ROLE)
    describe(call, () => {
      it.each(ROLES.map((role, column) => [role, expected[column] ?? 0] as const))(
        'answers %s with %i',
        async (role, status) => {
          const before = test.calls.length
          const answer = await send(call, role, body)
          expect(answer.status).toBe(status)
          if (status >= 400) {
            expect(answer.headers['content-type']).toContain(
              call.includes('/scim/') ? 'application/scim+json' : 'application/problem+json',
            )
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
    expect((await request(disabled.app).get('/me').set(headers)).body.roles).toEqual([])
  })

  it('looks for the paths to a hidden resource no more than for those to an absent one', async () => {
    const explained: unknown[] = []
    const watched = await createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...portcullis.reads,
          explain: (user, ref) => {
            explained.push(ref)
            return portcullis.reads.explain(user, ref)
          },
        },
      }),
    })
    const uma = { authorization: await watched.bearer('uma') }
    for (const [id, status] of [
      [WORLD.hidden, 404],
      [WORLD.absent, 404],
      [WORLD.resource, 200],
    ] as const)
      expect((await request(watched.app).get(`/users/uma/resources/${id}/explain`).set(uma)).status).toBe(status)
    expect(explained).toEqual([{ id: WORLD.resource }])
  })

  it('asks the database who may send a body only when the body is there', async () => {
    let asked = 0
    let disabled = false
    const slow = await createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...portcullis.reads,
          user: async (id) => {
            asked++
            const user = await portcullis.reads.user(id)
            return user && { ...user, disabled }
          },
          permissionOn: async (...given) => {
            asked++
            return portcullis.reads.permissionOn(...given)
          },
        },
      }),
    })
    const { port, send: sendTo } = await served(slow.app)
    const body = JSON.stringify({ name: 'n', kind: 'k' })
    for (const [call, authorization, answered] of [
      ['POST /resources', await slow.bearer('adam', { roles: ['admin'] }), 403],
      [`PATCH ${R}`, await slow.bearer('adam', { roles: ['admin'] }), 404],
      [`PATCH ${R}`, await slow.bearer('rita'), 200],
    ] as const) {
      const head = `${call} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`
      const before = asked
      const exchange = openJudged(port, `${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`)
      // Another request on another connection is answered after the head of the first was read.
      const { status } = await sendTo({ path: '/me', headers: { authorization: await slow.bearer('uma') } })
      expect([status, asked - before]).toEqual([200, 0])
      // The permission that counts is the one at the end.
      disabled = true
      exchange.socket.write(body.slice(-1))
      expect([call, await exchange.status]).toEqual([call, answered])
      disabled = false
      exchange.socket.destroy()
    }
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
