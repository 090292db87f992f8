/** The clock of a real PostgreSQL is set while instances serve what ends by it; Linux with a C compiler only. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest'
import { becomes } from '../support/becomes.ts'
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts'
import { asRoot, newPrefix, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'

const compiler = 'cc'
const canShift = process.platform === 'linux' && spawnSync(compiler, ['--version']).status === 0
const source = fileURLToPath(new URL('../drills/faults/shifted-clock.c', import.meta.url))
/** That of the job which removes what ended (src/postgres/ended-access.ts). */
const JOB_LOCK = 0x656e6473
/** Instances notice at their next read of the log; on a busy machine the lists take longer than that. */
const NOTICED_WITHIN_MS = 10_000
const BOTH = ['handbook', 'red-plan']

describe.runIf(canShift)('PostgreSQL’s clock is set', () => {
  let folder: string
  let postgres: OwnPostgres
  let sql: pg.Client
  let fleet: Service[]

  /** Its clock shows so many seconds more than the machine's. */
  function set(seconds: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(seconds))
    // In place: the server has it in its memory.
    const file = openSync(path.join(folder, 'offset'), 'r+')
    writeSync(file, bytes, 0, bytes.length, 0)
    closeSync(file)
  }

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'portcullis-clock-'))
    chmodSync(folder, 0o755)
    writeFileSync(path.join(folder, 'offset'), Buffer.alloc(8))
    const library = path.join(folder, 'shifted-clock.so')
    execFileSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source])
    const shifted = { LD_PRELOAD: library, CLOCK_OFFSET_FILE: path.join(folder, 'offset') }
    Object.assign(process.env, shifted)
    try {
      postgres = await startOwnPostgres()
    } finally {
      for (const name of Object.keys(shifted)) delete process.env[name]
    }
  })
  afterAll(async () => {
    await postgres?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(async ({ task }) => {
    set(0)
    const databaseUrl = await postgres.createMigrated(`clock_${task.id.replace(/\W/g, '_')}`)
    sql = new pg.Client({ connectionString: databaseUrl })
    await sql.connect()
    const prefix = newPrefix()
    fleet = []
    for (let each = 0; each < 2; each++) fleet.push(await startService({ databaseUrl, prefix, environment: PATIENT }))
    await fleet[0]!.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  })
  afterEach(async () => {
    for (const service of fleet) await service.close()
    await sql.end()
  })

  /** What Ben sees: by each instance, and by SQL. */
  async function seen(): Promise<string[][]> {
    const lists = await Promise.all([...fleet.map((service) => service.visible('ben')), fleet[0]!.truth('ben')])
    return lists.map((list) => list.map(({ name }) => name))
  }
  const allSee = (names: readonly string[]) => becomes(seen, [[...names], [...names], [...names]], NOTICED_WITHIN_MS)

  const ENDS = {
    grant: {
      text: `UPDATE grants SET expires_at = clock_timestamp() + interval '1 minute' FROM resources r
        WHERE r.id = resource_id AND r.name = 'red-plan'`,
      left: ['handbook'],
    },
    membership: {
      text: `UPDATE memberships SET expires_at = clock_timestamp() + interval '1 minute' WHERE user_id = 'ben'`,
      left: [],
    },
  } as const

  it.each(['grant', 'membership'] as const)(
    'forward beyond the end of a %s and back: it is gone, and is there again while its row is',
    async (kind) => {
      await sql.query('SELECT pg_advisory_lock($1)', [JOB_LOCK])
      await allSee(BOTH)
      await sql.query(ENDS[kind].text)
      await allSee(BOTH)
      for (let turn = 0; turn < 2; turn++) {
        set(120)
        await allSee(ENDS[kind].left)
        set(0)
        await allSee(BOTH)
      }
    },
  )

  it.each(['grant', 'membership'] as const)(
    'forward beyond the end of a %s and back: once its row is gone, it stays so',
    async (kind) => {
      await sql.query(ENDS[kind].text)
      await allSee(BOTH)
      set(120)
      const table = `${kind}s`
      await becomes(async () => (await sql.query(`SELECT FROM ${table} WHERE expires_at IS NOT NULL`)).rowCount, 0)
      await allSee(ENDS[kind].left)
      set(0)
      await allSee(ENDS[kind].left)
    },
  )

  it('back by an hour: what was to end in a minute lasts for an hour and a minute', async () => {
    await sql.query(ENDS.grant.text)
    await allSee(BOTH)
    set(-3600)
    await allSee(BOTH)
    set(0)
    await allSee(BOTH)
    set(61)
    await allSee(ENDS.grant.left)
  })
})
