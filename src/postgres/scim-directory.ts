/** Users and groups as SCIM reads them: found by filters, in the order of creation, a bounded number at once. */
import type { ScimDirectory, ScimGroupFound, ScimPage, ScimQuery, ScimReference, ScimUserFound } from '../domain/api.ts'
import type { ScimIdSource } from '../domain/scim-model.ts'
import { groupVersion, userVersion } from '../domain/scim-version.ts'
import { MEMBERS, stateOf } from './list-states.ts'
import { LIVING_MEMBERSHIPS } from './living.ts'
import type { Database, Statement } from './pool.ts'
import { conditionOf, GROUP_FILTERS, USER_FILTERS } from './scim-filter.ts'
import {
  KNOWN_AS,
  SCIM_GROUP,
  SCIM_USER,
  type ScimGroupRow,
  type ScimUserRow,
  scimGroupOf,
  scimUserOf,
} from './scim-rows.ts'

/** A page of groups ends behind the one with which it has so many members. */
const MEMBERS_ON_A_PAGE = 10_000

const GROUPS_OF_USER = `(
  SELECT coalesce(json_agg(json_build_object('id', gr.id, 'display', gr.name) ORDER BY gr.name), '[]')
  FROM ${LIVING_MEMBERSHIPS} m JOIN groups gr ON gr.id = m.group_id WHERE m.user_id = u.id
) AS groups`
const MEMBERS_OF_GROUP = `(
  SELECT coalesce(json_agg(json_build_object(
    'id', u.id, 'display', coalesce(u.display_name, ${KNOWN_AS})) ORDER BY u.id), '[]')
  FROM ${LIVING_MEMBERSHIPS} m JOIN users u ON u.id = m.user_id WHERE m.group_id = g.id
) AS members`
const STATE_OF_GROUP = `(${stateOf(MEMBERS.replace('$1::uuid', 'g.id'), 'userId')}) AS state`

const IN_ORDER = (alias: string) => `${alias}.created_at, ${alias}.id`

const USER = {
  with: {
    name: 'scim-user-with',
    plan: 'kept',
    text: `SELECT ${SCIM_USER}, ${GROUPS_OF_USER} FROM users u WHERE u.id = $1`,
  },
  without: { name: 'scim-user', plan: 'kept', text: `SELECT ${SCIM_USER} FROM users u WHERE u.id = $1` },
} satisfies Record<string, Statement>

const GROUP = {
  with: {
    name: 'scim-group-with',
    plan: 'kept',
    text: `SELECT ${SCIM_GROUP}, ${MEMBERS_OF_GROUP}, ${STATE_OF_GROUP} FROM groups g WHERE g.id = $1::uuid`,
  },
  without: {
    name: 'scim-group',
    plan: 'kept',
    text: `SELECT ${SCIM_GROUP}, ${STATE_OF_GROUP} FROM groups g WHERE g.id = $1::uuid`,
  },
} satisfies Record<string, Statement>

interface PageRow<Row> {
  readonly total: number
  readonly rows: readonly Row[]
}

type FoundUserRow = ScimUserRow & { readonly groups?: readonly ScimReference[] }
type FoundGroupRow = ScimGroupRow & { readonly members?: readonly ScimReference[]; readonly state?: string }

export function createScimDirectory({
  database,
  idSource,
}: {
  readonly database: Database
  readonly idSource: ScimIdSource
}): ScimDirectory {
  /** How many match, and some of them, at one snapshot. */
  async function page<Row>(
    name: string,
    list: { from: string; alias: string; condition: string; values: unknown[]; rows: (limited: string) => string },
    query: ScimQuery,
  ): Promise<PageRow<Row>> {
    const { offset, count } = query
    const { from, alias, condition, values } = list
    const limited = `SELECT * FROM ${from} WHERE ${condition} ORDER BY ${IN_ORDER(alias)}
      OFFSET $${values.push(offset)} LIMIT $${values.push(count)}`
    const text = `
SELECT (SELECT count(*)::int FROM ${from} WHERE ${condition}) AS total,
  (SELECT coalesce(json_agg(r), '[]') FROM (${list.rows(limited)}) r) AS rows`
    const [row] = await database.query<PageRow<Row>>({ ...planned(name, query), text }, values)
    return row ?? { total: 0, rows: [] }
  }

  return {
    idSource,
    async user(id, related) {
      const [row] = await database.query<FoundUserRow>(USER[related], [id])
      return row ? userFound(row) : null
    },
    async users(query): Promise<ScimPage<ScimUserFound>> {
      const values: unknown[] = []
      const condition = conditionOf(query, USER_FILTERS, values)
      const groups = query.related === 'with' ? `, ${GROUPS_OF_USER}` : ''
      const { total, rows } = await page<FoundUserRow>(
        'scim-users',
        {
          from: 'users u',
          alias: 'u',
          condition,
          values,
          rows: (limited) => `SELECT ${SCIM_USER}${groups} FROM (${limited}) u ORDER BY ${IN_ORDER('u')}`,
        },
        query,
      )
      return { total, found: rows.map(userFound) }
    },
    async group(id, related) {
      const [row] = await database.query<FoundGroupRow>(GROUP[related], [id])
      return row ? groupFound(row) : null
    },
    async groups(query): Promise<ScimPage<ScimGroupFound>> {
      const values: unknown[] = []
      const condition = conditionOf(query, GROUP_FILTERS, values)
      const { total, rows } = await page<FoundGroupRow>(
        'scim-groups',
        {
          from: 'groups g',
          alias: 'g',
          condition,
          values,
          rows: query.related === 'with' ? withMembers : withoutMembers,
        },
        query,
      )
      return { total, found: rows.map(groupFound) }
    },
  }
}

/** Providers look these up before each change: the statements are few, and their plans are kept. */
const LOOKED_FOR = new Set(['id', 'username', 'externalid', 'displayname'])

function planned(name: string, { filter, related }: ScimQuery): Omit<Statement, 'text'> {
  const isUsual = filter?.op === 'eq' && typeof filter.value === 'string' && LOOKED_FOR.has(filter.attribute)
  return isUsual ? { name: `${name}-by-${filter.attribute}-${related}`, plan: 'kept' } : { name }
}

const withoutMembers = (limited: string) => `SELECT ${SCIM_GROUP} FROM (${limited}) g ORDER BY ${IN_ORDER('g')}`

const withMembers = (limited: string) => `
  SELECT ${SCIM_GROUP}, ${MEMBERS_OF_GROUP}, ${STATE_OF_GROUP} FROM (
    SELECT counted.*, sum(size) OVER (ORDER BY created_at, id) - size AS before FROM (
      SELECT l.*, (SELECT count(*) FROM ${LIVING_MEMBERSHIPS} m WHERE group_id = l.id) AS size FROM (${limited}) l
    ) counted
  ) g WHERE before < ${MEMBERS_ON_A_PAGE} ORDER BY ${IN_ORDER('g')}`

function userFound({ groups, ...row }: FoundUserRow): ScimUserFound {
  const user = scimUserOf(row)
  return { ...user, version: userVersion(user), ...(groups !== undefined && { groups }) }
}

function groupFound({ members, state, ...row }: FoundGroupRow): ScimGroupFound {
  const group = scimGroupOf(row)
  return {
    ...group,
    ...(members !== undefined && { members }),
    ...(state !== undefined && { version: groupVersion(group, state) }),
  }
}
