/**
 * SCIM's filters on lists (RFC 7644, 3.4.2.2) as conditions in SQL. Only names in these tables get into the SQL text.
 */

import type { ScimQuery } from '../domain/api.ts'
import { ScimError } from '../domain/errors.ts'
import type { ScimComparison, ScimFilter } from '../domain/scim-model.ts'
import {
  ENTERPRISE_SCHEMA,
  GROUP_SCHEMA,
  PROFILE_ATTRIBUTES,
  type ScimAttribute,
  USER_SCHEMA,
} from '../domain/scim-schema.ts'
import { LIVING_MEMBERSHIPS } from './living.ts'
import { folded, KNOWN_AS } from './scim-rows.ts'

type Kind = 'exact' | 'folded' | 'boolean' | 'time'

/** A comparison, or a question for presence. */
type Simple = Exclude<ScimFilter, { filters: unknown } | { filter: unknown }>

interface Column {
  readonly sql: string
  readonly kind: Kind
}

/** Never empty, and of no use as a filter. */
const GIVEN = { meta: 'true', 'meta.location': 'true', 'meta.version': 'true' }

/** Several values: rows of their own, each with columns. */
interface Rows {
  readonly from: string
  readonly columns: Readonly<Record<string, Column>>
}

export interface FilterTable {
  readonly columns: Readonly<Record<string, Column>>
  /** Attributes that can only be there or not: those with parts of their own, for example. */
  readonly complex: Readonly<Record<string, string>>
  readonly rows: Readonly<Record<string, Rows>>
}

/** The names come from the table of attributes, which quotes nothing. */
function valueAt(json: string, { name, type, caseExact }: ScimAttribute): Column {
  const sql = `${json}->>'${name}'`
  return type === 'boolean'
    ? { sql: `(${sql})::boolean`, kind: 'boolean' }
    : { sql, kind: caseExact ? 'exact' : 'folded' }
}

function columnsIn(json: string, attributes: readonly ScimAttribute[], prefix = ''): [string, Column][] {
  return attributes.map((each) => [`${prefix}${each.name}`.toLowerCase(), valueAt(json, each)])
}

const SIMPLE = PROFILE_ATTRIBUTES.filter(({ type }) => type !== 'complex')
const COMPLEX = PROFILE_ATTRIBUTES.filter(({ type, multiValued }) => type === 'complex' && !multiValued)
const MULTI_VALUED = PROFILE_ATTRIBUTES.filter(({ multiValued }) => multiValued)

const meta = (alias: string): Readonly<Record<string, Column>> => ({
  'meta.created': { sql: `${alias}.created_at`, kind: 'time' },
  'meta.lastmodified': { sql: `${alias}.updated_at`, kind: 'time' },
})

/** @param from their names, each in a column `name` */
const schemas = (from: string): Rows => ({
  from: `(${from}) AS schemas(name)`,
  columns: { value: { sql: 'schemas.name', kind: 'folded' } },
})

