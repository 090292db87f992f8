/** An import is one transaction however large it is: it has limits of its own, and the readers beside it keep theirs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OrganisationImport } from '../../src/domain/api.ts'
import { asRoot, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const MEMBERSHIPS = 60_000
const USERS = 1000
/** As on a machine that is busy with other things: far too little for so many rows. */
const STATEMENT_TIMEOUT_MS = 100

const large: OrganisationImport = {
  users: Array.from({ length: USERS }, (_, n) => ({ id: `user-${n}` })),
  groups: Array.from({ length: MEMBERSHIPS / USERS }, (_, n) => ({ name: `group-${n}` })),
  memberships: Array.from({ length: MEMBERSHIPS }, (_, n) => ({
    user: `user-${n % USERS}`,
    group: `group-${Math.floor(n / USERS)}`,
    role: 'member' as const,
  })),
  resources: [{ name: 'plan', kind: 'document' }],
  grants: [{ group: 'group-0', resource: 'plan', permission: 'read' }],
}

let databaseUrl: string
let service: Service

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  const environment = { DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS) }
  service = await startService({ databaseUrl, environment })
})
afterAll(async () => {
  await service?.close()
  await dropDatabase(databaseUrl)
})

describe('an import of sixty thousand memberships', () => {
  it('takes longer than any other statement may, and counts what it did over all its chunks', async () => {
    const beganMs = performance.now()
    const { value } = await service.portcullis.mutations.importOrganisation(large, asRoot)
    expect(performance.now() - beganMs).toBeGreaterThan(STATEMENT_TIMEOUT_MS)
    expect(value.memberships).toEqual({ total: MEMBERSHIPS, created: MEMBERSHIPS, updated: 0 })
    const roles = large.memberships.map((each, n) => (n % 2 ? each : { ...each, role: 'maintainer' as const }))
    const again = await service.portcullis.mutations.importOrganisation({ ...large, memberships: roles }, asRoot)
    expect(again.value.memberships).toEqual({ total: MEMBERSHIPS, created: 0, updated: MEMBERSHIPS / 2 })
    expect((await service.visible('user-7')).map(({ name }) => name)).toEqual(['plan'])
  })
})
