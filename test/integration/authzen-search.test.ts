/** The search vectors of the AuthZEN working group's interoperability event: an organisation, questions, exact answers. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OrganisationImport } from '../../src/domain/api.ts'
import { type AuthzenClient, authzenClient } from '../support/authzen.ts'
import { asRoot, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const folder = path.resolve('../shared/data/authzen-search')
const present = existsSync(folder)
if (!present) console.warn(`skipped: the AuthZEN search vectors are not at ${folder}`)

interface User {
  readonly id: string
  readonly role: string
  readonly department: string
}
interface RecordItem {
  readonly id: number
  readonly title: string
  readonly department: string
  readonly owner: string
}
interface Entity {
  readonly type: string
  readonly id: string
}
interface Vector {
  readonly request: { readonly subject: Entity; readonly action: { readonly name: string }; readonly resource: Entity }
  readonly expected: { readonly results: readonly Entity[] }
}

const read = <T>(file: string) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as T
const vectors = (file: string) => read<{ evaluation: Vector[] }>(file).evaluation
const sorted = (entities: readonly Entity[]) => entities.map(({ type, id }) => `${type} ${id}`).sort()

/**
 * Managers read everything and write what belongs to their own department; everybody reads what belongs to theirs; an
 * owner does everything.
 */
function organisation(users: readonly User[], records: readonly RecordItem[]): OrganisationImport {
  const groupsOf = ({ id, role, department }: User) => [
    `owner/${id}`,
    `department/${department}`,
    ...(role === 'manager' ? ['managers', `managers/${department}`] : []),
  ]
  const memberships = users.flatMap((user) =>
    groupsOf(user).map((group) => ({ group, user: user.id, role: 'member' as const })),
  )
  const groups = new Set(memberships.map(({ group }) => group))
  const grants = records.flatMap(({ id, department, owner }) =>
    (
      [
        ['managers', 'read'],
        [`department/${department}`, 'read'],
        [`managers/${department}`, 'write'],
        [`owner/${owner}`, 'admin'],
      ] as const
    )
      .filter(([group]) => groups.has(group))
      .map(([group, permission]) => ({ group, resource: String(id), permission })),
  )
  return {
    users: users.map(({ id }) => ({ id })),
    groups: [...groups].map((name) => ({ name })),
    memberships,
    resources: records.map(({ id, title }) => ({ name: String(id), kind: 'record', description: title })),
    grants,
  }
}

describe.skipIf(!present)('the AuthZEN search vectors', () => {
  let databaseUrl: string
  let service: Service
  let client: AuthzenClient

  beforeAll(async () => {
    databaseUrl = await freshDatabase()
    service = await startService({ databaseUrl, environment: PATIENT })
    client = await authzenClient(service)
    const data = organisation(read<User[]>('users.json'), read<RecordItem[]>('records.json'))
    await service.portcullis.mutations.importOrganisation(data, asRoot)
  })
  afterAll(async () => {
    await client?.close()
    await service?.close()
    if (databaseUrl) await dropDatabase(databaseUrl)
  })

  it.each([
    ['resource', 18],
    ['subject', 60],
  ] as const)('answers all %s searches, from the cache and from the database', async (search, count) => {
    const all = vectors(`${search}.json`)
    expect(all).toHaveLength(count)
    for (const headers of [{}, {}, { 'cache-control': 'no-cache' }])
      for (const { request, expected } of all) {
        const answer = await client.post(`search/${search}`, request, headers)
        expect(answer.status).toBe(200)
        expect(sorted(answer.body.results as Entity[]), JSON.stringify(request)).toEqual(sorted(expected.results))
      }
  })

  /** The working group's older runner compares whole lists of actions, the present one the three names of its demo. */
  it.each([
    ['of the demo alone, where they are configured', 'view=read,edit=write,delete=admin', () => true],
    ['of the demo among all, by default', undefined, (name: string) => ['view', 'edit', 'delete'].includes(name)],
  ])('decides and lists actions as the searches say: those %s', async (_which, given, compared) => {
    const configured = await startService({
      databaseUrl,
      environment: { ...PATIENT, ...(given && { AUTHZEN_ACTIONS: given }) },
    })
    const gateway = await authzenClient(configured)
    const allowed = new Set(
      vectors('resource.json').flatMap(({ request, expected }) =>
        expected.results.map(({ id }) => `${request.subject.id} ${request.action.name} ${id}`),
      ),
    )
    const resources = read<RecordItem[]>('records.json').map(({ id }) => ({ type: 'record', id: String(id) }))
    for (const { id } of read<User[]>('users.json')) {
      const subject = { type: 'user', id }
      for (const name of ['view', 'edit', 'delete']) {
        const evaluations = resources.map((resource) => ({ resource }))
        const { body } = await gateway.post('evaluations', { subject, action: { name }, evaluations })
        const expected = resources.map((resource) => ({ decision: allowed.has(`${id} ${name} ${resource.id}`) }))
        expect(body.evaluations, `${id} ${name}`).toEqual(expected)
      }
      for (const resource of resources) {
        const { body } = await gateway.post('search/action', { subject, resource })
        const names = (body.results as { name: string }[]).map(({ name }) => name)
        const expected = ['view', 'edit', 'delete'].filter((name) => allowed.has(`${id} ${name} ${resource.id}`))
        expect(names.filter(compared)).toEqual(expected)
      }
    }
    await gateway.close()
    await configured.close()
  })
})
