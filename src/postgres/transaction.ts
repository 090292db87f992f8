/** One interactive Prisma transaction, speaking the domain's words. */
import type { Grant, Group, GroupId, Membership, Ref, Resource, ResourceId, User } from '../domain/model.ts'
import type { Transaction } from '../domain/transaction.ts'
import { userIdsIn } from '../domain/user-ids.ts'
import type { Prisma } from './generated/client.ts'
import { importOrganisation } from './organisation-import.ts'
import { grantsAtOnce, idsOfResources, locksAtOnce, membershipsAtOnce } from './whole-lists.ts'

/** Advisory lock that stands for the shape of the group tree. */
const TREE_LOCK = 0x74726565

export function createTransaction(
  tx: Prisma.TransactionClient,
  options: { readonly affectedMax: number },
): Transaction {
  const { holdersOf, ...affected } = createAffected(tx, options.affectedMax)
  return {
    lock: { ...createLocks(tx), ...locksAtOnce(tx) },
    affected,
    users: {
      find: async (id) => (await tx.user.findUnique({ where: { id } })) as User | null,
      put: async ({ id, ...changes }) => {
        const data = { ...changes, updatedAt: new Date() }
        return (await tx.user.upsert({ where: { id }, create: { id, ...data }, update: data })) as User
      },
      remove: async (id) => {
        await tx.user.delete({ where: { id } })
      },
    },
    groups: createGroups(tx),
    memberships: {
      find: async (key) =>
        (await tx.membership.findUnique({
          where: { userId_groupId: key },
          omit: { createdAt: true },
        })) as Membership | null,
      put: async ({ userId, groupId, role }) => {
        const where = { userId_groupId: { userId, groupId } }
        await tx.membership.upsert({ where, create: { userId, groupId, role }, update: { role } })
        return { userId, groupId, role }
      },
      remove: async (key) => {
        await tx.membership.delete({ where: { userId_groupId: key } })
      },
      ...membershipsAtOnce(tx),
    },
    resources: { ...createResources(tx), idsOf: (refs) => idsOfResources(tx, refs) },
    grants: {
      find: async (key) =>
        (await tx.grant.findUnique({ where: { groupId_resourceId: key }, omit: { createdAt: true } })) as Grant | null,
      put: async ({ groupId, resourceId, permission }) => {
        const where = { groupId_resourceId: { groupId, resourceId } }
        await tx.grant.upsert({ where, create: { groupId, resourceId, permission }, update: { permission } })
        return { groupId, resourceId, permission }
      },
      remove: async (key) => {
        await tx.grant.delete({ where: { groupId_resourceId: key } })
      },
      ...grantsAtOnce(tx),
      holdersOf,
      groupsOf: async (resourceId) => {
        const grants = await tx.grant.findMany({ where: { resourceId }, select: { groupId: true } })
        return grants.map(({ groupId }) => groupId as GroupId)
      },
      resourcesOf: async (groupId) => {
        const grants = await tx.grant.findMany({ where: { groupId }, select: { resourceId: true } })
        return grants.map(({ resourceId }) => resourceId as ResourceId)
      },
    },
    health: createHealth(tx),
    async unknown({ users, groups, resources }) {
      const rows = await tx.$queryRaw<{ users: string[]; groups: string[]; resources: string[] }[]>`
        SELECT
          ARRAY(SELECT n FROM unnest(${[...users]}::text[]) n WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = n)) AS users,
          ARRAY(SELECT n FROM unnest(${[...groups]}::text[]) n WHERE NOT EXISTS (SELECT 1 FROM groups WHERE name = n)) AS groups,
          ARRAY(SELECT n FROM unnest(${[...resources]}::text[]) n WHERE NOT EXISTS (SELECT 1 FROM resources WHERE name = n)) AS resources`
      return rows[0] ?? { users: [], groups: [], resources: [] }
    },
    importOrganisation: (organisation) => importOrganisation(tx, organisation),
  }
}

function createLocks(tx: Prisma.TransactionClient): Omit<Transaction['lock'], keyof ReturnType<typeof locksAtOnce>> {
  return {
    async treeShape() {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock_shared(${TREE_LOCK})`
    },
    async treeChange() {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${TREE_LOCK})`
    },
    async membersOf(group) {
      await tx.$executeRaw`
        WITH RECURSIVE lineage AS (
          SELECT id, parent_id FROM groups WHERE id = ${group}::uuid
          UNION SELECT g.id, g.parent_id FROM groups g JOIN lineage l ON g.id = l.parent_id
        )
        SELECT 1 FROM groups WHERE id IN (SELECT id FROM lineage) ORDER BY id FOR SHARE`
    },
    async grantsOf(groups) {
      await tx.$executeRaw`SELECT 1 FROM groups WHERE id = ANY(${[...groups]}::uuid[]) ORDER BY id FOR NO KEY UPDATE`
    },
    async user(id) {
      await tx.$executeRaw`SELECT 1 FROM users WHERE id = ${id} FOR NO KEY UPDATE`
    },
    async resource(id) {
      await tx.$executeRaw`SELECT 1 FROM resources WHERE id = ${id}::uuid FOR NO KEY UPDATE`
    },
  }
}

/**
 * One value instead of a row for each: thousands of rows cost the driver more than the database. The groups are an array,
 * because of a recursive list the planner expects so much that it reads all memberships there are.
 */
interface NamedUsers {
  readonly size: number
  readonly lines: string | null
}

