/** Point-in-time recovery: a base backup and the archived log, brought to a time before changes that the service has served. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, chownSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { postgresAccount } from '../../src/local/postgres-account.ts'
import { createLogger } from '../../src/telemetry/index.ts'
import { becomes } from '../support/becomes.ts'
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts'
import { ask } from '../support/replicated-postgres.ts'
import { asRoot, outcomeOf, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'

let postgres: OwnPostgres
let databaseUrl: string
const services: Service[] = []
const lines: string[] = []

const account = postgresAccount()
const clusterOf = () => path.join(postgres.home, 'postgres')
const archiveOf = () => path.join(postgres.home, 'archive')
const backupOf = () => path.join(postgres.home, 'backup')
const asAccount = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: '/', ...account })

beforeEach(async () => {
  postgres = await startOwnPostgres({ wal_level: 'replica', archive_mode: 'on' })
  databaseUrl = await postgres.createMigrated('portcullis')
  asAccount('mkdir', archiveOf())
  await ask(databaseUrl, `ALTER SYSTEM SET archive_command = 'cp %p ${archiveOf()}/%f'`)
  await ask(databaseUrl, 'SELECT pg_reload_conf()')
}, 60_000)
afterEach(async () => {
  for (const service of services.splice(0)) await service.close()
  await postgres?.close()
})

async function start(prefix?: string): Promise<Service> {
  const destination = { write: (line: string) => void lines.push(line) }
  const service = await startService({
    databaseUrl,
    environment: PATIENT,
    logger: createLogger({ level: 'warn', destination }),
    ...(prefix && { prefix }),
  })
  services.push(service)
  return service
}

/** While it runs, as pg_basebackup does it. */
async function backUp(): Promise<void> {
  const client = await postgres.connect()
  await client.query(`SELECT pg_backup_start('base', true)`)
  asAccount('cp', '-a', clusterOf(), backupOf())
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop()')
  await client.end()
  asAccount(
    'sh',
    '-c',
    `rm -rf "$1"/postmaster.pid "$1"/pg_wal/*; mkdir -p "$1"/pg_wal/archive_status`,
    'sh',
    backupOf(),
  )
  // The server renames it.
  const label = path.join(backupOf(), 'backup_label')
  writeFileSync(label, rows[0]!.labelfile)
  if (account) chownSync(label, account.uid, account.gid)
}

/** Everything until now is in the archive. */
async function archive(): Promise<void> {
  const [row] = await ask<{ file: string }>(databaseUrl, 'SELECT pg_walfile_name(pg_switch_wal()) AS file')
  await becomes(async () => readdirSync(archiveOf()).includes(row!.file), true, 20_000)
}

async function recoverTo(time: string): Promise<void> {
  await postgres.stop()
  rmSync(clusterOf(), { recursive: true })
  renameSync(backupOf(), clusterOf())
  appendFileSync(
    path.join(clusterOf(), 'postgresql.auto.conf'),
    `restore_command = 'cp ${archiveOf()}/%f %p'\nrecovery_target_time = '${time}'\nrecovery_target_action = 'promote'\n`,
  )
  writeFileSync(path.join(clusterOf(), 'recovery.signal'), '')
  await postgres.start()
  await becomes(async () => (await ask(databaseUrl, 'SELECT pg_is_in_recovery() AS on'))[0], { on: false }, 20_000)
}

it('takes back what was changed later, also for an instance that runs on: nothing stale, and it says so', async () => {
  const running = await start()
  const { mutations } = running.portcullis
  await mutations.importOrganisation(smallOrganisation, asRoot)
  await backUp()
  await mutations.putUser({ id: 'later' as UserId }, asRoot)
  const [{ time } = { time: '' }] = await ask<{ time: string }>(databaseUrl, 'SELECT clock_timestamp()::text AS time')
  const atTarget = { ann: await running.truth('ann'), nobody: [] as unknown[] }
  // What will not have happened: one loses everything, another one gets it.
  await mutations.removeUserFromGroup({ group: { name: 'dept' }, userId: 'ann' as UserId }, asRoot)
  await mutations.putUser({ id: 'nobody' as UserId }, asRoot)
  const { consistencyToken } = await mutations.addUserToGroup(
    { group: { name: 'dept' }, userId: 'nobody' as UserId },
    asRoot,
  )
  const seen = await running.visible('nobody')
  expect(seen.length).toBeGreaterThan(0)
  for (const user of ['ann', 'nobody']) await expect.poll(() => outcomeOf(running, user), { timeout: 5000 }).toBe('hit')
  const before = await identity(running)
  await archive()
  await recoverTo(time)

  const other = await start(running.prefix)
  for (const service of [running, other]) {
    await expect.poll(() => service.visible('ann').catch(() => 'refused'), { timeout: 10_000 }).toEqual(atTarget.ann)
    for (const user of ['ann', 'nobody'] as const) {
      expect(await service.truth(user)).toEqual(atTarget[user])
      expect(await service.visible(user)).toEqual(atTarget[user])
      await expect.poll(() => outcomeOf(service, user), { timeout: 5000 }).toBe('hit')
      expect(await service.visible(user)).toEqual(atTarget[user])
    }
    const read = service.portcullis.reads.visibleResources('ann' as UserId, { limit: 5 }, { after: consistencyToken })
    await expect(read).rejects.toMatchObject({ code: 'token-other-history' })
    expect((await identity(service)).identity).not.toBe(before.identity)
  }
  expect(lines.filter((line) => line.includes('nothing that was cached before is served'))).toHaveLength(1)
  expect(Date.parse((await identity(running)).since)).toBeGreaterThan(Date.parse(before.since))
  // And it goes on from there.
  await other.portcullis.mutations.removeUserFromGroup({ group: { name: 'dept' }, userId: 'ann' as UserId }, asRoot)
  for (const service of [running, other]) expect(await service.visible('ann')).toEqual([])
}, 120_000)

async function identity(service: Service): Promise<{ identity: string; since: string }> {
  return ((await service.health.verbose()).log as { database: { identity: string; since: string } }).database
}
