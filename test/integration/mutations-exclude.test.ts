/**
 * Mutations that could miss each other wait for each other: a user who joins while somebody changes what the new
 * group sees would be in neither list of affected users, and the user's entry would outlive both deletions. The first is
 * held in the middle by a lock on the table that it writes to, after it has computed what goes stale.
 */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import { asRoot, named, startVisibilityFleet, user, type VisibilityFleet } from './visibility-fleet.ts'

let fleet: VisibilityFleet
let holder: pg.Client
let observer: pg.Client
beforeAll(async () => {
  fleet = await startVisibilityFleet()
  holder = new pg.Client({ connectionString: fleet.databaseUrl })
  observer = new pg.Client({ connectionString: fleet.databaseUrl })
  await holder.connect()
  await observer.connect()
})
afterAll(async () => {
  await holder?.end()
  await observer?.end()
  await fleet?.close()
})

// Ends what a test that failed half-way has left behind.
afterEach(() => holder.query('ROLLBACK'))

/** Two departments with a document each; a team below the first, with ben in it; ann is in no group. */
async function organisation(name: string): Promise<void> {
  await fleet.mutations.importOrganisation(
    {
      users: [`${name}.ann`, `${name}.ben`].map((id) => ({ id })),
      groups: [
        { name: `${name}/old` },
        { name: `${name}/new` },
        { name: `${name}/team`, parent: `${name}/old` },
        { name: `${name}/squad`, parent: `${name}/team` },
      ],
      memberships: [{ group: `${name}/squad`, user: `${name}.ben`, role: 'member' }],
      resources: ['old', 'new', 'extra'].map((each) => ({ name: `${name}/${each}-plan`, kind: 'document' })),
      grants: ['old', 'new'].map((each) => ({
        group: `${name}/${each}`,
        resource: `${name}/${each}-plan`,
        permission: 'read',
      })),
    },
    asRoot,
  )
}

type Change = (mutations: Mutations, name: string) => Promise<unknown>

const join: Change = (mutations, name) =>
  mutations.addUserToGroup({ group: named(`${name}/squad`), userId: user(`${name}.ann`), role: 'member' }, asRoot)
const replace: Change = (mutations, name) =>
  mutations.replaceMembers(
    { group: named(`${name}/squad`), members: [{ userId: user(`${name}.ann`) }], condition: '*' },
    asRoot,
  )
const move: Change = (mutations, name) =>
  mutations.updateGroup({ group: named(`${name}/team`), changes: { parent: named(`${name}/new`) } }, asRoot)
const remove: Change = (mutations, name) => mutations.deleteGroup({ group: named(`${name}/old`) }, asRoot)
const grant: Change = (mutations, name) =>
  mutations.putGrant({ group: named(`${name}/old`), resource: named(`${name}/extra-plan`), permission: 'read' }, asRoot)
const revoke: Change = (mutations, name) =>
  mutations.removeGrant({ group: named(`${name}/old`), resource: named(`${name}/old-plan`) }, asRoot)

const waiting = async () =>
  (await observer.query('SELECT pid FROM pg_locks WHERE NOT granted GROUP BY pid')).rowCount ?? 0

describe.each([
  ['joins a group', join],
  ['replaces its members', replace],
] as const)('while somebody %s', (_, first) => {
  it.each([
    ['a group above it is moved', move, ['new-plan=read']],
    ['a group above it is deleted', remove, []],
    ['a group above it is granted something', grant, ['extra-plan=read', 'old-plan=read']],
    ['a group above it loses something', revoke, []],
  ] as const)('%s: it waits, and the newcomer sees what is true on every instance', async (what, second, expected) => {
    const name = `${first.name}-${what.replaceAll(' ', '-')}`
    await organisation(name)
    const [one, other] = fleet.instances
    await fleet.warm(`${name}.ann`, `${name}.ben`)
    await holder.query('BEGIN; LOCK TABLE memberships IN SHARE ROW EXCLUSIVE MODE')
    const joining = first(one.portcullis.mutations, name)
    await expect.poll(waiting).toBe(1)
    const changing = second(other.portcullis.mutations, name)
    await expect.poll(waiting).toBe(2)
    // A read now still finds the state before both.
    await other.visible(`${name}.ann`)
    await holder.query('COMMIT')
    await Promise.all([joining, changing])
    await fleet.expectSeen(
      `${name}.ann`,
      expected.map((each) => `${name}/${each}`),
    )
  })
})

