/** Memberships: one, or all of a group. */
import type { GroupId, Membership, MembershipRole, Ref, UserId } from '../../domain/model.ts'
import type { MemberList, Transaction } from '../../domain/transaction.ts'
import { ending } from '../ending.ts'
import { MEMBERS, stateOf } from '../list-states.ts'
import { type Ending, endMs, withEnd } from '../living.ts'
import type { Session } from '../session.ts'
import { lineageOf } from './lineage.ts'
import { type ByRef, byRef, namedBy, statementFor } from './refs.ts'

const lockLineage = (condition: string, strength: string) =>
  `SELECT id, name FROM groups WHERE id IN (SELECT id FROM lineage) AND ${condition} ORDER BY id FOR ${strength}`

const SHARE_GROUP = byRef(
  'share-group',
  '$1',
  (group) => `
WITH RECURSIVE ${lineageOf(group)},
locked AS MATERIALIZED (${lockLineage('true', 'SHARE')})
SELECT id, name FROM locked WHERE id = (SELECT id FROM subject)`,
)

// In the order of the ids, as everywhere, though the group itself is locked more strongly: each part counts the one
// before, so that it begins when that has its locks.
const TAKE_GROUP = byRef(
  'take-group',
  '$1',
  (group) => `
WITH RECURSIVE ${lineageOf(group)},
lower AS MATERIALIZED (${lockLineage('id < (SELECT id FROM subject)', 'SHARE')}),
own AS MATERIALIZED (
  ${lockLineage('id = (SELECT id FROM subject) AND (SELECT count(*) FROM lower) >= 0', 'NO KEY UPDATE')}
),
higher AS MATERIALIZED (
  ${lockLineage('id > (SELECT id FROM subject) AND (SELECT count(*) FROM own) >= 0', 'SHARE')}
)
SELECT id, name FROM own WHERE (SELECT count(*) FROM higher) >= 0`,
)

const listed = (group: string, members: string, state: string) => `
WITH existing AS MATERIALIZED (SELECT id FROM users WHERE id = ANY($2::text[]) ORDER BY id FOR KEY SHARE)
SELECT (${state}) AS state,
  (SELECT coalesce(json_agg(m), '[]') FROM (${members}) m) AS members,
  (SELECT coalesce(json_agg(id), '[]') FROM existing) AS existing,
  EXISTS (SELECT FROM memberships WHERE group_id = ${group} AND expires_at <= statement_timestamp()) AS "hasEnded"`

const groupOf = (group: string) => `(SELECT id FROM groups WHERE ${group})`

// Behind the lock on the group, in a statement of its own, because others share that lock. The membership is the locked
// row itself, and its end is judged by the time at which it is locked. The user may be deleted before the write, where the
// foreign key notices.
const LOCK = byRef(
  'lock-member',
  '$1',
  (group) => `
WITH held AS MATERIALIZED (
  SELECT role, expires_at FROM memberships WHERE user_id = $2 AND group_id = ${groupOf(group)} FOR UPDATE
)
SELECT held.role, ${endMs('held.expires_at')} AS until, held.expires_at <= clock_timestamp() AS "hasEnded",
  EXISTS (SELECT FROM users WHERE id = $2) AS "userExists"
FROM (SELECT) AS one LEFT JOIN held ON true`,
)

// Behind the lock on the group that lets nobody else change who is in it: a statement beside it would show the list as it
// was before the lock was waited for.
const LIST = byRef('lock-members', '$1', (group) => {
  const members = MEMBERS.replace('$1::uuid', groupOf(group))
  return listed(groupOf(group), members, stateOf(members, 'userId'))
})
const NAMED = byRef('lock-named-members', '$1', (group) =>
  listed(groupOf(group), `${MEMBERS.replace('$1::uuid', groupOf(group))} AND user_id = ANY($2::text[])`, `''`),
)

const END_ONE = ending('end-member', { memberships: 'user_id = $2 AND group_id = $1::uuid' })
const END_ALL = ending('end-members', { memberships: 'group_id = $1::uuid' })

