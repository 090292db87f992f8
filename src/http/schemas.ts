/** The shapes that go over the wire, once for validation and for the OpenAPI document. */
import { z } from 'zod'
import { DomainError } from '../domain/errors.ts'
import {
  ATTRIBUTES_MAX_BYTES,
  type JsonObject,
  MEMBERSHIP_ROLES,
  PERMISSIONS,
  type Ref,
  type UserId,
} from '../domain/model.ts'
import { exact, isUserId, line, nameLine, prose } from './text.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const MAX_NAME = 200
/** As documented; `name` decides whether the name is valid. */
const REFERENCE = '^(name:.+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$'

// What comes in

export const name = nameLine({ max: MAX_NAME }).meta({
  description: 'Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen',
  examples: ['kubernetes/website'],
})
export const kind = nameLine({ max: 100 }).meta({ examples: ['repository'] })
export const description = prose({ min: 0, max: 4000 }).nullable()
export const permission = z
  .enum(PERMISSIONS, { error: `must be one of ${PERMISSIONS.join(', ')}` })
  .meta({ id: 'Permission' })
export const membershipRole = z
  .enum(MEMBERSHIP_ROLES, { error: `must be one of ${MEMBERSHIP_ROLES.join(', ')}` })
  .meta({ id: 'MembershipRole' })
export const displayName = line({ min: 0, max: MAX_NAME }).nullable()
export const reason = line({ max: 500 })

export const userId = exact({ max: 200 })
  .transform((id) => id as UserId)
  .meta({ description: "The token's `sub`, compared exactly; percent-encoded in a path", examples: ['alice'] })

export const attributes = z
  .looseObject({}, { error: 'must be an object' })
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= ATTRIBUTES_MAX_BYTES, {
    error: 'must be at most 16 KiB as JSON',
  })
  .transform((value) => value as JsonObject)
  .meta({ description: 'Any JSON object of at most 16 KiB' })

function asRef<Id extends string>(value: string): Ref<Id> | null {
  if (UUID.test(value)) return { id: value.toLowerCase() as Id }
  if (!value.startsWith('name:')) return null
  const parsed = name.safeParse(value.slice('name:'.length))
  return parsed.success ? { name: parsed.data } : null
}

/** A group or resource in a body: its uuid, or `name:` and its name as it is (only paths need percent-encoding). */
export const refTo = <Id extends string>(noun: 'group' | 'resource') =>
  z
    .string()
    .meta({ examples: [`name:example-${noun}`], pattern: REFERENCE })
    .transform((value, context): Ref<Id> => {
      const ref = asRef<Id>(value)
      if (ref !== null) return ref
      context.addIssue({ code: 'custom', message: `must be the uuid of a ${noun}, or name: and its name` })
      return z.NEVER
    })

const CONTROL = /\p{Cc}/u

/** The same in a path, already percent-decoded. Text that cannot be a reference refers to nothing: 404, not 400. */
export const pathRefTo = <Id extends string>(noun: 'group' | 'resource') =>
  z
    .string()
    .refine((value) => !CONTROL.test(value), { error: 'must not contain control characters', abort: true })
    .transform((value): Ref<Id> => {
      const ref = asRef<Id>(value)
      if (ref === null) throw new DomainError('not-found', `no such ${noun}`)
      return ref
    })
    .meta({ description: `A uuid, or \`name:\` and the percent-encoded name of the ${noun}` })

export const pathUserId = z
  .string()
  .refine(isUserId, { error: 'must be 1 to 200 characters without control characters' })
  .transform((id) => id as UserId)
  .meta({ description: "The user's id, percent-encoded", examples: ['alice'] })

const MAX_WHOLE_LIST = 10_000

/** A list that becomes the whole state. It is required, because a forgotten list must not empty anything. */
export const wholeList = <Item extends z.ZodType>(item: Item) =>
  z.array(item).max(MAX_WHOLE_LIST, { error: `must be at most ${MAX_WHOLE_LIST} items` })

export const limit = z
  .string()
  .regex(/^(0|[1-9]\d{0,3})$/, { error: 'must be a whole number from 1 to 200', abort: true })
  .transform(Number)
  .refine((value) => value >= 1 && value <= 200, { error: 'must be a whole number from 1 to 200' })
  .default(50)
  .meta({ override: documentedLimit, description: 'Items per page' })

