/** The attributes of users and groups that are stored here (RFC 7643): one table for discovery, bodies, paths and filters. */

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const ENTERPRISE_SCHEMA = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

/** RFC 7643, section 7. */
export interface ScimAttribute {
  readonly name: string
  readonly type: 'string' | 'boolean' | 'integer' | 'complex' | 'reference'
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

type Rest = Partial<Omit<ScimAttribute, 'name' | 'description'>>

export function attribute(name: string, description: string, rest: Rest = {}): ScimAttribute {
  return {
    name,
    type: rest.subAttributes === undefined ? 'string' : 'complex',
    multiValued: false,
    description,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...rest,
  }
}

const external = { type: 'reference', referenceTypes: ['external'], caseExact: true } as const
const reference = (to: 'User' | 'Group', mutability: ScimAttribute['mutability']) =>
  attribute('$ref', 'Its address', { type: 'reference', referenceTypes: [to], mutability, caseExact: true })

/** Several values, each with what RFC 7643 (2.4) gives to all such attributes. */
function several(name: string, description: string, types: readonly string[], value: Rest = {}): ScimAttribute {
  return attribute(name, description, {
    multiValued: true,
    subAttributes: [
      attribute('value', 'The value', value),
      attribute('type', 'What it is for', types.length > 0 ? { canonicalValues: types } : {}),
      attribute('display', 'How it is shown'),
      attribute('primary', 'Whether it is the first choice', { type: 'boolean' }),
    ],
  })
}

const parts = (described: Readonly<Record<string, string>>) =>
  Object.entries(described).map(([name, description]) => attribute(name, description))

const PLACES = ['work', 'home', 'other'] as const

const externalId = attribute('externalId', "The provider's own id", { caseExact: true })

const CORE_USER: readonly ScimAttribute[] = [
  attribute('userName', 'Unique, in whatever case', { required: true, uniqueness: 'server' }),
  externalId,
  attribute('displayName', 'How people call the user'),
  attribute('active', 'An inactive user sees nothing; true where a new user has none, and never absent', {
    type: 'boolean',
    required: true,
  }),
  attribute('name', "The parts of the user's name", {
    subAttributes: parts({
      formatted: 'The whole name',
      familyName: 'The family name',
      givenName: 'The given name',
      middleName: 'The middle names',
      honorificPrefix: 'What is before the name',
      honorificSuffix: 'What is behind the name',
    }),
  }),
  ...parts({ nickName: 'The casual name', title: 'The title', userType: 'How the user relates to the organisation' }),
  attribute('profileUrl', "The address of the user's profile", external),
  ...parts({
    preferredLanguage: 'The languages that the user prefers (RFC 9110, 12.5.4)',
    locale: 'For currencies, dates and numbers (RFC 5646)',
    timezone: "By its name in IANA's database",
  }),
  several('emails', 'Addresses of e-mail', PLACES),
  several('phoneNumbers', 'Telephone numbers', ['work', 'home', 'mobile', 'fax', 'pager', 'other']),
  several('ims', 'Addresses of instant messaging', []),
  several('photos', 'Addresses of pictures', ['photo', 'thumbnail'], external),
  attribute('addresses', 'Postal addresses', {
    multiValued: true,
    subAttributes: [
      ...parts({
        formatted: 'The whole address',
        streetAddress: 'Street and number',
        locality: 'The town',
        region: 'The state or region',
        postalCode: 'The postal code',
        country: 'The country (ISO 3166-1)',
      }),
      attribute('type', 'What it is for', { canonicalValues: PLACES }),
      attribute('primary', 'Whether it is the first choice', { type: 'boolean' }),
    ],
  }),
  several('entitlements', 'What the provider says that the user has; it grants nothing here', []),
  several('roles', 'What the provider calls the user; it grants nothing here', []),
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

const ENTERPRISE_USER: readonly ScimAttribute[] = [
  ...parts({
    employeeNumber: 'The number of the employee',
    costCenter: 'The cost center',
    organization: 'The organization',
    division: 'The division',
    department: 'The department',
  }),
  attribute('manager', "The user's manager, as the provider knows them", {
    subAttributes: [
      attribute('value', "The manager's id"),
      reference('User', 'readWrite'),
      attribute('displayName', "The manager's name"),
    ],
  }),
]

const CORE_GROUP: readonly ScimAttribute[] = [
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

export interface ScimSchema {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly attributes: readonly ScimAttribute[]
}

export const SCHEMAS = {
  user: { id: USER_SCHEMA, name: 'User', description: 'User account', attributes: CORE_USER },
  enterprise: {
    id: ENTERPRISE_SCHEMA,
    name: 'EnterpriseUser',
    description: 'Enterprise user',
    attributes: ENTERPRISE_USER,
  },
  group: { id: GROUP_SCHEMA, name: 'Group', description: 'Group', attributes: CORE_GROUP },
} satisfies Record<string, ScimSchema>

/** Values of one attribute at most; members of a group are not limited by it. */
export const VALUES_MAX = 50

export type ScimKind = 'User' | 'Group'

export const SCHEMA_OF: Readonly<Record<ScimKind, string>> = { User: USER_SCHEMA, Group: GROUP_SCHEMA }

const extended = (name: string) => `${ENTERPRISE_SCHEMA}:${name}`

/** Those of an extension under their full names. */
export const ATTRIBUTES_OF: Readonly<Record<ScimKind, readonly ScimAttribute[]>> = {
  User: [...CORE_USER, ...ENTERPRISE_USER.map((each) => ({ ...each, name: extended(each.name) }))],
  Group: CORE_GROUP,
}

const OWN_COLUMNS = new Set(['userName', 'externalId', 'displayName', 'active', 'groups'])

/** The attributes of a user that share one column. */
export const PROFILE_ATTRIBUTES = ATTRIBUTES_OF.User.filter(({ name }) => !OWN_COLUMNS.has(name))

/** Names are the same in any case (RFC 7643, 2.1). */
export function attributeNamed(attributes: readonly ScimAttribute[], name: string): ScimAttribute | undefined {
  const wanted = name.toLowerCase()
  return attributes.find((each) => each.name.toLowerCase() === wanted)
}

/** Set by the service alone. */
const COMMON = new Set(['id', 'meta', 'schemas'])
/** Attributes of the core schema that are accepted but never stored: providers send them by default. */
const NOT_STORED: Readonly<Record<ScimKind, ReadonlySet<string>>> = {
  User: new Set(['password', 'x509certificates']),
  Group: new Set(['description']),
}

export type Standing = 'stored' | 'ignored' | 'read-only' | 'unknown'

/** What the service does with a value for the attribute. */
export function standingOf(kind: ScimKind, name: string): Standing {
  const lower = name.toLowerCase()
  const known = attributeNamed(ATTRIBUTES_OF[kind], lower)
  if (COMMON.has(lower) || known?.mutability === 'readOnly') return 'read-only'
  if (known !== undefined) return 'stored'
  return NOT_STORED[kind].has(lower) ? 'ignored' : 'unknown'
}

const isUnder = (schema: string, name: string) => name.toLowerCase().startsWith(`${schema.toLowerCase()}:`)

export const isExtension = (name: string) => name.toLowerCase() === ENTERPRISE_SCHEMA.toLowerCase()

/**
 * The name without the core schema that it may begin with, or of the extension with it.
 * @returns null for an attribute of another schema
 */
export function withoutSchema(kind: ScimKind, name: string): string | null {
  if (!/^urn:/i.test(name)) return name
  if (isUnder(SCHEMA_OF[kind], name)) return name.slice(SCHEMA_OF[kind].length + 1)
  if (kind !== 'User') return null
  if (isExtension(name)) return ENTERPRISE_SCHEMA
  return isUnder(ENTERPRISE_SCHEMA, name) ? extended(name.slice(ENTERPRISE_SCHEMA.length + 1)) : null
}

/** Attributes of the extension as one object (RFC 7643, 3.3), or as they are kept. */
export function nested(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(flat)
  const inner = entries.flatMap(([name, value]) =>
    isUnder(ENTERPRISE_SCHEMA, name) && value !== undefined ? [[name.slice(ENTERPRISE_SCHEMA.length + 1), value]] : [],
  )
  const core = Object.fromEntries(entries.filter(([name]) => !isUnder(ENTERPRISE_SCHEMA, name)))
  return inner.length === 0 ? core : { ...core, [ENTERPRISE_SCHEMA]: Object.fromEntries(inner) }
}

export function flattened(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { [ENTERPRISE_SCHEMA]: inner, ...core } = given
  const entries = Object.entries((inner ?? {}) as object).map(([name, value]) => [extended(name), value])
  return { ...core, ...Object.fromEntries(entries) }
}
