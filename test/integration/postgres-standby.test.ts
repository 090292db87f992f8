/** A standby of PostgreSQL under our URL, as a failover by name may leave it for a while; then it is promoted. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createInvalidationIndex, createLogFollower } from '../../src/cache/index.ts'
import { decodeConsistencyToken, encodeConsistencyToken, isOfHistory } from '../../src/domain/consistency-token.ts'
import type { DomainError } from '../../src/domain/errors.ts'
import { createFreshness } from '../../src/domain/freshness.ts'
import { retentionOf } from '../../src/domain/keys.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createGuardedProcesses } from '../../src/local/guarded-processes.ts'
import { findFreeBase } from '../../src/local/ports.ts'
import { createPostgresServer } from '../../src/local/postgres-server.ts'
import { createInvalidationLog } from '../../src/postgres/invalidation-log.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createCacheSource } from '../../src/postgres/source.ts'
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'

const ann = 'ann' as UserId
const processes = createGuardedProcesses()
const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-standby-'))
let server: ReturnType<typeof createPostgresServer>

beforeAll(async () => {
  const logDir = path.join(dataDir, 'logs')
  mkdirSync(logDir)
  const port = await findFreeBase({ count: 1, from: 31_100, to: 32_000 })
  const quiet = { onExit: () => {}, onStart: () => {} }
  server = createPostgresServer({ processes, dataDir, logDir, port, durability: 'memory', ...quiet })
  await server.start()
  await applyMigrations(server.databaseUrl)
}, 120_000)
afterAll(async () => {
  await server?.stop()
  await processes.close()
  for (const folder of [server?.home, dataDir]) if (folder) rmSync(folder, { recursive: true, force: true })
})

/** What of an instance talks to PostgreSQL. */
function startInstance() {
  const options = { url: server.databaseUrl, poolMax: 4, queueMax: 10, statementTimeoutMs: 2000, notify: false }
  const database = createDatabase(options)
  const log = createInvalidationLog(options)
  const index = createInvalidationIndex({ retentionOf, maxTags: 1000 })
  const clock = {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    sleep: (ms: number, signal?: AbortSignal) => delay(ms, undefined, signal && { signal }),
  }
  const times = { pollMs: 250, boundMs: 5000, graceMs: 30_000, retentionMs: { volatile: 60_000, lasting: 60_000 } }
  const follower = createLogFollower({ log, index, clock, ...times })
  return {
    database,
    index,
    follower,
    freshness: createFreshness({ index, follower, tokenWaitMs: 2000 }),
    source: createCacheSource(database),
    async close() {
      await follower.close()
      await log.close()
      await database.close()
    },
  }
}

describe('a standby', () => {
  it('is not asked, and once it is promoted nothing cached before and no token is good any more', async () => {
    const before = startInstance()
    await before.follower.refresh(2000)
    const { stamp } = await before.source.effectiveGroups(ann)
    const token = encodeConsistencyToken({ database: stamp.database, xid: stamp.snapshot.xmax })
    expect(before.index.judge(stamp, [], 'volatile')).toBe('servable')
    await before.close()

    await server.stop()
    writeFileSync(path.join(server.home, 'postgres', 'standby.signal'), '')
    await server.start()
    const instance = startInstance()
    // It would answer, with what it has replayed so far.
    await expect(instance.source.visible(ann, { count: 51 })).rejects.toMatchObject({ code: 'database-unavailable' })
    expect(await instance.follower.refresh(2000)).toBe(false)
    expect(instance.follower.trust()).toBe('lost')

    await promote()
    await expect.poll(() => instance.source.visible(ann, { count: 51 }).catch(() => null)).toEqual([])
    expect(await instance.follower.refresh(2000)).toBe(true)
    expect(instance.index.judge(stamp, [], 'volatile')).toBe('other-database')
    expect(isOfHistory(decodeConsistencyToken(token), instance.index.position)).toBe(false)
    await expect(instance.freshness.checkToken({ after: token })).rejects.toMatchObject({ code: 'token-other-history' })
    await instance.close()
  }, 60_000)
})

describe.skipIf(!findPgBouncer())(
  'a pooler that goes on to a standby under connections that were made to the primary',
  () => {
    it('gets no answer from it either', async () => {
      const bouncer = await startPgBouncer({ mode: 'transaction', databaseUrl: server.databaseUrl, poolSize: 2 })
      const url = bouncer.databaseUrl
      const database = createDatabase({
        url,
        pooler: 'transaction',
        poolMax: 1,
        queueMax: 10,
        statementTimeoutMs: 2000,
      })
      const source = createCacheSource(database)
      const resource = { kind: 'document', name: 'handbook' }
      const reads = [
        () => source.visible(ann, { count: 51 }),
        () => source.visible(ann, { count: 51, prefix: 'a' }),
        () => source.visibleOne(ann, { name: 'handbook' }),
        () => source.counts(ann),
        () => source.permissions([{ user: ann, resource }]),
      ]
      for (const read of reads) await read()

      await server.stop()
      writeFileSync(path.join(server.home, 'postgres', 'standby.signal'), '')
      await server.start()
      for (const read of reads) expect(await read().catch(codeOf)).toMatch(/^database-(failing|unavailable)$/)
      await promote()
      for (const read of reads) await expect.poll(() => read().then(() => 'answered', codeOf)).toBe('answered')
      await database.close()
      await bouncer.close()
    }, 60_000)
  },
)

const codeOf = ({ code }: DomainError) => code

async function promote(): Promise<void> {
  const client = new pg.Client({ connectionString: server.databaseUrl })
  await client.connect()
  await client.query('SELECT pg_promote()')
  await client.end()
}
