/** Entries that hold ends, read on a real replica while the master hangs: served until the end, and not after it. */
import { Redis } from 'ioredis'
import pg from 'pg'
import { expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { becomes } from '../support/becomes.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, hang, masterPort, resume, waitForHealthyCluster } from '../support/stack.ts'

/** Where a busy machine needed longer than that to come to read a replica, it is tried again with more time. */
const ENDS_IN_MS = [4000, 12_000, 36_000] as const

async function listOf(service: Service, user: string) {
  const { body, cache } = await service.portcullis.reads.visibleResources(user as UserId, { limit: 50 }, {})
  const { data } = JSON.parse(body.toString()) as { data: { name: string }[] }
  return { names: data.map(({ name }) => name), from: cache.kind === 'hit' ? (cache.detail ?? 'master') : cache.kind }
}

interface World {
  readonly one: Service
  readonly other: Service
  readonly sql: pg.Client
}

async function stage(endsInMs: number, { one, other, sql }: World): Promise<'exercised' | 'too late'> {
  const end = `clock_timestamp() + ${endsInMs} * interval '1 millisecond'`
  // Eve sees what Ben sees: each entry is fetched once, and what was fetched is a copy.
  await sql.query(`
    INSERT INTO memberships (user_id, group_id) SELECT 'eve', id FROM groups WHERE name = 'dept/red';
    UPDATE grants SET expires_at = ${end}
    FROM groups g, resources r WHERE g.id = group_id AND r.id = resource_id AND g.name = 'dept/red' AND r.name = 'red-plan';
    UPDATE memberships SET expires_at = (SELECT max(expires_at) FROM grants) WHERE user_id IN ('cid', 'dee')`)
  const hasEnded = async () =>
    (await sql.query(`SELECT WHERE NOT EXISTS (SELECT FROM grants WHERE expires_at > clock_timestamp())`)).rowCount ===
    1
  await becomes(async () => (await listOf(one, 'eve')).names.length, 2)
  for (const user of ['ben', 'cid', 'dee', 'eve']) await listOf(one, user)
  const admin = new Redis({ port: await masterPort(), host: '127.0.0.1' })
  // Otherwise Redis forgets in time what a membership's end ends, and the judgement is not asked.
  for (const user of ['cid', 'dee'])
    for (const key of [`resources:{${user}}`, `user:groups:{${user}}`]) await admin.pexpire(one.prefix + key, 60_000)
  await admin.wait(2, endsInMs)
  admin.disconnect()
  const hung = await hang('master')
  try {
    // The first request waits until the master has not answered in time. Later ones ask a replica at once.
    await becomes(async () => (await listOf(other, 'ann')).from, 'memory')
    const [ben, cid] = [await listOf(other, 'ben'), await listOf(other, 'cid')]
    if (await hasEnded()) return 'too late'
    expect(ben).toEqual({ names: ['handbook', 'red-plan'], from: 'replica' })
    expect(cid).toEqual({ names: ['blue-plan', 'handbook'], from: 'replica' })
    await becomes(hasEnded, true, endsInMs)
    // What Eve sees by another grant stays, merged by the groups that the entry names.
    const [eve, dee] = [await listOf(other, 'eve'), await listOf(other, 'dee')]
    expect([eve.names, dee.names]).toEqual([['handbook'], []])
    expect(eve.from).not.toBe('miss')
    expect(dee.from).toBe('miss')
    expect((await listOf(other, 'ben')).names).toEqual(['handbook'])
    expect((await listOf(other, 'cid')).names).toEqual([])
    return 'exercised'
  } finally {
    await resume(hung)
    await waitForHealthyCluster()
  }
}

async function inWorld<T>(work: (world: World) => Promise<T>): Promise<T> {
  const databaseUrl = await freshDatabase()
  const sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  const one = await startService({ databaseUrl, environment: PATIENT })
  await one.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  const other = await startService({ databaseUrl, prefix: one.prefix, environment: PATIENT })
  try {
    const replicaReads = async () => {
      const { redis } = await other.portcullis.cache.status()
      return (redis as { replicaReads: string }).replicaReads
    }
    await becomes(replicaReads, 'ready', 20_000)
    return await work({ one, other, sql })
  } finally {
    await sql.end()
    await other.close()
    await one.close()
    await dropDatabase(databaseUrl)
  }
}

it('a replica’s entry ends when its access does, though the replica still has it', async () => {
  const outcomes: string[] = []
  for (const endsInMs of ENDS_IN_MS) {
    outcomes.push(await inWorld((world) => stage(endsInMs, world)))
    if (outcomes.at(-1) === 'exercised') break
  }
  expect(outcomes.at(-1)).toBe('exercised')
}, 120_000)