function createAffected(
  tx: Prisma.TransactionClient,
  affectedMax: number,
): Transaction['affected'] & Pick<Transaction['grants'], 'holdersOf'> {
  const canName = (count: number) => count <= affectedMax
  const usersIn = ({ size, lines }: NamedUsers = { size: 0, lines: null }) =>
    canName(size) ? userIdsIn(lines ?? '', size) : null
  return {
    canName,
    async membersBelow(groups) {
      if (groups.length === 0) return userIdsIn('', 0)
      const [row] = await tx.$queryRaw<NamedUsers[]>`
        WITH RECURSIVE below AS (
          SELECT id FROM groups WHERE id = ANY(${[...groups]}::uuid[])
          UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
        )
        SELECT count(*)::int AS size, string_agg(user_id, chr(10)) AS lines FROM (
          SELECT DISTINCT user_id FROM memberships WHERE group_id = ANY (ARRAY(SELECT id FROM below)) LIMIT ${affectedMax + 1}
        ) AS named`
      return usersIn(row)
    },
    async holdersOf(resource) {
      const [row] = await tx.$queryRaw<(NamedUsers & { groups: GroupId[] })[]>`
        WITH RECURSIVE holders AS MATERIALIZED (
          SELECT group_id FROM grants WHERE resource_id = ${resource}::uuid
        ), below AS (
          SELECT group_id AS id FROM holders
          UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
        )
        SELECT ARRAY(SELECT group_id::text FROM holders) AS groups,
          count(*)::int AS size, string_agg(user_id, chr(10)) AS lines FROM (
          SELECT DISTINCT user_id FROM memberships WHERE group_id = ANY (ARRAY(SELECT id FROM below)) LIMIT ${affectedMax + 1}
        ) AS named`
      return { groups: row?.groups ?? [], users: usersIn(row) }
    },
    async subtree(group) {
      const rows = await tx.$queryRaw<{ id: GroupId }[]>`
        WITH RECURSIVE below AS (
          SELECT id FROM groups WHERE id = ${group}::uuid
          UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
        )
        SELECT id FROM below`
      return rows.map(({ id }) => id)
    },
  }
}

function createGroups(tx: Prisma.TransactionClient): Transaction['groups'] {
  return {
    find: async (ref: Ref<GroupId>) => (await tx.group.findUnique({ where: ref })) as Group | null,
    create: async (data) => (await tx.group.create({ data })) as Group,
    update: async (id, changes) => {
      const data = { ...changes, version: { increment: 1 }, updatedAt: new Date() }
      return (await tx.group.update({ where: { id }, data })) as Group
    },
    remove: async (id) => {
      // What is below becomes another version of itself; the foreign key alone would leave its entity tag as it is.
      await tx.group.updateMany({
        where: { parentId: id },
        data: { parentId: null, version: { increment: 1 }, updatedAt: new Date() },
      })
      await tx.group.delete({ where: { id } })
    },
    async lineage(id) {
      const rows = await tx.$queryRaw<{ id: GroupId }[]>`
        WITH RECURSIVE lineage AS (
          SELECT id, parent_id, 0 AS depth FROM groups WHERE id = ${id}::uuid
          UNION ALL SELECT g.id, g.parent_id, l.depth + 1 FROM groups g JOIN lineage l ON g.id = l.parent_id WHERE l.depth < 100
        )
        SELECT id FROM lineage ORDER BY depth`
      return rows.map((row) => row.id)
    },
    async deepest() {
      const rows = await tx.$queryRaw<{ deepest: number }[]>`
        WITH RECURSIVE up AS (
          SELECT id, parent_id, 1 AS depth FROM groups
          UNION ALL SELECT u.id, g.parent_id, u.depth + 1 FROM groups g JOIN up u ON g.id = u.parent_id WHERE u.depth < 100
        )
        SELECT coalesce(max(depth), 0)::int AS deepest FROM up`
      return rows[0]?.deepest ?? 0
    },
    async height(id) {
      const rows = await tx.$queryRaw<{ height: number }[]>`
        WITH RECURSIVE below AS (
          SELECT id, 1 AS depth FROM groups WHERE id = ${id}::uuid
          UNION ALL SELECT g.id, b.depth + 1 FROM groups g JOIN below b ON g.parent_id = b.id WHERE b.depth < 100
        )
        SELECT max(depth)::int AS height FROM below`
      return rows[0]?.height ?? 1
    },
  }
}

function createResources(tx: Prisma.TransactionClient): Omit<Transaction['resources'], 'idsOf'> {
  return {
    find: async (ref: Ref<ResourceId>) => (await tx.resource.findUnique({ where: ref })) as Resource | null,
    create: async ({ attributes, ...rest }) => {
      const data = { ...rest, attributes: attributes as Prisma.InputJsonObject }
      return (await tx.resource.create({ data })) as Resource
    },
    update: async (id, { attributes, ...rest }) => {
      const changes = { ...rest, ...(attributes && { attributes: attributes as Prisma.InputJsonObject }) }
      const data = { ...changes, version: { increment: 1 }, updatedAt: new Date() }
      return (await tx.resource.update({ where: { id }, data })) as Resource
    },
    remove: async (id) => {
      await tx.resource.delete({ where: { id } })
    },
  }
}

function createHealth(tx: Prisma.TransactionClient): Transaction['health'] {
  return {
    async lock() {
      await tx.$executeRaw`SELECT 1 FROM cache_health WHERE id = 1 FOR UPDATE`
    },
    async read() {
      const rows = await tx.$queryRaw<{ lastHealthyAt: Date | null; now: Date }[]>`
        SELECT last_healthy_at AS "lastHealthyAt", clock_timestamp() AS now FROM cache_health WHERE id = 1`
      return rows[0] ?? { lastHealthyAt: null, now: new Date() }
    },
    async reportHealthy() {
      await tx.$executeRaw`UPDATE cache_health SET last_healthy_at = clock_timestamp() WHERE id = 1`
    },
    async recordOutage(data) {
      await tx.cacheOutage.create({ data })
    },
  }
}