/**
 * A grant given beside a change of the resource would be missing from both: the change does not know the new group, and
 * the grant's own invalidation is older than the change.
 */
describe('while somebody changes a resource', () => {
  it('a grant on it waits, and the members of the group see the change on every instance', async () => {
    const name = 'change-and-grant'
    await organisation(name)
    const [one, other] = fleet.instances
    await fleet.warm(`${name}.ann`, `${name}.ben`)
    // Held after it has computed who is touched, before it writes.
    await holder.query('BEGIN; LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE')
    const changing = one.portcullis.mutations.updateResource(
      { resource: named(`${name}/extra-plan`), changes: { kind: 'changed' } },
      asRoot,
    )
    await expect.poll(waiting).toBe(1)
    const granting = grant(other.portcullis.mutations, name)
    await expect.poll(waiting).toBe(2)
    const { rows } = await observer.query<{ locktype: string }>('SELECT locktype FROM pg_locks WHERE NOT granted')
    expect(rows.map(({ locktype }) => locktype).sort()).toEqual(['relation', 'transactionid'])
    await holder.query('COMMIT')
    await Promise.all([changing, granting])
    await fleet.expectSeen(`${name}.ben`, [`${name}/extra-plan=read`, `${name}/old-plan=read`])
    for (const { portcullis } of fleet.instances) {
      const { body } = await portcullis.reads.visibleResources(user(`${name}.ben`), { limit: 50 }, {})
      expect(body.toString()).toContain('"kind":"changed"')
    }
  })

  it('that has just been granted to another group, it names the members of that one too', async () => {
    const name = 'grant-and-change'
    await organisation(name)
    const [one, other] = fleet.instances
    await fleet.warm(`${name}.ann`, `${name}.ben`)
    await holder.query('BEGIN; LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE')
    const granting = grant(one.portcullis.mutations, name)
    await expect.poll(waiting).toBe(1)
    // Its snapshot is older than the grant; what it names must not be.
    const changing = other.portcullis.mutations.updateResource(
      { resource: named(`${name}/extra-plan`), changes: { kind: 'changed' } },
      asRoot,
    )
    await expect.poll(waiting).toBe(2)
    await holder.query('COMMIT')
    await Promise.all([granting, changing])
    const { rows } = await observer.query<{ tags: string[]; id: string }>(
      `SELECT l.tags, g.id FROM invalidation_log l, groups g WHERE l.event = 'updateResource' AND g.name = $1 ORDER BY l.id DESC LIMIT 1`,
      [`${name}/old`],
    )
    const [row] = rows
    expect(row?.tags).toContain(`g:${row?.id}`)
    await fleet.expectSeen(`${name}.ben`, [`${name}/extra-plan=read`, `${name}/old-plan=read`])
  })
})

describe('two who make the same at once', () => {
  it('make it once: the other finds it, and is refused where there must be none', async () => {
    const name = 'twice'
    await organisation(name)
    const joins = (mustExist?: boolean) =>
      fleet.instances.map(({ portcullis }) =>
        portcullis.mutations.addUserToGroup(
          { group: named(`${name}/squad`), userId: user(`${name}.ann`), ...(mustExist !== undefined && { mustExist }) },
          asRoot,
        ),
      )
    // Both have looked and found nothing before either may write.
    const whileHeld = async <T>(attempts: () => Promise<T>[]) => {
      await holder.query('BEGIN; LOCK TABLE memberships IN SHARE ROW EXCLUSIVE MODE')
      const both = attempts()
      await expect.poll(waiting).toBe(both.length)
      await holder.query('COMMIT')
      return Promise.allSettled(both)
    }
    const refused = (await whileHeld(() => joins(false))).filter(({ status }) => status === 'rejected')
    expect(refused).toMatchObject([{ reason: { code: 'version-mismatch' } }])
    await fleet.instances[0].portcullis.mutations.removeUserFromGroup(
      { group: named(`${name}/squad`), userId: user(`${name}.ann`) },
      asRoot,
    )
    const put = await whileHeld(() => joins())
    expect(put.map((each) => each.status === 'fulfilled' && each.value.value.created).sort()).toEqual([false, true])
  })
})
