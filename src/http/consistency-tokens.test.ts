/** Every read honours the caller's terms: where it is answered from the cache, where it never is, and in permissions. */
import request from 'supertest'
import { beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type TestApp, WORLD } from '../../test/support/app.ts'
import type { ReadContext } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { apiRoutes } from './routes/index.ts'

let test: TestApp
let asked: ReadContext[]
beforeAll(async () => {
  test = await createTestApp({
    alter: (portcullis) => ({
      ...portcullis,
      reads: {
        ...portcullis.reads,
        async checkToken({ after }) {
          if (after === 'malformed') throw new DomainError('token-malformed', 'no token')
        },
        effectiveGroups(user, context) {
          asked.push(context)
          return portcullis.reads.effectiveGroups(user, context)
        },
      },
    }),
  })
})

const reads = apiRoutes.filter(({ method, policy }) => method === 'get' && policy.authenticated)
const pathOf = (path: string) =>
  path
    .replace('/Groups/:id', `/Groups/${WORLD.group}`)
    .replace(/:r(id|esourceId)/, WORLD.resource)
    .replace(/:\w+/, { g: WORLD.group, r: WORLD.resource }[path[1] ?? ''] ?? 'uma')

describe('a malformed consistency token', () => {
  it.each(reads.map(({ path }) => path))('is refused by GET %s', async (path) => {
    const answer = await request(test.app)
      .get(pathOf(path))
      .set('Authorization', await test.bearer('adam', { roles: ['admin', 'cache-admin'] }))
      .set('Consistency-Token', 'malformed')
    expect(answer.status).toBe(400)
    // SCIM has a form of its own, without our types.
    const { type, detail } = answer.body
    if (path.startsWith('/scim/')) expect(detail).toContain('no token')
    else expect(type).toBe('urn:portcullis:problem:token-malformed')
  })
})

describe('who maintains a group', () => {
  it('is decided on the terms of the request: nobody is let in by a role whose loss their token covers', async () => {
    asked = []
    const answer = await request(test.app)
      .get('/groups')
      .set('Authorization', await test.bearer('maria'))
      .set('Consistency-Token', 'of the removal')
      .set('Cache-Control', 'no-cache')
    expect(answer.status).toBe(200)
    expect(asked).toEqual([{ after: 'of the removal', bypass: true }])
  })
})