const INSERT = `
INSERT INTO memberships (user_id, group_id, role, expires_at) VALUES ($1, $2::uuid, $3::membership_role, $4)`
const UPDATE = `
UPDATE memberships SET role = $3::membership_role, expires_at = $4 WHERE user_id = $1 AND group_id = $2::uuid`
const REMOVE = 'DELETE FROM memberships WHERE user_id = $1 AND group_id = $2::uuid'
const PUT_ALL = `
INSERT INTO memberships (user_id, group_id, role, expires_at)
SELECT "userId", "groupId", role, "expiresAt" FROM jsonb_to_recordset($1::jsonb)
  AS m("userId" text, "groupId" uuid, role membership_role, "expiresAt" timestamptz)
ON CONFLICT (user_id, group_id) DO UPDATE SET role = EXCLUDED.role, expires_at = EXCLUDED.expires_at`
const REMOVE_ALL = 'DELETE FROM memberships WHERE group_id = $1::uuid AND user_id = ANY($2::text[])'

interface GroupRow {
  readonly id: GroupId
  readonly name: string
}

interface MemberRow {
  /** Null where there is no row. */
  readonly role: MembershipRole | null
  readonly until: number | null
  readonly hasEnded: boolean | null
  readonly userExists: boolean
}

interface ListRow {
  readonly state: string
  readonly members: Ending<Membership>[]
  readonly existing: UserId[]
  /** Whether any rows of the group have ended. */
  readonly hasEnded: boolean
}

export function membershipsIn(session: Session): Transaction['memberships'] {
  async function locked(list: ByRef, group: Ref<GroupId>, users: readonly UserId[]): Promise<MemberList | null> {
    const name = namedBy(group)
    const [[found], [row]] = await session.both<GroupRow, ListRow>(
      [statementFor(TAKE_GROUP, group), [name]],
      [statementFor(list, group), [name, users]],
    )
    if (!(found && row && isStill(found, group))) return null
    if (row.hasEnded) await session.query(END_ALL, [found.id])
    const { state, members, existing } = row
    return { groupId: found.id, state, members: members.map(withEnd<Membership>), existing: new Set(existing) }
  }

  return {
    async lock(group, userId) {
      const name = namedBy(group)
      const [[found], [member]] = await session.both<GroupRow, MemberRow>(
        [statementFor(SHARE_GROUP, group), [name]],
        [statementFor(LOCK, group), [name, userId]],
      )
      if (!(found && member && isStill(found, group))) return null
      const { role, until, hasEnded, userExists } = member
      if (hasEnded) await session.query(END_ONE, [found.id, userId])
      const isThere = role !== null && !hasEnded
      const membership = isThere ? withEnd<Membership>({ userId, groupId: found.id, role, until }) : null
      return { groupId: found.id, userExists, membership }
    },
    lockList: (group, users) => locked(LIST, group, users),
    lockNamed: (group, users) => locked(NAMED, group, users),
    insert: ({ userId, groupId, role, expiresAt }) =>
      session.write({ name: 'insert-member', parts: [INSERT], values: [userId, groupId, role, expiresAt] }),
    update: ({ userId, groupId, role, expiresAt }) =>
      session.write({ name: 'update-member', parts: [UPDATE], values: [userId, groupId, role, expiresAt] }),
    remove: ({ userId, groupId }) =>
      session.write({ name: 'delete-member', parts: [REMOVE], values: [userId, groupId] }),
    putAll: (memberships) =>
      session.write({ name: 'put-members', parts: [PUT_ALL], values: [JSON.stringify(memberships)] }),
    removeAll: (groupId, users) =>
      session.write({ name: 'delete-members', parts: [REMOVE_ALL], values: [groupId, users] }),
  }
}

/**
 * A group that lost its name while its lock was waited for is not the one that was meant: the condition was met by what
 * it was before, because it is asked of the lineage and not of the locked row.
 */
function isStill(group: GroupRow, ref: Ref<GroupId>): boolean {
  return 'id' in ref || group.name === ref.name
}