/** A number to clients; only in a request is it a string of digits. */
function documentedLimit({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  delete jsonSchema.pattern
  Object.assign(jsonSchema, { type: 'integer', minimum: 1, maximum: 200, default: 50 })
}

export const cursor = z
  .string()
  .regex(/^[\w.~-]{1,2048}$/, { error: 'is not a cursor of this list' })
  .meta({ description: 'The `nextCursor` of the page before; only for the same caller and query' })

/** RFC 3339 with its offset: a local time would mean another moment on each server. */
export const instantOf = (description: string) =>
  z.iso
    .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
    .transform((value) => new Date(value))
    .meta({ description, examples: ['2026-01-31T12:00:00Z'] })

const LAST_END = new Date('9999-12-31T23:59:59.999Z')
const END_FORM = 'must be a time with seconds and an offset such as 2026-01-31T12:00:00Z (RFC 3339), or null'

/** The mutation decides by PostgreSQL's clock whether it is in the future. */
const end = z
  .string({ error: END_FORM })
  .regex(/T\d\d:\d\d:\d\d/, { error: END_FORM, abort: true })
  .pipe(z.iso.datetime({ offset: true, error: END_FORM }))
  .transform((value) => new Date(value))
  .refine((value) => value <= LAST_END, { error: 'must be before the year 10000 in UTC' })
  .nullable()

/** @param absent the meaning of a body that does not mention it */
export const expiresAtIn = (absent: string) =>
  end.exactOptional().meta({
    override: documentedEnd,
    description: `When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: ${absent}. More than milliseconds are cut off`,
    examples: ['2099-01-31T12:00:00Z'],
  })

function documentedEnd({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  delete jsonSchema.anyOf
  Object.assign(jsonSchema, { type: ['string', 'null'], format: 'date-time' })
}

export const pageQuery = { limit, cursor: cursor.exactOptional() }
export const namePrefix = line({ max: MAX_NAME }).meta({ description: 'A prefix of the name, compared exactly' })

// What goes out

const uuid = z.string().meta({ format: 'uuid' })
const instant = z.string().meta({ format: 'date-time' })
const expiresAtOut = (description: string) =>
  instant.nullable().meta({ description, examples: ['2099-01-31T12:00:00.000Z', null] })
const OWN_END = 'From then on it does not exist; null: it does not end'
const nullablePermission = z.enum(PERMISSIONS).nullable()

/** What a writer says of a new resource, and as a merge patch of one. */
export const contentIn = {
  name,
  kind,
  description: description.exactOptional(),
  attributes: attributes.exactOptional(),
}
export const contentChangesIn = {
  name: name.exactOptional(),
  kind: kind.exactOptional(),
  description: description.exactOptional(),
  attributes: attributes.nullable().exactOptional(),
}

export const visibleResourceOut = z
  .object({
    id: uuid,
    name: z.string(),
    kind: z.string(),
    description: z.string().nullable(),
    attributes: z.looseObject({}),
    permission: nullablePermission.meta({
      description: 'Your effective permission; null where you see it by role only',
    }),
    version: z.int(),
    updatedAt: instant,
  })
  .meta({ id: 'Resource' })

export const userOut = z
  .object({
    id: z.string(),
    displayName: z.string().nullable(),
    disabled: z.boolean(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'User' })

export const groupOut = z
  .object({
    id: uuid,
    name: z.string(),
    parentId: uuid.nullable(),
    version: z.int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'Group' })

export const membershipOut = z
  .object({ userId: z.string(), groupId: uuid, role: z.enum(MEMBERSHIP_ROLES), expiresAt: expiresAtOut(OWN_END) })
  .meta({ id: 'Membership' })
export const grantOut = z
  .object({ groupId: uuid, resourceId: uuid, permission: z.enum(PERMISSIONS), expiresAt: expiresAtOut(OWN_END) })
  .meta({ id: 'Grant' })
export const listedGrantOut = grantOut.extend({ resourceName: z.string() }).meta({ id: 'ListedGrant' })

export const replacedOut = z
  .object({
    total: z.int().meta({ description: 'How many there are now' }),
    added: z.int(),
    changed: z.int(),
    removed: z.int(),
  })
  .meta({ id: 'Replaced' })

export const effectiveGroupOut = z
  .object({
    id: uuid,
    name: z.string(),
    parentId: uuid.nullable(),
    via: z
      .union([z.literal('direct'), z.array(z.string())])
      .meta({ description: 'direct, or the names of the own groups it is inherited through' }),
    expiresAt: expiresAtOut('When it stops counting: with the last of the memberships that lead to it; null: never'),
    role: z.enum(MEMBERSHIP_ROLES).nullable(),
  })
  .meta({ id: 'EffectiveGroup' })

export const pathOut = z
  .object({
    groups: z
      .array(z.object({ id: uuid, name: z.string() }))
      .meta({ description: "From the user's own group up to the one that holds the grant" }),
    permission: z.enum(PERMISSIONS),
    expiresAt: expiresAtOut('When this path ends, with its membership or its grant; null: never'),
    wins: z.boolean().meta({ description: 'Of those with the highest permission, the one that lasts longest' }),
  })
  .meta({ id: 'Path' })

/** Of what somebody holds by several paths. */
export const permissionEndOut = expiresAtOut(
  'How long this permission is held if nothing changes; a lower one may be left then. Null: for good, or there is none',
)

export const accessOut = z
  .object({
    userId: z.string(),
    permission: z.enum(PERMISSIONS),
    expiresAt: permissionEndOut,
    paths: z.array(pathOut),
  })
  .meta({ id: 'AccessEntry' })

export const auditEntryOut = z
  .object({
    id: z.string(),
    at: instant,
    actor: z.string(),
    action: z.string(),
    target: z.string().nullable(),
    before: z.unknown().meta({ description: 'As it was; null where there was nothing' }),
    after: z.unknown().meta({ description: 'As it became' }),
    reason: z.string().nullable(),
    requestId: z.string().nullable(),
    tokenId: z.string().nullable().meta({ description: "The token's `jti`, or a hash of it" }),
  })
  .meta({ id: 'AuditEntry' })

export const pageOf = (item: z.ZodType) => z.object({ data: z.array(item), nextCursor: z.string().nullable() })
export const listOf = (item: z.ZodType) => z.object({ data: z.array(item), nextCursor: z.null() })
export const anyObject = z.looseObject({})
