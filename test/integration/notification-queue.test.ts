/** Another application's listener is stuck and the queue of notifications is full: no revocation may fail for it. */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'

let server: OwnPostgres
let service: Service
let stuck: pg.Client
let writer: pg.Client

beforeAll(async () => {
  // The least there is: half a megabyte.
  server = await startOwnPostgres({ max_notify_queue_pages: '64' })
  service = await startService({ databaseUrl: await server.createMigrated('portcullis') })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  stuck = await server.connect()
  writer = await server.connect()
  await stuck.query('LISTEN other')
  await stuck.query('BEGIN')
  // The hazard: whatever notifies now fails when it commits.
  const fill = () => writer.query(`SELECT pg_notify('other', repeat('x', 7000))`)
  for (
    let sent = 0;
    sent < 1000 &&
    (await fill().then(
      () => true,
      () => false,
    ));
    sent++
  );
  await expect(writer.query(`SELECT pg_notify('portcullis_invalidation', repeat('x', 7000))`)).rejects.toThrow(/queue/)
}, 120_000)
afterAll(async () => {
  await stuck?.end()
  await writer?.end()
  await service?.close()
  await server?.close()
})

const names = async (user: string) => (await service.visible(user)).map(({ name }) => name)

describe('a full queue of notifications', () => {
  it('does not keep a membership that is removed by a mutation, however often', async () => {
    const remove = { group: { name: 'dept/red' }, userId: 'ben' as UserId }
    for (let round = 0; round < 100; round++) {
      await service.portcullis.mutations.addUserToGroup(remove, asRoot)
      await service.portcullis.mutations.removeUserFromGroup(remove, asRoot)
    }
    expect(await names('ben')).toEqual([])
  })

  it('does not keep one that is removed by SQL: the poll finds it', async () => {
    expect(await names('ann')).toEqual(['handbook'])
    for (let round = 0; round < 100; round++)
      await writer.query(`UPDATE users SET disabled = NOT disabled WHERE id = 'eve'`)
    await writer.query(`DELETE FROM memberships WHERE user_id = 'ann'`)
    await expect.poll(() => names('ann'), { timeout: 1000, interval: 10 }).toEqual([])
  })
})
