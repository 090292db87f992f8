/** Entries that hold ends, read on a real replica while the master hangs: served until the end, and not after it. */
import { Redis } from 'ioredis'
import pg from 'pg'
import { expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { becomes } from '../support/becomes.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, hang, masterPort, resume, waitForHealthyCluster } from '../support/stack.ts'

const ENDS_IN_MS = 4000

async function listOf(service: Service, user: string) {
  const { body, cache } = await service.portcullis.reads.visibleResources(user as UserId, { limit: 50 }, {})
  const { data } = JSON.parse(body.toString()) as { data: { name: string }[] }
  return { names: data.map(({ name }) => name), from: cache.kind === 'hit' ? (cache.detail ?? 'master') : cache.kind }
}

it('a replica’s entry ends when its access does, though the replica still has it', async () => {
  const databaseUrl = await freshDatabase()
  const sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  const one = await startService({ databaseUrl, environment: PATIENT })
  await one.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  const other = await startService({ databaseUrl, prefix: one.prefix })
  // Eve sees what Ben sees: each entry is fetched once, and what was fetched is a copy.
  await sql.query(`
    INSERT INTO memberships (user_id, group_id) SELECT 'eve', id FROM groups WHERE name = 'dept/red';
    UPDATE grants SET expires_at = clock_timestamp() + ${ENDS_IN_MS} * interval '1 millisecond'
    FROM groups g, resources r WHERE g.id = group_id AND r.id = resource_id AND g.name = 'dept/red' AND r.name = 'red-plan';
    UPDATE memberships SET expires_at = (SELECT max(expires_at) FROM grants) WHERE user_id IN ('cid', 'dee')`)
  await becomes(async () => (await listOf(one, 'eve')).names, ['handbook', 'red-plan'])
  for (const user of ['ben', 'cid', 'dee', 'eve']) expect((await listOf(one, user)).names).not.toEqual([])
  const admin = new Redis({ port: await masterPort(), host: '127.0.0.1' })
  // Otherwise Redis forgets in time what a membership's end ends, and the judgement is not asked.
  for (const user of ['cid', 'dee'])
    for (const key of [`resources:{${user}}`, `user:groups:{${user}}`])
      expect(await admin.pexpire(one.prefix + key, 60_000)).toBe(1)
  expect(await admin.wait(2, 1000)).toBe(2)
  admin.disconnect()
  const hung = await hang('master')
  try {
    expect(await listOf(other, 'ben')).toEqual({ names: ['handbook', 'red-plan'], from: 'replica' })
    expect(await listOf(other, 'cid')).toEqual({ names: ['blue-plan', 'handbook'], from: 'replica' })
    const hasEnded = async () =>
      (
        await sql.query<{ has: boolean }>(`SELECT NOT EXISTS (
        SELECT FROM grants WHERE expires_at > clock_timestamp()) AS has`)
      ).rows[0]?.has
    await becomes(hasEnded, true)
    // What Eve sees by another grant stays, merged by the groups that the entry names.
    const [eve, dee] = [await listOf(other, 'eve'), await listOf(other, 'dee')]
    expect([eve.names, dee.names]).toEqual([['handbook'], []])
    expect(eve.from).not.toBe('miss')
    expect(dee.from).toBe('miss')
    expect((await listOf(other, 'ben')).names).toEqual(['handbook'])
    expect((await listOf(other, 'cid')).names).toEqual([])
  } finally {
    await resume(hung)
    await waitForHealthyCluster()
    await sql.end()
    await other.close()
    await one.close()
    await dropDatabase(databaseUrl)
  }
})
