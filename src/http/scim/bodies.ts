/** What providers may write: the values of attributes, alone (as in a PATCH) or together (as in a POST or PUT). */
import { z } from 'zod'
import type { JsonObject, JsonValue, UserId } from '../../domain/model.ts'
import type { ScimGroupAttributes, ScimUserReplacement } from '../../domain/scim-model.ts'
import {
  ATTRIBUTES_OF,
  ENTERPRISE_SCHEMA,
  flattened,
  PROFILE_ATTRIBUTES,
  SCHEMA_OF,
  SCHEMAS,
  type ScimAttribute,
  type ScimKind,
  VALUES_MAX,
} from '../../domain/scim-schema.ts'
import { exact, line, nameLine, prose } from '../text.ts'
import { canonical, names } from './messages.ts'

const MEMBERS_MAX = 10_000

const absent = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)

/** Entra ID sends `"False"`. */
const truth = z
  .union([z.boolean(), z.string().regex(/^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$/)], {
    error: 'must be true or false',
  })
  .transform((value) => value === true || (typeof value === 'string' && value.toLowerCase() === 'true'))

/** Addresses have line breaks. */
const PROSE = new Set(['formatted', 'streetAddress'])

function schemaFor(attribute: ScimAttribute): z.ZodType<JsonValue> {
  const { name, type, multiValued, subAttributes } = attribute
  if (type === 'boolean') return truth
  if (type === 'reference') return exact({ min: 0, max: 2000 })
  if (subAttributes === undefined) return (PROSE.has(name) ? prose : line)({ min: 0, max: 1000 })
  const one = objectOf(subAttributes)
  return multiValued ? listOf(one, VALUES_MAX) : z.preprocess(onlyOne, one)
}

function objectOf(attributes: readonly ScimAttribute[]): z.ZodType<JsonObject> {
  const members = Object.fromEntries(attributes.map((each) => [each.name, absent(schemaFor(each))]))
  const complex = z.object(members).transform(withoutAbsent) as unknown as z.ZodType<JsonObject>
  // A value without parts stands for the part `value` (RFC 7643, 2.4).
  return 'value' in members
    ? z.preprocess((given) => (typeof given === 'string' ? { value: given } : given), complex)
    : complex
}

/** Entra ID sends a list of one manager. */
function onlyOne(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value
}

/** One value where a list is meant is a list of one. */
function listOf<Item extends z.ZodType>(item: Item, max: number) {
  return z.preprocess(
    (value) => (value === null || value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).max(max, { error: `must be at most ${max} values` }),
  )
}

const member = z
  .object({
    value: exact({ max: 200 }).transform((id) => id as UserId),
    type: z
      .string()
      .nullish()
      .refine((type) => type?.toLowerCase() !== 'group', { error: 'must be User: groups are arranged by /groups' }),
  })
  .transform(({ value }) => ({ value }))

const userName = nameLine({ max: 200 }).meta({ examples: ['erin'] })
const externalId = exact({ max: 200 })
const displayName = line({ min: 0, max: 200 })
const members = listOf(member, MEMBERS_MAX)

/** A value for an attribute, or for a part of it, by names as the schema spells them. */
export const VALUES: Readonly<Record<ScimKind, Readonly<Record<string, z.ZodType>>>> = {
  User: {
    userName,
    externalId,
    displayName,
    active: truth,
    ...Object.fromEntries(
      PROFILE_ATTRIBUTES.flatMap((each): [string, z.ZodType][] => [
        [each.name, schemaFor(each)],
        ...(each.subAttributes ?? []).map((part): [string, z.ZodType] => [
          `${each.name}.${part.name}`,
          schemaFor(part),
        ]),
      ]),
    ),
  },
  Group: { displayName: userName, externalId, members },
}

const schemasOf = (kind: ScimKind) =>
  z
    .array(z.string())
    .refine(names(SCHEMA_OF[kind]), { error: `must contain ${SCHEMA_OF[kind]}` })
    .meta({ examples: [[SCHEMA_OF[kind]]] })

const extension = { name: ENTERPRISE_SCHEMA, subAttributes: SCHEMAS.enterprise.attributes } as ScimAttribute
const SPELLED: Readonly<Record<ScimKind, readonly ScimAttribute[]>> = {
  User: [...ATTRIBUTES_OF.User, extension],
  Group: ATTRIBUTES_OF.Group,
}

/** Names in any case, and what is not stored left out. */
const bodyOf = <Schema extends z.ZodType>(kind: ScimKind, schema: Schema) =>
  z.preprocess((value) => canonical(value, SPELLED[kind]), schema)

const core = PROFILE_ATTRIBUTES.filter(({ name }) => !name.startsWith(ENTERPRISE_SCHEMA))
const profile = [...core, extension].map((each): [string, z.ZodType] => [
  each.name,
  absent(each === extension ? objectOf(extension.subAttributes ?? []) : schemaFor(each)),
])

export const userBody = bodyOf(
  'User',
  z
    .object({
      schemas: schemasOf('User'),
      userName,
      externalId: absent(externalId),
      displayName: absent(displayName),
      active: absent(truth),
      ...(Object.fromEntries(profile) as Record<never, z.ZodType>),
    })
    .transform(
      ({ schemas, userName, externalId, displayName, active, ...rest }): ScimUserReplacement => ({
        userName,
        externalId,
        displayName,
        active,
        profile: withoutEmpty(flattened(rest)),
      }),
    ),
)

export const groupBody = bodyOf(
  'Group',
  z
    .looseObject({
      schemas: schemasOf('Group'),
      displayName: userName,
      externalId: absent(externalId),
      members: absent(z.array(member).max(MEMBERS_MAX)),
    })
    .transform(({ displayName, externalId, members }): ScimGroupAttributes => ({ displayName, externalId, members })),
)

function withoutAbsent<Given extends object>(given: Given): Given {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given
}

/** No values are the same as no attribute (RFC 7643, 2.5). */
function withoutEmpty(given: Readonly<Record<string, unknown>>): JsonObject {
  const isEmpty = (value: unknown) =>
    value === undefined || (value !== null && typeof value === 'object' && Object.keys(value).length === 0)
  return Object.fromEntries(Object.entries(given).filter(([, value]) => !isEmpty(value))) as JsonObject
}