export const USER_FILTERS: FilterTable = {
  columns: {
    id: { sql: 'u.id', kind: 'exact' },
    username: { sql: KNOWN_AS, kind: 'folded' },
    externalid: { sql: 'u.external_id', kind: 'exact' },
    displayname: { sql: 'u.display_name', kind: 'folded' },
    active: { sql: '(NOT u.disabled)', kind: 'boolean' },
    'meta.resourcetype': { sql: `'User'::text`, kind: 'exact' },
    ...meta('u'),
    ...Object.fromEntries(columnsIn('u.profile', SIMPLE)),
    ...Object.fromEntries(
      COMPLEX.flatMap(({ name, subAttributes = [] }) => columnsIn(`u.profile->'${name}'`, subAttributes, `${name}.`)),
    ),
  },
  complex: {
    ...GIVEN,
    ...Object.fromEntries(COMPLEX.map(({ name }) => [name.toLowerCase(), `u.profile ? '${name}'`])),
  },
  rows: {
    // Of the extension while it has a value, as in what is shown.
    schemas: schemas(`SELECT '${USER_SCHEMA}' UNION SELECT '${ENTERPRISE_SCHEMA}'
      FROM jsonb_object_keys(u.profile) key WHERE starts_with(key, '${ENTERPRISE_SCHEMA}')`),
    ...Object.fromEntries(
      MULTI_VALUED.map(({ name, subAttributes = [] }) => [
        name.toLowerCase(),
        {
          from: `jsonb_array_elements(u.profile->'${name}') AS several(one)`,
          columns: Object.fromEntries(columnsIn('several.one', subAttributes)),
        },
      ]),
    ),
    groups: {
      from: `${LIVING_MEMBERSHIPS} gm JOIN groups gg ON gg.id = gm.group_id AND gm.user_id = u.id`,
      columns: { value: { sql: 'gg.id::text', kind: 'exact' }, display: { sql: 'gg.name', kind: 'folded' } },
    },
  },
}

export const GROUP_FILTERS: FilterTable = {
  columns: {
    id: { sql: 'g.id::text', kind: 'exact' },
    externalid: { sql: 'g.external_id', kind: 'exact' },
    displayname: { sql: 'g.name', kind: 'folded' },
    'meta.resourcetype': { sql: `'Group'::text`, kind: 'exact' },
    ...meta('g'),
  },
  complex: GIVEN,
  rows: {
    schemas: schemas(`SELECT '${GROUP_SCHEMA}'`),
    members: {
      from: `${LIVING_MEMBERSHIPS} mm JOIN users u ON u.id = mm.user_id AND mm.group_id = g.id`,
      columns: {
        value: { sql: 'mm.user_id', kind: 'exact' },
        display: { sql: `coalesce(u.display_name, ${KNOWN_AS})`, kind: 'folded' },
        type: { sql: `'User'::text`, kind: 'folded' },
      },
    },
  },
}

/**
 * @param values the parameters of the statement; those of the condition are appended
 * @throws ScimError `invalidFilter` for a comparison that an attribute does not know, or for an attribute that is not
 * stored, unless the query says that such attributes count as empty
 */
