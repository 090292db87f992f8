/** The real organisation, imported: known counts, and for every user the cached answer is PostgreSQL's. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPeribolos } from '../../src/cli/peribolos/index.ts'
import { asRoot, outcomeOf, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const folder = path.resolve('../shared/data/kubernetes-org/config')
const present = existsSync(folder)
if (!present) console.warn(`skipped: the real organisation is not at ${folder}`)

function readOrganisation() {
  const { organisation, problems } = readPeribolos(folder, { roles: 'teams' })
  expect(problems).toEqual([])
  if (!organisation) throw new Error('the organisation could not be read')
  return organisation
}

describe.skipIf(!present)('the Kubernetes organisation', () => {
  let databaseUrl: string
  let service: Service
  let users: string[]

  beforeAll(async () => {
    databaseUrl = await freshDatabase()
    service = await startService({ databaseUrl, environment: PATIENT })
  })
  afterAll(async () => {
    await service?.close()
    await dropDatabase(databaseUrl)
  })

  it('is imported with the counts its source gives', async () => {
    const organisation = readOrganisation()
    users = organisation.users.map(({ id }) => id)
    const { value } = await service.portcullis.mutations.importOrganisation(organisation, asRoot)
    const created = Object.fromEntries(
      (['users', 'groups', 'memberships', 'resources', 'grants'] as const).map((kind) => [kind, value[kind].created]),
    )
    expect(created).toEqual({ users: 1509, groups: 766, memberships: 3615, resources: 328, grants: 631 })
  })

  it('changes nothing when it is imported again', async () => {
    const organisation = readOrganisation()
    const { value } = await service.portcullis.mutations.importOrganisation(organisation, asRoot)
    expect(value.changed).toBe(false)
  })

  it('shows every user on the cached path what PostgreSQL shows, first loaded, then cached', async () => {
    const byPermission: Record<string, number> = {}
    for (const user of users) {
      const truth = await service.truth(user)
      expect(await service.visible(user), user).toEqual(truth)
      expect(await outcomeOf(service, user), user).toBe('hit')
      expect(await service.visible(user), user).toEqual(truth)
      for (const { permission } of truth) byPermission[permission] = (byPermission[permission] ?? 0) + 1
    }
    expect(byPermission).toEqual({ admin: 1206, write: 468, triage: 140, maintain: 32, read: 12 })
  }, 120_000)

  it('compares user ids exactly: another spelling is another subject', async () => {
    expect((await service.visible('bentheelder')).length).toBeGreaterThan(0)
    expect(await service.visible('BenTheElder')).toEqual([])
  })
})
