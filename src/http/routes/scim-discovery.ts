/** What a SCIM client can find out by itself (RFC 7644, 4): what is supported, which resources there are, and their attributes. */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import { type Route, type RouteRequest, route } from '../route.ts'
import { baseOf, PAGE_MAX, SCIM, scimReply } from '../scim/answers.ts'
import { scimListOut } from '../scim/outputs.ts'
import { listResponse } from '../scim/representations.ts'
import { ATTRIBUTES_OF, GROUP_SCHEMA, SCHEMA_OF, type ScimKind, USER_SCHEMA } from '../scim/schema.ts'

const KINDS = ['User', 'Group'] as const
const anyObject = z.looseObject({ schemas: z.array(z.string()) })
const params = z.object({ id: z.string() })
const query = z.object({ filter: z.string().exactOptional().meta({ description: 'Refused: 403' }) })

const unsupported = { supported: false }

function configuration(base: string) {
  return {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
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

const resourceType = (base: string) => (kind: ScimKind) => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'],
  id: kind,
  name: kind,
  description: { User: 'User account', Group: 'Group' }[kind],
  endpoint: `/${kind}s`,
  schema: SCHEMA_OF[kind],
  schemaExtensions: [],
  meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${kind}` },
})

const schema = (base: string) => (kind: ScimKind) => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
  id: SCHEMA_OF[kind],
  name: kind,
  description: { User: 'User account', Group: 'Group' }[kind],
  attributes: ATTRIBUTES_OF[kind],
  meta: { resourceType: 'Schema', location: `${base}/Schemas/${SCHEMA_OF[kind]}` },
})

type Discovery = Pick<RouteRequest<unknown, { filter?: string }, unknown>, 'query' | 'baseUrl'>

/** Or a client could believe that it knows all that match (RFC 7644, 4). */
function baseFor({ query, baseUrl }: Discovery): string {
  if (query.filter !== undefined) throw new DomainError('forbidden', 'no filter here')
  return baseOf(baseUrl)
}

const COMMON = { ...SCIM, method: 'get', query } as const

const getConfiguration = route({
  ...COMMON,
  operationId: 'getScimConfiguration',
  path: '/scim/v2/ServiceProviderConfig',
  summary: 'What is supported of SCIM',
  answers: [{ status: 200, description: 'The configuration', schema: anyObject }],
  handle: (request) => scimReply(request.http, configuration(baseFor(request))),
})

function listOf(what: 'ResourceTypes' | 'Schemas', made: (base: string) => (kind: ScimKind) => object): Route {
  return route({
    ...COMMON,
    operationId: `listScim${what}`,
    path: `/scim/v2/${what}`,
    summary: what === 'Schemas' ? 'The attributes that are stored' : 'The types of resources',
    answers: [{ status: 200, description: 'All of them', schema: scimListOut(anyObject) }],
    handle: (request) => {
      const all = KINDS.map(made(baseFor(request)))
      return scimReply(
        request.http,
        listResponse({ total: all.length, found: all }, 1, (each) => ({ ...each })),
      )
    },
  })
}

function oneOf(
  what: 'ResourceType' | 'Schema',
  idOf: (kind: ScimKind) => string,
  made: (base: string) => (kind: ScimKind) => object,
): Route {
  return route({
    ...COMMON,
    operationId: `getScim${what}`,
    path: `/scim/v2/${what}s/:id`,
    summary: what === 'Schema' ? 'The attributes of one type' : 'One type of resources',
    params,
    answers: [{ status: 200, description: 'Its description', schema: anyObject }],
    refuses: ['not-found'],
    handle: (request) => {
      const kind = KINDS.find((each) => idOf(each) === request.params.id)
      if (kind === undefined) throw new DomainError('not-found', 'no such thing')
      return scimReply(request.http, made(baseFor(request))(kind))
    },
  })
}

export const scimDiscoveryRoutes: readonly Route[] = [
  getConfiguration,
  listOf('ResourceTypes', resourceType),
  oneOf('ResourceType', (kind) => kind, resourceType),
  listOf('Schemas', schema),
  oneOf('Schema', (kind) => ({ User: USER_SCHEMA, Group: GROUP_SCHEMA })[kind], schema),
]
