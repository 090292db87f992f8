/** A data set, and beside it people who see little, much or everything, and people in few or many groups. */
import type pg from 'pg'
import { completed, type DataSet, LONG_LIST, loadDataSet, newcomer } from './data-set.ts'

/** Of each kind. */
export const WIDE_READERS = 150
const VERSION = 1
const MANY_GROUPS = 500
const SEEN_THROUGH_GROUPS = 50

export interface WideKind {
  readonly name: string
  readonly sees: number
  readonly groups: number
  readonly reader: (index: number) => string
}

/** The first is what the others are compared with. Those in many groups see 50 resources as well. */
export function wideKinds(resources: number): WideKind[] {
  const kind = (id: string, name: string, sees: number, groups: number): WideKind => ({
    name,
    sees,
    groups,
    reader: (index) => `wide-${id}-${index}`,
  })
  const seesMany = Math.min(LONG_LIST, resources)
  return [
    { name: 'sees 50', sees: 50, groups: 1, reader: newcomer },
    ...(seesMany < resources ? [kind('many', `sees ${seesMany.toLocaleString('en')}`, seesMany, 1)] : []),
    kind('all', `sees everything (${resources.toLocaleString('en')})`, resources, 1),
    kind('50', 'in 50 groups', SEEN_THROUGH_GROUPS, 50),
    kind('500', 'in 500 groups', SEEN_THROUGH_GROUPS, MANY_GROUPS),
  ]
}

export async function loadWideDataSet(adminUrl: string, resources: number): Promise<DataSet> {
  const base = await loadDataSet(adminUrl, resources)
  const name = `${base.name}_wide_v${VERSION}`
  return completed({ adminUrl, name, resources, template: base.name, fill })
}

async function fill(client: pg.Client): Promise<void> {
  await client.query(
    `INSERT INTO groups (id, name) SELECT md5('company')::uuid, 'company'
     UNION ALL SELECT md5('circle-' || n)::uuid, 'circle-' || n FROM generate_series(1, $1::int) n`,
    [MANY_GROUPS],
  )
  await client.query(
    `INSERT INTO users (id) SELECT 'wide-' || kind || '-' || n
     FROM unnest('{many,all,50,500}'::text[]) kind, generate_series(0, $1::int - 1) n`,
    [WIDE_READERS],
  )
  await client.query(
    `INSERT INTO memberships (user_id, group_id)
     SELECT 'wide-all-' || n, md5('company')::uuid FROM generate_series(0, $1::int - 1) n
     UNION ALL SELECT 'wide-many-' || n, g.id FROM groups g, generate_series(0, $1::int - 1) n WHERE g.name = 'long'
     UNION ALL SELECT 'wide-50-' || n, md5('circle-' || c)::uuid FROM generate_series(1, 50) c, generate_series(0, $1::int - 1) n
     UNION ALL SELECT 'wide-500-' || n, md5('circle-' || c)::uuid FROM generate_series(1, 500) c, generate_series(0, $1::int - 1) n`,
    [WIDE_READERS],
  )
  await client.query(
    `INSERT INTO grants (group_id, resource_id, permission) SELECT md5('company')::uuid, id, 'read' FROM resources`,
  )
  await client.query(
    `INSERT INTO grants (group_id, resource_id, permission)
     SELECT md5('circle-' || c)::uuid, r.id, 'read' FROM generate_series(1, $2::int) c
     JOIN (SELECT id, row_number() OVER (ORDER BY name) AS at FROM resources ORDER BY name LIMIT $1) r ON r.at = (c - 1) % $1::int + 1`,
    [SEEN_THROUGH_GROUPS, MANY_GROUPS],
  )
}
