/** A database whose content came from elsewhere: a dump restored into a younger server, or over the tables that were there. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asRoot, outcomeOf, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let client: pg.Client
let service: Service

const start = async () => {
  service = await startService({ databaseUrl, environment: PATIENT })
}

beforeEach(async () => {
  databaseUrl = await freshDatabase()
  client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
})
afterEach(async () => {
  await service?.close()
  await client.end()
  await dropDatabase(databaseUrl)
})

/** What a dump of an older server brings: its transaction ids are ahead of this one's by a billion. */
async function restoreLog(): Promise<void> {
  await client.query(`
    INSERT INTO invalidation_log (xid, tags, event, actor)
    SELECT (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000000 + n)::text::xid8,
      ARRAY['u:ann', 'l:resources', 'l:user-groups', 'l:user-resources'], 'importOrganisation', 'root'
    FROM generate_series(1, 500) n;
    INSERT INTO log_checkpoints (snapshot, created_at, pruned)
    SELECT (x || ':' || x + 10 || ':' || x)::pg_snapshot, now() - interval '1 day', true
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000000 + n AS x FROM generate_series(1, 5) n) ids`)
}

const isHeld = () => expect.poll(() => outcomeOf(service, 'ann'), { timeout: 5000 }).toBe('hit')
const removed = async () => ((await service.health.verbose()).log as { foreignRemoved: object }).foreignRemoved
const rowsLeft = async () => (await client.query(`SELECT FROM invalidation_log WHERE xid > '500000000'::xid8`)).rowCount

describe('a log that came with a dump', () => {
  it('is fenced at the start, which says so: readers hit, and a revocation holds', async () => {
    await start()
    await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    await service.close()
    await restoreLog()
    await start()
    expect(await removed()).toEqual({ rows: 500, checkpoints: 5 })
    expect(await rowsLeft()).toBe(0)
    await isHeld()
    await service.portcullis.mutations.removeUserFromGroup({ group: { name: 'dept' }, userId: 'ann' as never }, asRoot)
    expect(await service.visible('ann')).toEqual([])
  })

  it('counts for nothing while the service runs, before it is removed', async () => {
    await start()
    await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    await isHeld()
    await restoreLog()
    await service.portcullis.mutations.putUser({ id: 'later' as never }, asRoot)
    expect(await rowsLeft()).toBe(500)
    await isHeld()
    await client.query(`DELETE FROM memberships WHERE user_id = 'ann'`)
    await expect.poll(() => service.visible('ann'), { timeout: 1000, interval: 10 }).toEqual([])
    await isHeld()
  })
})

describe('tables that were dropped and restored', () => {
  it('hold another past: nothing that was cached before is served', async () => {
    await start()
    await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    await isHeld()
    // As pg_restore --clean: another table under the same name, filled before it has triggers.
    await client.query(`
      BEGIN;
      CREATE TABLE restored (LIKE memberships INCLUDING ALL);
      INSERT INTO restored SELECT * FROM memberships WHERE user_id <> 'ann';
      DROP TABLE memberships;
      ALTER TABLE restored RENAME TO memberships;
      COMMIT`)
    await expect.poll(() => service.visible('ann'), { timeout: 1000, interval: 10 }).toEqual([])
  })

  it('without their triggers are named, like tables whose triggers are switched off', async () => {
    await client.query(`
      DROP TRIGGER portcullis_update ON memberships;
      ALTER TABLE grants DISABLE TRIGGER portcullis_delete;
      ALTER TABLE users ENABLE TRIGGER portcullis_insert`)
    await start()
    expect((await service.health.verbose()).log).toMatchObject({ silentTables: ['grants', 'memberships', 'users'] })
  })

  it('that have children are named with them: those have no triggers, and what is attached fires none', async () => {
    await client.query(`
      CREATE TABLE old_memberships () INHERITS (memberships);
      CREATE TABLE older_memberships () INHERITS (old_memberships)`)
    await start()
    expect((await service.health.verbose()).log).toMatchObject({
      silentTables: ['old_memberships', 'older_memberships'],
    })
  })
})
