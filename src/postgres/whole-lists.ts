/** Lists that become the whole state: each step one statement, however long the list is. */
import type { Grant, GroupId, Membership, Ref, ResourceId, UserId } from '../domain/model.ts'
import type { Transaction } from '../domain/transaction.ts'
import type { Prisma } from './generated/client.ts'
import { GRANTS, MEMBERS, stateOf } from './list-states.ts'

export function membershipsAtOnce(
  tx: Prisma.TransactionClient,
): Pick<Transaction['memberships'], 'of' | 'stateOf' | 'putAll' | 'removeAll'> {
  return {
    stateOf: (groupId) => stateIn(tx, stateOf(MEMBERS, 'userId'), groupId),
    async of(groupId) {
      const where = { groupId }
      return (await tx.membership.findMany({ where, omit: { createdAt: true } })) as Membership[]
    },
    async putAll(memberships) {
      await tx.$executeRaw`
        INSERT INTO memberships (user_id, group_id, role)
        SELECT "userId", "groupId", role FROM jsonb_to_recordset(${JSON.stringify(memberships)}::jsonb)
          AS m("userId" text, "groupId" uuid, role membership_role)
        ON CONFLICT (user_id, group_id) DO UPDATE SET role = EXCLUDED.role`
    },
    async removeAll(groupId, users) {
      await tx.$executeRaw`
        DELETE FROM memberships WHERE group_id = ${groupId}::uuid AND user_id = ANY(${[...users]}::text[])`
    },
  }
}

export function grantsAtOnce(
  tx: Prisma.TransactionClient,
): Pick<Transaction['grants'], 'of' | 'stateOf' | 'putAll' | 'removeAll'> {
  return {
    stateOf: (groupId) => stateIn(tx, stateOf(GRANTS, 'resourceName'), groupId),
    async of(groupId) {
      return (await tx.grant.findMany({ where: { groupId }, omit: { createdAt: true } })) as Grant[]
    },
    async putAll(grants) {
      await tx.$executeRaw`
        INSERT INTO grants (group_id, resource_id, permission)
        SELECT "groupId", "resourceId", permission FROM jsonb_to_recordset(${JSON.stringify(grants)}::jsonb)
          AS g("groupId" uuid, "resourceId" uuid, permission permission)
        ON CONFLICT (group_id, resource_id) DO UPDATE SET permission = EXCLUDED.permission`
    },
    async removeAll(groupId, resources) {
      await tx.$executeRaw`
        DELETE FROM grants WHERE group_id = ${groupId}::uuid AND resource_id = ANY(${[...resources]}::uuid[])`
    },
  }
}

async function stateIn(tx: Prisma.TransactionClient, statement: string, groupId: GroupId): Promise<string> {
  const [row] = await tx.$queryRawUnsafe<{ state: string }[]>(statement, groupId)
  return row?.state ?? ''
}

export async function idsOfResources(
  tx: Prisma.TransactionClient,
  refs: readonly Ref<ResourceId>[],
): Promise<(ResourceId | null)[]> {
  const rows = await tx.$queryRaw<{ id: ResourceId | null }[]>`
    SELECT coalesce(i.id, n.id) AS id
    FROM jsonb_array_elements(${JSON.stringify(refs)}::jsonb) WITH ORDINALITY AS ref(value, position)
    LEFT JOIN resources i ON i.id = (ref.value->>'id')::uuid
    LEFT JOIN resources n ON n.name = ref.value->>'name'
    ORDER BY ref.position`
  return rows.map(({ id }) => id)
}

export function locksAtOnce(
  tx: Prisma.TransactionClient,
): Pick<Transaction['lock'], 'allMembersOf' | 'usersExist' | 'resourcesExist'> {
  return {
    async allMembersOf(group: GroupId) {
      const lineage = await tx.$queryRaw<{ id: GroupId }[]>`
        WITH RECURSIVE lineage AS (
          SELECT id, parent_id FROM groups WHERE id = ${group}::uuid
          UNION SELECT g.id, g.parent_id FROM groups g JOIN lineage l ON g.id = l.parent_id
        )
        SELECT id FROM lineage ORDER BY id`
      // In the order of the ids, as everywhere; but one statement takes locks of one strength only.
      for (const { id } of lineage)
        if (id === group) await tx.$executeRaw`SELECT 1 FROM groups WHERE id = ${id}::uuid FOR NO KEY UPDATE`
        else await tx.$executeRaw`SELECT 1 FROM groups WHERE id = ${id}::uuid FOR SHARE`
    },
    async usersExist(ids: readonly UserId[]) {
      await tx.$executeRaw`SELECT 1 FROM users WHERE id = ANY(${[...ids]}::text[]) ORDER BY id FOR KEY SHARE`
    },
    async resourcesExist(refs) {
      const ids = refs.flatMap((ref) => ('id' in ref ? [ref.id] : []))
      const names = refs.flatMap((ref) => ('name' in ref ? [ref.name] : []))
      await tx.$executeRaw`
        SELECT 1 FROM resources WHERE id = ANY(${ids}::uuid[]) OR name = ANY(${names}::text[]) ORDER BY id FOR KEY SHARE`
    },
  }
}
