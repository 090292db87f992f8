/** Two installations in one PostgreSQL server that share a Redis and a prefix, as a copied configuration brings about. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { becomes } from '../support/becomes.ts'
import { asRoot, entriesInRedis, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const databaseUrls: string[] = []
let full: Service
let empty: Service

beforeAll(async () => {
  databaseUrls.push(await freshDatabase(), await freshDatabase())
  const [one = '', two = ''] = databaseUrls
  full = await startService({ databaseUrl: one, environment: PATIENT })
  empty = await startService({ databaseUrl: two, prefix: full.prefix, environment: PATIENT })
  await full.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
  await full?.close()
  await empty?.close()
  for (const url of databaseUrls) await dropDatabase(url)
})

const tokenOf = ({ portcullis: { mutations } }: Service) =>
  mutations.putUser({ id: 'someone' as UserId }, asRoot).then(({ consistencyToken }) => consistencyToken)

it('entries of the one are no answer in the other', async () => {
  const seen = await full.visible('ann')
  expect(seen.length).toBeGreaterThan(0)
  expect(await full.visible('ann')).toEqual(seen)
  // The hazard: the very keys that the other installation is about to read.
  const hazard = expect.arrayContaining(['resources:{ann}', 'resources:all'])
  await becomes(() => entriesInRedis(full.prefix), hazard, 15_000)
  expect(await empty.visible('ann')).toEqual([])
  expect(await full.visible('ann')).toEqual(seen)
})

it('a consistency token of the one is refused by the other', async () => {
  const token = await tokenOf(full)
  const read = empty.portcullis.reads.visibleResources('ann' as UserId, { limit: 50 }, { after: token })
  await expect(read).rejects.toMatchObject({ code: 'token-other-history' })
})
