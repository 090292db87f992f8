/** What providers may write: the values of attributes, alone (as in a PATCH) or together (as in a POST or PUT). */
import { z } from 'zod'
import type { UserId } from '../../domain/model.ts'
import { SCIM_NAME_PARTS, type ScimGroupAttributes, type ScimUserReplacement } from '../../domain/scim-model.ts'
import { exact, line, nameLine } from '../text.ts'
import { ATTRIBUTES_OF, canonical, SCHEMA_OF, type ScimKind } from './schema.ts'

const MEMBERS_MAX = 10_000
const EMAILS_MAX = 50

/** Entra ID sends `"False"`. */
const truth = z
  .union([z.boolean(), z.string().regex(/^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$/)], {
    error: 'must be true or false',
  })
  .transform((value) => value === true || (typeof value === 'string' && value.toLowerCase() === 'true'))
const text = line({ min: 0, max: 200 })

const namePart = text.nullish().transform((value) => value ?? undefined)
const namePartsOf = <Part>(part: Part) =>
  Object.fromEntries(SCIM_NAME_PARTS.map((name) => [name, part])) as Record<(typeof SCIM_NAME_PARTS)[number], Part>
const name = z.object(namePartsOf(namePart)).transform(withoutAbsent)

const absent = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)
const EMAIL = {
  value: line({ min: 0, max: 320 }),
  type: text,
  display: text,
  primary: truth,
}
const email = z
  .object({
    value: absent(EMAIL.value),
    type: absent(EMAIL.type),
    display: absent(EMAIL.display),
    primary: absent(EMAIL.primary),
  })
  .transform(withoutAbsent)

const member = z
  .object({
    value: exact({ max: 200 }).transform((id) => id as UserId),
    type: z
      .string()
      .nullish()
      .refine((type) => type?.toLowerCase() !== 'group', { error: 'must be User: groups are arranged by /groups' }),
  })
  .transform(({ value }) => ({ value }))

/** One value where a list is meant is a list of one. */
const listOf = <Item extends z.ZodType>(item: Item, max: number) =>
  z.preprocess(
    (value) => (value === null || Array.isArray(value) ? value : [value]),
    z.array(item).max(max, { error: `must be at most ${max} values` }),
  )

const userName = nameLine({ max: 200 }).meta({ examples: ['erin'] })
const externalId = exact({ max: 200 })

/** A value for an attribute, or for a part of it, by names as the schema spells them. */
export const VALUES: Readonly<Record<ScimKind, Readonly<Record<string, z.ZodType>>>> = {
  User: {
    userName,
    externalId,
    displayName: text,
    active: truth,
    name,
    emails: listOf(email, EMAILS_MAX),
    ...Object.fromEntries(SCIM_NAME_PARTS.map((part) => [`name.${part}`, text])),
    ...Object.fromEntries(Object.entries(EMAIL).map(([part, schema]) => [`emails.${part}`, schema])),
  },
  Group: { displayName: userName, externalId, members: listOf(member, MEMBERS_MAX) },
}

const isNamed = (kind: ScimKind) => (schemas: readonly string[]) =>
  schemas.some((each) => each.toLowerCase() === SCHEMA_OF[kind].toLowerCase())
const schemasOf = (kind: ScimKind) =>
  z
    .array(z.string())
    .refine(isNamed(kind), { error: `must contain ${SCHEMA_OF[kind]}` })
    .meta({ examples: [[SCHEMA_OF[kind]]] })

/** Names in any case, and what is not stored left out. */
const bodyOf = <Schema extends z.ZodType>(kind: ScimKind, schema: Schema) =>
  z.preprocess((value) => canonical(value, ATTRIBUTES_OF[kind]), schema)

export const userBody = bodyOf(
  'User',
  z
    .looseObject({
      schemas: schemasOf('User'),
      userName,
      externalId: absent(externalId),
      displayName: absent(text),
      active: absent(truth),
      name: absent(name),
      emails: absent(z.array(email).max(EMAILS_MAX)),
    })
    .transform(
      ({ userName, externalId, displayName, active, name, emails }): ScimUserReplacement => ({
        userName,
        externalId,
        displayName,
        active,
        name,
        emails,
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
