/** The operations of a PATCH (RFC 7644, 3.5.2), as Entra ID, Okta and the RFC write them, each about one attribute. */
import { z } from 'zod'
import { ScimError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/model.ts'
import type { ScimFilter, ScimOperation } from '../../domain/scim-model.ts'
import {
  ATTRIBUTES_OF,
  attributeNamed,
  ENTERPRISE_SCHEMA,
  type ScimAttribute,
  type ScimKind,
  standingOf,
  withoutSchema,
} from '../../domain/scim-schema.ts'
import { PLAINLY } from '../validation-messages.ts'
import { VALUES } from './bodies.ts'
import { parseFilter } from './filter.ts'
import { canonical, names, PATCH_SCHEMA, spelled } from './messages.ts'

const OPERATIONS_MAX = 1000
const OPERATORS = ['add', 'remove', 'replace'] as const

const MESSAGE = ['schemas', 'Operations'] as const
const MEMBERS = ['op', 'path', 'value'] as const

const operation = z.preprocess(
  spelled(MEMBERS),
  z.looseObject({
    op: z
      .string()
      .regex(/^([Aa][Dd][Dd]|[Rr][Ee][Mm][Oo][Vv][Ee]|[Rr][Ee][Pp][Ll][Aa][Cc][Ee])$/, {
        error: 'must be add, remove or replace',
      })
      .meta({ examples: ['replace'] }),
    path: z.string().min(1).nullish(),
    value: z
      .unknown()
      .optional()
      .meta({ description: 'Of the type of what the path names; without a path, an object' }),
  }),
)

export const patchBody = z.preprocess(
  spelled(MESSAGE),
  z.looseObject({
    schemas: z
      .array(z.string())
      .refine(names(PATCH_SCHEMA), { error: `must contain ${PATCH_SCHEMA}` })
      .meta({ examples: [[PATCH_SCHEMA]] }),
    Operations: z.array(operation).min(1).max(OPERATIONS_MAX),
  }),
)

type PatchBody = z.output<typeof patchBody>

/** @throws ScimError with the reason by its name in the RFC */
export function operationsOf(kind: ScimKind, { Operations }: PatchBody): ScimOperation[] {
  return Operations.flatMap(({ op, path, value }) => {
    const operator = op.toLowerCase() as (typeof OPERATORS)[number]
    if (path !== undefined && path !== null) return operationAt(kind, operator, path, value)
    if (operator === 'remove') throw new ScimError('noTarget', 'A remove operation needs a path.')
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw new ScimError('invalidValue', 'Without a path, the value must be an object.')
    // Each member names an attribute, or is a whole path. Attributes that only the service sets are left as they are.
    return Object.entries(value).flatMap(([key, inner]) =>
      standingOfPath(kind, key) === 'read-only' ? [] : operationAt(kind, operator, key, inner),
    )
  })
}

const PATH = /^(?<attribute>[a-z$][\w$-]*)(?:\[(?<filter>.*)\])?(?:\.(?<sub>[a-z$][\w$-]*))?$/is
const EXTENDED = `${ENTERPRISE_SCHEMA}:`

interface Path {
  /** Of an extension by its full name. */
  readonly attribute: string
  readonly filter: string | undefined
  readonly sub: string | undefined
}

/** Null where the path leads into an extension that is not known. */
function pathOf(kind: ScimKind, path: string): Path | null {
  const plain = withoutSchema(kind, path)
  if (plain === null) return null
  if (plain === ENTERPRISE_SCHEMA) return { attribute: plain, filter: undefined, sub: undefined }
  const schema = plain.startsWith(EXTENDED) ? EXTENDED : ''
  const { attribute, filter, sub } = PATH.exec(plain.slice(schema.length))?.groups ?? {}
  if (attribute === undefined) throw new ScimError('invalidPath', `The path ${shown(path)} cannot be read.`)
  return { attribute: `${schema}${attribute}`, filter, sub }
}

function standingOfPath(kind: ScimKind, path: string) {
  const parts = pathOf(kind, path)
  return parts === null ? 'ignored' : standingOf(kind, parts.attribute)
}

function operationAt(kind: ScimKind, op: ScimOperation['op'], path: string, value: unknown): ScimOperation[] {
  const parts = pathOf(kind, path)
  if (parts === null) return []
  if (parts.attribute === ENTERPRISE_SCHEMA) return onExtension(kind, op, value)
  const standing = standingOf(kind, parts.attribute)
  if (standing === 'ignored') return []
  if (standing === 'read-only') throw new ScimError('mutability', `${parts.attribute} is set by the service.`)
  const known = attributeNamed(ATTRIBUTES_OF[kind], parts.attribute)
  if (known === undefined) throw new ScimError('invalidPath', `The path ${shown(path)} leads to no attribute.`)
  return [{ ...targetOf(kind, known, parts), ...givenFor(kind, op, known, parts, value) }]
}

/** As a whole: what is named is changed, and all of it is removed. */
function onExtension(kind: ScimKind, op: ScimOperation['op'], value: unknown): ScimOperation[] {
  if (op === 'remove' || value === null) {
    const all = ATTRIBUTES_OF[kind].filter(({ name }) => name.startsWith(EXTENDED))
    return all.map(({ name }) => ({ op: 'remove', attribute: name }))
  }
  if (value === undefined || typeof value !== 'object' || Array.isArray(value))
    throw new ScimError('invalidValue', `${ENTERPRISE_SCHEMA} must be an object.`)
  return Object.entries(value).flatMap(([name, inner]) => operationAt(kind, op, `${EXTENDED}${name}`, inner))
}

function targetOf(kind: ScimKind, { name, multiValued, subAttributes }: ScimAttribute, { filter, sub }: Path) {
  const part = sub === undefined ? undefined : attributeNamed(subAttributes ?? [], sub)
  if (sub !== undefined && part === undefined) throw new ScimError('invalidPath', `${name} has no ${sub}.`)
  if (part !== undefined && !(`${name}.${part.name}` in VALUES[kind]))
    throw new ScimError('mutability', `${part.name} of ${name} cannot be changed.`)
  if (filter !== undefined && !multiValued) throw new ScimError('invalidPath', `${name} has one value only.`)
  return {
    attribute: name,
    ...(filter !== undefined && { filter: checked(parseFilter(kind, filter), name, subAttributes ?? []) }),
    ...(part !== undefined && { sub: part.name }),
  }
}

/** Of a member only the id is known while a group is changed. Entra ID writes `primary eq "True"`. */
function checked(filter: ScimFilter, attribute: string, parts: readonly ScimAttribute[]): ScimFilter {
  if ('filters' in filter) return { ...filter, filters: filter.filters.map((each) => checked(each, attribute, parts)) }
  if (filter.op === 'not') return { ...filter, filter: checked(filter.filter, attribute, parts) }
  const known =
    attribute === 'members' && filter.attribute !== 'value' ? undefined : attributeNamed(parts, filter.attribute)
  if (known === undefined) throw new ScimError('invalidFilter', `${attribute} cannot be chosen by ${filter.attribute}.`)
  const isText = 'value' in filter && typeof filter.value === 'string'
  return known.type === 'boolean' && isText ? { ...filter, value: /^true$/i.test(String(filter.value)) } : filter
}

function givenFor(
  kind: ScimKind,
  op: ScimOperation['op'],
  known: ScimAttribute,
  { filter, sub }: Path,
  value: unknown,
): Pick<ScimOperation, 'op' | 'value'> {
  // Null is the same as no value (RFC 7643, 2.5).
  if (value === null || value === undefined) {
    if (op === 'add' || (op === 'replace' && value === undefined))
      throw new ScimError('invalidValue', `${op} of ${known.name} needs a value.`)
    return { op: 'remove' }
  }
  if (op === 'remove' && !(known.multiValued && filter === undefined && sub === undefined)) return { op }
  const part = sub === undefined ? undefined : attributeNamed(known.subAttributes ?? [], sub)?.name
  const schema = VALUES[kind][part === undefined ? known.name : `${known.name}.${part}`]
  const given = known.subAttributes && part === undefined ? canonical(value, known.subAttributes) : value
  const result = schema?.safeParse(given, PLAINLY)
  if (result?.success) return { op, value: oneOf(result.data as JsonValue, filter !== undefined && part === undefined) }
  const [issue] = result?.error.issues ?? []
  const where = [known.name, ...(issue?.path.map(String) ?? [])].join('.')
  throw new ScimError('invalidValue', `${where} ${issue?.message ?? 'cannot be changed'}.`)
}

/** A filter chooses the values, and one value is given for them. */
function oneOf(value: JsonValue, isOne: boolean): JsonValue {
  return isOne && Array.isArray(value) ? (value[0] ?? {}) : value
}

const shown = (path: string) => JSON.stringify(path.slice(0, 100))