export function conditionOf(
  { filter, unknown }: Pick<ScimQuery, 'filter' | 'unknown'>,
  table: FilterTable,
  values: unknown[],
): string {
  const parameter = (value: unknown) => `$${values.push(value)}`

  function onUnknown(each: Simple): string {
    if (unknown === 'empty') return onNothing(each)
    throw refused(`${each.attribute} is not stored here.`)
  }

  function within(each: ScimFilter, columns: FilterTable['columns'] | null): string {
    switch (each.op) {
      case 'and':
      case 'or':
        return `(${each.filters.map((part) => within(part, columns)).join(each.op === 'and' ? ' AND ' : ' OR ')})`
      case 'not':
        // An attribute without a value does not match, so its negation does.
        return `(NOT coalesce(${within(each.filter, columns)}, false))`
      case 'some': {
        const rows = columns === null ? own(table.rows, each.attribute) : undefined
        if (rows !== undefined) return exists(rows, within(each.filter, rows.columns))
        if (unknown === 'empty') return 'false'
        throw refused(`${each.attribute} is not an attribute with several values.`)
      }
      default:
        return columns === null ? onResource(each) : inColumns(each, columns, each.attribute)
    }
  }

  function onResource(each: Simple): string {
    const column = own(table.columns, each.attribute)
    if (column !== undefined) return onColumn(each, column)
    const complex = own(table.complex, each.attribute)
    if (complex !== undefined && each.op === 'pr') return complex
    const [name = '', part] = each.attribute.split('.')
    const rows = own(table.rows, name)
    if (rows === undefined) return onUnknown(each)
    // No values are the same as null (RFC 7643, 2.5).
    if (each.op === 'pr' || (each.value === null && (each.op === 'eq' || each.op === 'ne'))) {
      const isThere = part === undefined ? 'true' : inColumns({ ...each, op: 'pr' }, rows.columns, part)
      return `(${each.op === 'eq' ? 'NOT ' : ''}${exists(rows, isThere)})`
    }
    // Without a part, the value is meant (RFC 7643, 2.4).
    const one = exists(rows, inColumns(each, rows.columns, part ?? 'value'))
    return each.op === 'ne' ? `(${one} OR NOT ${exists(rows, 'true')})` : one
  }

  function inColumns(each: Simple, columns: FilterTable['columns'], name: string): string {
    const column = own(columns, name)
    return column === undefined ? onUnknown(each) : onColumn(each, column)
  }

  function onColumn(each: { op: ScimComparison; value: unknown } | { op: 'pr' }, { sql, kind }: Column): string {
    if (each.op === 'pr' || !('value' in each))
      return kind === 'exact' || kind === 'folded' ? `(${sql} <> '')` : `(${sql} IS NOT NULL)`
    const { op, value } = each
    if (value === null) {
      if (op !== 'eq' && op !== 'ne') throw refused(`null can only be equal or not.`)
      return `(${sql} IS ${op === 'eq' ? '' : 'NOT '}NULL)`
    }
    if (kind === 'boolean') return onBoolean(sql, op, value)
    if (kind === 'time') return onTime(sql, op, value)
    if (typeof value !== 'string') throw refused('A text is compared with a text in quotes.')
    const fold = kind === 'folded' ? folded : (text: string) => text
    return onText(fold(sql), op, fold(`${parameter(value)}::text`))
  }

  function onBoolean(sql: string, op: ScimComparison, value: unknown): string {
    const wanted = typeof value === 'string' ? { true: true, false: false }[value.toLowerCase()] : value
    if (typeof wanted !== 'boolean' || (op !== 'eq' && op !== 'ne'))
      throw refused('true and false can only be equal or not.')
    return `(${sql} IS ${op === 'eq' ? '' : 'NOT '}${wanted ? 'TRUE' : 'FALSE'})`
  }

  function onTime(sql: string, op: ScimComparison, value: unknown): string {
    const time = typeof value === 'string' ? new Date(value) : new Date(Number.NaN)
    const sign = own(SIGNS, op)
    if (Number.isNaN(time.getTime()) || sign === undefined)
      throw refused('A time is compared with a time such as "2026-01-31T12:00:00Z", by eq, ne, gt, ge, lt or le.')
    return `(${sql} ${sign} ${parameter(time)}::timestamptz)`
  }

  return filter === undefined ? 'true' : within(filter, null)
}

const SIGNS: Partial<Record<ScimComparison, string>> = { eq: '=', ne: '<>', gt: '>', ge: '>=', lt: '<', le: '<=' }

function onText(sql: string, op: ScimComparison, value: string): string {
  switch (op) {
    case 'ne':
      return `(${sql} IS DISTINCT FROM ${value})`
    case 'co':
      return `(strpos(${sql}, ${value}) > 0)`
    case 'sw':
      return `starts_with(${sql}, ${value})`
    case 'ew':
      return `(right(${sql}, length(${value})) = ${value})`
    default:
      // Equality is what the indexes are for; order is that of the code points, as everywhere.
      return op === 'eq' ? `(${sql} = ${value})` : `(${sql} COLLATE "C" ${SIGNS[op]} ${value} COLLATE "C")`
  }
}

const exists = ({ from }: Rows, condition: string) => `EXISTS (SELECT FROM ${from} WHERE ${condition})`

/** An attribute without a value is not there, equals null only, and differs from everything else. */
const onNothing = (each: Simple) =>
  String(each.op !== 'pr' && (each.value === null ? each.op === 'eq' : each.op === 'ne'))

/** No names that every object has. */
function own<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

const refused = (message: string) => new ScimError('invalidFilter', message)
