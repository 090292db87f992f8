/** Whatever form an SQL statement has and whatever it does beside what it says: the log names what became stale. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let writer: pg.Client
/** The last row of the log before the test. */
let mark: string
/** Names by id, as they were before the test. */
let named: Map<string, string>

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl })
  writer = new pg.Client({ connectionString: databaseUrl })
  await writer.connect()
})
afterAll(async () => {
  await writer?.end()
  await service?.close()
  await dropDatabase(databaseUrl)
})
beforeEach(async () => {
  await writer.query('TRUNCATE users, groups, resources CASCADE')
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  mark = (await writer.query('SELECT max(id) AS id FROM invalidation_log')).rows[0].id
  const { rows } = await writer.query('SELECT id, name FROM groups UNION ALL SELECT id, name FROM resources')
  named = new Map(rows.map(({ id, name }) => [id, name]))
})

/** All tags since, with names for ids; buckets of the catalogue left out, which hold the resources that are named too. */
async function staleTags(): Promise<string[]> {
  const { rows } = await writer.query<{ tags: string[] }>('SELECT tags FROM invalidation_log WHERE id > $1', [mark])
  const tags = rows.flatMap((row) => row.tags).filter((tag) => !tag.startsWith('c:'))
  return [...new Set(tags.map((tag) => `${tag.slice(0, 2)}${named.get(tag.slice(2)) ?? tag.slice(2)}`))].sort()
}

const NEW_ID = randomUUID()
const idOf = (table: string, name: string) => `(SELECT id FROM ${table} WHERE name = '${name}')`
const other = idOf('groups', 'other')
const red = idOf('groups', 'dept/red')
const handbook = idOf('resources', 'handbook')
const everyList = ['l:user-groups', 'l:user-resources']

describe('the log has the tags of', () => {
  it.each<[what: string, sql: string, tags: string[]]>([
    [
      'MERGE: what it inserts, updates and deletes',
      `MERGE INTO memberships m
       USING (VALUES ('eve', ${other}), ('ben', ${red}), ('dee', ${other})) AS wanted(user_id, group_id)
         ON m.user_id = wanted.user_id AND m.group_id = wanted.group_id
       WHEN NOT MATCHED THEN INSERT (user_id, group_id) VALUES (wanted.user_id, wanted.group_id)
       WHEN MATCHED AND m.user_id = 'ben' THEN UPDATE SET role = 'maintainer'
       WHEN MATCHED THEN DELETE`,
      ['u:ben', 'u:dee', 'u:eve'],
    ],
    [
      'ON CONFLICT DO UPDATE: the row that comes and the row that changes',
      `INSERT INTO grants (group_id, resource_id, permission) VALUES (${red}, ${handbook}, 'read'), (${other}, ${handbook}, 'read')
       ON CONFLICT (group_id, resource_id) DO UPDATE SET permission = EXCLUDED.permission`,
      ['g:dept/red', 'g:other', 'r:handbook'],
    ],
    [
      'WITH … DELETE … RETURNING, which moves rows',
      `WITH gone AS (DELETE FROM memberships WHERE user_id = 'dee' RETURNING group_id)
       INSERT INTO memberships (user_id, group_id) SELECT 'eve', group_id FROM gone`,
      ['u:dee', 'u:eve'],
    ],
    ["a user who is deleted, and the user's memberships with them", `DELETE FROM users WHERE id = 'ben'`, ['u:ben']],
    [
      'a resource that is deleted: its grants go with it',
      `DELETE FROM resources WHERE name = 'handbook'`,
      ['g:dept', 'g:dept/red', 'r:handbook'],
    ],
    ['another id for a user', `UPDATE users SET id = 'bob' WHERE id = 'ben'`, ['u:ben', 'u:bob']],
    [
      'another id for a group: its members and its grants follow',
      `UPDATE groups SET id = '${NEW_ID}' WHERE name = 'other'`,
      ['g:other', `g:${NEW_ID}`, 'r:elsewhere', 't:other', `t:${NEW_ID}`, 'u:dee'],
    ],
    [
      'another id for a resource: its grants follow',
      `UPDATE resources SET id = '${NEW_ID}' WHERE name = 'elsewhere'`,
      ['g:other', 'r:elsewhere', `r:${NEW_ID}`],
    ],
    [
      'TRUNCATE … CASCADE: the tables that it reaches',
      'TRUNCATE resources CASCADE',
      ['l:resources', 'l:user-resources'],
    ],
    ['TRUNCATE … CASCADE of users', 'TRUNCATE users CASCADE', everyList],
    [
      'COPY … FREEZE into a table that was emptied before',
      `BEGIN; TRUNCATE memberships; COPY memberships (user_id, group_id) FROM PROGRAM 'true' WITH (FREEZE); COMMIT`,
      everyList,
    ],
    [
      'PL/pgSQL that catches an exception: what was rolled back is not named',
      `DO $$ BEGIN
         DELETE FROM memberships WHERE user_id = 'dee';
         BEGIN
           DELETE FROM memberships WHERE user_id = 'ben';
           PERFORM 1 / 0;
         EXCEPTION WHEN division_by_zero THEN
           DELETE FROM memberships WHERE user_id = 'cid';
         END;
       END $$`,
      ['u:cid', 'u:dee'],
    ],
    [
      'a view that is written through',
      `CREATE TEMP VIEW of_dee AS SELECT * FROM memberships WHERE user_id = 'dee'; DELETE FROM of_dee; DROP VIEW of_dee`,
      ['u:dee'],
    ],
    [
      'a session in another time zone, with other forms of dates',
      `SET TimeZone = 'America/New_York'; SET DateStyle = 'German';
       UPDATE memberships SET expires_at = now() + interval '1 hour' WHERE user_id = 'dee';
       UPDATE resources SET updated_at = updated_at WHERE name = 'handbook'; RESET ALL`,
      ['u:dee'],
    ],
    [
      'rows that come behind a statement without a row',
      `UPDATE memberships SET role = role WHERE false; DELETE FROM grants WHERE group_id = ${other}`,
      ['g:other', 'r:elsewhere'],
    ],
  ])('%s', async (_what, sql, tags) => {
    await writer.query(sql)
    expect(await staleTags()).toEqual([...tags].sort())
  })

  it('a commit that is rolled back: nothing', async () => {
    await writer.query('BEGIN; DELETE FROM memberships; ROLLBACK')
    expect(await staleTags()).toEqual([])
  })
})

describe('a user with an end that a session in another time zone wrote', () => {
  it('loses access at that very time', async () => {
    await writer.query(`SET TimeZone = 'Asia/Tokyo'`)
    await writer.query(`UPDATE memberships SET expires_at = now() - interval '1 minute' WHERE user_id = 'ben'`)
    await writer.query(`UPDATE memberships SET expires_at = now() + interval '1 minute' WHERE user_id = 'dee'`)
    await writer.query('RESET ALL')
    await expect.poll(() => service.visible('ben'), { timeout: 1000, interval: 10 }).toEqual([])
    expect((await service.visible('dee')).map(({ name }) => name)).toEqual(['elsewhere'])
  })
})
