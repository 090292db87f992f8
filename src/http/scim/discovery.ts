/** What a client can find out by itself (RFC 7644, 4): what is supported, which resources there are, and all attributes. */
import {
  attribute,
  ENTERPRISE_SCHEMA,
  SCHEMA_OF,
  SCHEMAS,
  type ScimAttribute,
  type ScimKind,
  type ScimSchema,
} from '../../domain/scim-schema.ts'
import { PAGE_MAX } from './answers.ts'

const CORE = 'urn:ietf:params:scim:schemas:core:2.0'

type Type = 'string' | 'boolean' | 'integer' | 'reference' | readonly ScimAttribute[]

/** All that discovery shows is set by the service. */
function shown(name: string, type: Type, description: string, rest: Partial<ScimAttribute> = {}): ScimAttribute {
  return attribute(name, description, {
    mutability: 'readOnly',
    ...(typeof type === 'string' ? { type } : { type: 'complex', subAttributes: type }),
    ...(type === 'reference' && { referenceTypes: ['external'], caseExact: true }),
    ...rest,
  })
}

const REQUIRED = { required: true }
const SEVERAL = { multiValued: true, required: true }
const supported = shown('supported', 'boolean', 'Whether it is supported', REQUIRED)

const FACTS = [
  shown('name', 'string', 'Its name', REQUIRED),
  shown('type', 'string', 'Its type of data', REQUIRED),
  shown('multiValued', 'boolean', 'Whether it has several values', REQUIRED),
  shown('description', 'string', 'What it is'),
  shown('required', 'boolean', 'Whether a resource always has it'),
  shown('canonicalValues', 'string', 'Values to prefer', { multiValued: true }),
  shown('caseExact', 'boolean', 'Whether case makes a difference'),
  shown('mutability', 'string', 'When it can be written', { caseExact: true }),
  shown('returned', 'string', 'When it is shown', { caseExact: true }),
  shown('uniqueness', 'string', 'Whether two resources may have one value', { caseExact: true }),
  shown('referenceTypes', 'string', 'What a reference may lead to', { multiValued: true, caseExact: true }),
]

/** The form of discovery's own answers (RFC 7643, 8.7.2). */
const FORMS: readonly ScimSchema[] = [
  {
    id: `${CORE}:ServiceProviderConfig`,
    name: 'ServiceProviderConfig',
    description: 'What is supported',
    attributes: [
      shown('documentationUri', 'reference', 'Where it is described'),
      ...['patch', 'changePassword', 'sort', 'etag'].map((name) => shown(name, [supported], name, REQUIRED)),
      shown(
        'bulk',
        [
          supported,
          shown('maxOperations', 'integer', 'Operations in a request', REQUIRED),
          shown('maxPayloadSize', 'integer', 'Bytes of a request', REQUIRED),
        ],
        'Several operations in a request',
        REQUIRED,
      ),
      shown(
        'filter',
        [supported, shown('maxResults', 'integer', 'Resources in an answer', REQUIRED)],
        'Filters on lists',
        REQUIRED,
      ),
      shown(
        'authenticationSchemes',
        [
          shown('type', 'string', 'Its kind', REQUIRED),
          shown('name', 'string', 'Its name', REQUIRED),
          shown('description', 'string', 'What it is', REQUIRED),
          shown('specUri', 'reference', 'Its specification'),
          shown('documentationUri', 'reference', 'Where it is described'),
        ],
        'How clients authenticate',
        SEVERAL,
      ),
    ],
  },
  {
    id: `${CORE}:ResourceType`,
    name: 'ResourceType',
    description: 'A type of resources',
    attributes: [
      shown('id', 'string', 'Its id'),
      shown('name', 'string', 'Its name', REQUIRED),
      shown('description', 'string', 'What it is'),
      shown('endpoint', 'reference', 'Its path', { referenceTypes: ['uri'], required: true }),
      shown('schema', 'reference', 'Its schema', { referenceTypes: ['uri'], required: true }),
      shown(
        'schemaExtensions',
        [
          shown('schema', 'reference', 'The schema', { referenceTypes: ['uri'], required: true }),
          shown('required', 'boolean', 'Whether every resource has it', REQUIRED),
        ],
        'Schemas that extend it',
        SEVERAL,
      ),
    ],
  },
  {
    id: `${CORE}:Schema`,
    name: 'Schema',
    description: 'Attributes',
    attributes: [
      shown('id', 'string', 'Its address', REQUIRED),
      shown('name', 'string', 'Its name', REQUIRED),
      shown('description', 'string', 'What it is'),
      shown(
        'attributes',
        [...FACTS, shown('subAttributes', FACTS, 'Its parts', { multiValued: true })],
        'All attributes',
        SEVERAL,
      ),
    ],
  },
]

const unsupported = { supported: false }

export function configuration(base: string) {
  return {
    schemas: [`${CORE}:ServiceProviderConfig`],
    patch: { supported: true },
    bulk: { ...unsupported, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: PAGE_MAX },
    changePassword: unsupported,
    sort: unsupported,
    etag: { supported: true },
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'OAuth Bearer Token',
        description: 'An access token with the role scim or admin, as Authorization: Bearer',
        specUri: 'https://www.rfc-editor.org/rfc/rfc6750',
        primary: true,
      },
    ],
    meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
  }
}

const KINDS: readonly { kind: ScimKind; description: string; extensions: readonly string[] }[] = [
  { kind: 'User', description: SCHEMAS.user.description, extensions: [ENTERPRISE_SCHEMA] },
  { kind: 'Group', description: SCHEMAS.group.description, extensions: [] },
]

export const resourceTypes = (base: string) =>
  KINDS.map(({ kind, description, extensions }) => ({
    schemas: [`${CORE}:ResourceType`],
    id: kind,
    name: kind,
    description,
    endpoint: `/${kind}s`,
    schema: SCHEMA_OF[kind],
    schemaExtensions: extensions.map((schema) => ({ schema, required: false })),
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${kind}` },
  }))

export const schemas = (base: string) =>
  [...Object.values(SCHEMAS), ...FORMS].map((schema) => ({
    schemas: [`${CORE}:Schema`],
    ...schema,
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${schema.id}` },
  }))
