/** The attributes of users and groups that are stored here (RFC 7643): one table for discovery, bodies and paths. */
import { SCIM_NAME_PARTS } from '../../domain/scim-model.ts'

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
export const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
export const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error'

/** RFC 7643, section 7. */
export interface ScimAttribute {
  readonly name: string
  readonly type: 'string' | 'boolean' | 'complex' | 'reference'
  readonly multiValued: boolean
  readonly description: string
  readonly required: boolean
  readonly caseExact: boolean
  readonly mutability: 'readWrite' | 'readOnly' | 'immutable'
  readonly returned: 'default'
  readonly uniqueness: 'none' | 'server'
  readonly referenceTypes?: readonly string[]
  readonly canonicalValues?: readonly string[]
  readonly subAttributes?: readonly ScimAttribute[]
}

function attribute(name: string, description: string, given: Partial<ScimAttribute> = {}): ScimAttribute {
  const isComplex = given.subAttributes !== undefined
  return {
    name,
    type: isComplex ? 'complex' : 'string',
    multiValued: false,
    description,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...given,
  }
}

const externalId = attribute('externalId', "The provider's own id", { caseExact: true })
const reference = (to: 'User' | 'Group', mutability: 'immutable' | 'readOnly') =>
  attribute('$ref', 'Its address', { type: 'reference', referenceTypes: [to], mutability, caseExact: true })
const TYPES = ['work', 'home', 'other'] as const

export const USER_ATTRIBUTES: readonly ScimAttribute[] = [
  attribute('userName', 'Unique, in whatever case', { required: true, uniqueness: 'server' }),
  externalId,
  attribute('displayName', 'How people call the user'),
  attribute('active', 'An inactive user sees nothing', { type: 'boolean' }),
  attribute('name', "The parts of the user's name", {
    subAttributes: SCIM_NAME_PARTS.map((part) => attribute(part, `The ${part} of the name`)),
  }),
  attribute('emails', 'Addresses', {
    multiValued: true,
    subAttributes: [
      attribute('value', 'The address'),
      attribute('type', 'What it is for', { canonicalValues: TYPES }),
      attribute('display', 'How it is shown'),
      attribute('primary', 'Whether it is the first choice', { type: 'boolean' }),
    ],
  }),
  attribute('groups', 'The groups that the user is a direct member of', {
    multiValued: true,
    mutability: 'readOnly',
    subAttributes: [
      attribute('value', "The group's id", { mutability: 'readOnly', caseExact: true }),
      reference('Group', 'readOnly'),
      attribute('display', "The group's name", { mutability: 'readOnly' }),
      attribute('type', 'direct', { mutability: 'readOnly', canonicalValues: ['direct'] }),
    ],
  }),
]

export const GROUP_ATTRIBUTES: readonly ScimAttribute[] = [
  attribute('displayName', 'Unique; spaces, slashes and dots are allowed, nothing that cannot be seen', {
    required: true,
    uniqueness: 'server',
  }),
  externalId,
  attribute('members', 'Its direct members: users', {
    multiValued: true,
    subAttributes: [
      attribute('value', "The user's id", { mutability: 'immutable', caseExact: true }),
      reference('User', 'immutable'),
      attribute('display', "The user's name", { mutability: 'readOnly' }),
      attribute('type', 'User', { mutability: 'immutable', canonicalValues: ['User'] }),
    ],
  }),
]

export type ScimKind = 'User' | 'Group'

export const SCHEMA_OF: Readonly<Record<ScimKind, string>> = { User: USER_SCHEMA, Group: GROUP_SCHEMA }
export const ATTRIBUTES_OF: Readonly<Record<ScimKind, readonly ScimAttribute[]>> = {
  User: USER_ATTRIBUTES,
  Group: GROUP_ATTRIBUTES,
}

/** Names are the same in any case (RFC 7643, 2.1). */
export function attributeNamed(attributes: readonly ScimAttribute[], name: string): ScimAttribute | undefined {
  const wanted = name.toLowerCase()
  return attributes.find((each) => each.name.toLowerCase() === wanted)
}

/** Set by the service alone. */
const COMMON = new Set(['id', 'meta', 'schemas'])
/** Of the core schema, but of no use here: accepted and not stored, because providers send them by default. */
const NOT_STORED: Readonly<Record<ScimKind, ReadonlySet<string>>> = {
  User: new Set([
    'nickname',
    'profileurl',
    'title',
    'usertype',
    'preferredlanguage',
    'locale',
    'timezone',
    'password',
    'phonenumbers',
    'ims',
    'photos',
    'addresses',
    'entitlements',
    'roles',
    'x509certificates',
  ]),
  Group: new Set(['description']),
}

export type Standing = 'stored' | 'ignored' | 'read-only' | 'unknown'

/** What becomes of a value for the attribute. */
export function standingOf(kind: ScimKind, name: string): Standing {
  const lower = name.toLowerCase()
  const known = attributeNamed(ATTRIBUTES_OF[kind], lower)
  if (COMMON.has(lower) || known?.mutability === 'readOnly') return 'read-only'
  if (known !== undefined) return 'stored'
  return NOT_STORED[kind].has(lower) ? 'ignored' : 'unknown'
}

/**
 * The name without the core schema that it may begin with.
 * @returns null for an attribute of another schema: an extension
 */
export function withoutSchema(kind: ScimKind, name: string): string | null {
  if (!/^urn:/i.test(name)) return name
  const prefix = `${SCHEMA_OF[kind]}:`
  return name.toLowerCase().startsWith(prefix.toLowerCase()) ? name.slice(prefix.length) : null
}

/** The same object with known attributes as the schema spells them. */
export function canonical(value: unknown, attributes: readonly ScimAttribute[]): unknown {
  if (Array.isArray(value)) return value.map((each) => canonical(each, attributes))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, inner]) => {
    const known = attributeNamed(attributes, key)
    if (known === undefined) return [key.toLowerCase() === 'schemas' ? 'schemas' : key, inner]
    return [known.name, known.subAttributes ? canonical(inner, known.subAttributes) : inner]
  })
  return Object.fromEntries(entries)
}
