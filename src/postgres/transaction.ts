/**
 * One transaction in the words of the domain. The statements are in files by subject, in the folder beside this file.
 */
import type { Transaction } from '../domain/transaction.ts'
import type { Statement } from './pool.ts'
import type { Session } from './session.ts'
import type { AffectedStatements } from './transaction/affected.ts'
import { grantsIn } from './transaction/grants.ts'
import { groupsIn } from './transaction/groups.ts'
import { healthIn } from './transaction/health.ts'
import { membershipsIn } from './transaction/memberships.ts'
import { type ImportProgress, importOrganisation } from './transaction/organisation-import.ts'
import { resourcesIn } from './transaction/resources.ts'
import { scimIn } from './transaction/scim.ts'
import { usersIn } from './transaction/users.ts'

/** With the connection that it is on, for the log. */
export interface PostgresTransaction extends Transaction {
  readonly session: Session
}

/** Less than the time that a request for it has (http/routes/import.ts). */
const LONG = { statementMs: 120_000, transactionMs: 280_000 } as const

/** The advisory lock on the shape of the group tree. */
const TREE_LOCK = 0x74726565

const unknownIn = (names: string, table: string, key: string) => `
  ARRAY(SELECT n FROM jsonb_array_elements_text(${names}::text::jsonb) WITH ORDINALITY AS named(n, at)
    WHERE NOT EXISTS (SELECT 1 FROM ${table} WHERE ${key} = n) ORDER BY at LIMIT $4) AS ${table}`

const CLOCK: Statement = { name: 'clock', text: 'SELECT clock_timestamp() AS now' }

const UNKNOWN: Statement = {
  name: 'unknown-names',
  text: `SELECT ${unknownIn('$1', 'users', 'id')}, ${unknownIn('$2', 'groups', 'name')}, ${unknownIn('$3', 'resources', 'name')}`,
}

export function createTransaction(
  session: Session,
  affected: AffectedStatements,
  onImportProgress?: ImportProgress,
): PostgresTransaction {
  return {
    session,
    now: new Date(),
    async clock() {
      const [row] = await session.query<{ now: Date }>(CLOCK, [])
      if (!row) throw new Error('a select without FROM returned no row')
      return row.now
    },
    tree: {
      keepShape: () => session.run(`SELECT pg_advisory_xact_lock_shared(${TREE_LOCK})`),
      changeShape: () => session.run(`SELECT pg_advisory_xact_lock(${TREE_LOCK})`),
    },
    canName: (count) => count <= affected.max,
    users: usersIn(session),
    groups: groupsIn(session, affected),
    memberships: membershipsIn(session),
    resources: resourcesIn(session, affected),
    grants: grantsIn(session, affected),
    scim: scimIn(session),
    health: healthIn(session),
    async unknown({ users, groups, resources }, max) {
      const rows = await session.query<{ users: string[]; groups: string[]; resources: string[] }>(UNKNOWN, [
        users?.json ?? null,
        groups?.json ?? null,
        resources?.json ?? null,
        max,
      ])
      return rows[0] ?? { users: [], groups: [], resources: [] }
    },
    takeLong: () => session.extend(LONG),
    importOrganisation: (organisation) => importOrganisation(session, organisation, onImportProgress),
  }
}
