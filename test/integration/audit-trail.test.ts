/** The audit log: what it shows, and that nobody changes it. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditEntry, AuditQuery } from '../../src/domain/api.ts'
import type { UserId } from '../../src/domain/model.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let sql: pg.Client

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  const { mutations } = service.portcullis
  await mutations.importOrganisation(smallOrganisation, asRoot)
  for (const name of ['a', 'b', 'c']) await mutations.createGroup({ name }, asRoot)
  await mutations.updateGroup(
    { group: { name: 'b' }, changes: { name: 'renamed' } },
    { actor: 'carol' as UserId, requestId: 'r-1', tokenId: 't-1', reason: 'a better name' },
  )
})
afterAll(async () => {
  await sql?.end()
  await service?.close()
  await dropDatabase(databaseUrl)
})

const entries = (query: Partial<AuditQuery> = {}) => service.portcullis.reads.auditTrail({ limit: 50, ...query })
const shown = (list: readonly AuditEntry[]) => list.map(({ actor, action, target }) => `${actor} ${action} ${target}`)

describe('the audit trail', () => {
  it('shows who did what, newest first, with the state before and after', async () => {
    const { data } = await entries()
    expect(shown(data)).toEqual([
      'carol updateGroup group:b',
      'root createGroup group:c',
      'root createGroup group:b',
      'root createGroup group:a',
      'root importOrganisation organisation',
    ])
    expect(data[0]).toMatchObject({
      reason: 'a better name',
      requestId: 'r-1',
      tokenId: 't-1',
      before: { name: 'b', version: 1 },
    })
    expect(data[3]).toMatchObject({ before: null, after: { name: 'a' } })
  })

  it('is filtered by actor, action, target and time', async () => {
    expect(shown((await entries({ actor: 'carol' })).data)).toEqual(['carol updateGroup group:b'])
    expect((await entries({ action: 'createGroup' })).data).toHaveLength(3)
    expect(shown((await entries({ target: 'group:b', action: 'createGroup' })).data)).toEqual([
      'root createGroup group:b',
    ])
    const at = new Date((await entries({ target: 'group:c' })).data[0]!.at)
    const since = (await entries({ since: at })).data
    const until = (await entries({ until: at })).data
    expect(since.every((entry) => new Date(entry.at) >= at) && until.every((entry) => new Date(entry.at) < at)).toBe(
      true,
    )
    expect(since.length + until.length).toBe(5)
    expect((await entries({ actor: 'nobody' })).data).toEqual([])
  })

  it('comes in pages that hold every row once, with cursors bound to the filters', async () => {
    const pages = [await entries({ limit: 2 })]
    while (pages.at(-1)!.nextCursor !== null)
      pages.push(await entries({ limit: 2, cursor: pages.at(-1)!.nextCursor as string }))
    expect(pages.map(({ data }) => data.length)).toEqual([2, 2, 1])
    expect(shown(pages.flatMap(({ data }) => data))).toEqual(shown((await entries()).data))
    await expect(entries({ actor: 'root', cursor: pages[0]!.nextCursor as string })).rejects.toMatchObject({
      code: 'invalid-input',
    })
  })

  it.each([
    `UPDATE audit_log SET actor = 'somebody else'`,
    `UPDATE audit_log SET actor = 'x' WHERE false`,
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
    `INSERT INTO audit_log (id, actor, action) VALUES (1, 'x', 'y') ON CONFLICT (id) DO UPDATE SET actor = 'x'`,
  ])('is refused by the database: %s', async (statement) => {
    const superuser = await sql.query<{ rolsuper: boolean }>(
      'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
    )
    for (const role of ['origin', 'replica'] as const) {
      if (role === 'replica' && !superuser.rows[0]?.rolsuper) continue
      await sql.query(`SET session_replication_role = ${role}`).catch(() => {})
      await expect(sql.query(statement)).rejects.toThrow(/append-only/)
    }
    await sql.query('RESET session_replication_role').catch(() => {})
    expect((await entries()).data).toHaveLength(5)
  })
})

/** Last: nothing can be removed from the log any more. */
describe('entries of one moment', () => {
  it('go on from page to page, each once', async () => {
    await sql.query(`INSERT INTO audit_log (at, actor, action)
      SELECT '2020-01-01', 'crowd', 'moment' FROM generate_series(1, 120)`)
    const ids: number[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { data, nextCursor } = await entries({ actor: 'crowd', limit: 7, ...(cursor && { cursor }) })
      ids.push(...data.map(({ id }) => Number(id)))
      cursor = nextCursor
    }
    expect(ids).toHaveLength(120)
    expect(ids).toEqual(ids.toSorted((a, b) => b - a))
  })
})
