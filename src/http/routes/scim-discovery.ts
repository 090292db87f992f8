/** SCIM's calls for what a client can find out by itself (RFC 7644, 4). */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import { type Route, type RouteRequest, route } from '../route.ts'
import { baseOf, SCIM, scimReply } from '../scim/answers.ts'
import { configuration, resourceTypes, schemas } from '../scim/discovery.ts'
import { scimListOut } from '../scim/outputs.ts'
import { listResponse } from '../scim/representations.ts'

const anyObject = z.looseObject({ schemas: z.array(z.string()) })
const params = z.object({ id: z.string() })
const query = z.object({ filter: z.string().exactOptional().meta({ description: 'Refused: 403' }) })

type Discovery = Pick<RouteRequest<unknown, { filter?: string }, unknown>, 'query' | 'baseUrl'>

/** Otherwise a client could take the page for all matches (RFC 7644, 4). */
function baseFor({ query, baseUrl }: Discovery): string {
  if (query.filter !== undefined) throw new DomainError('forbidden', 'no filter here')
  return baseOf(baseUrl)
}

const COMMON = { ...SCIM, method: 'get', query } as const

const getConfiguration = route({
  ...COMMON,
  operationId: 'getScimConfiguration',
  path: '/scim/v2/ServiceProviderConfig',
  summary: 'Which parts of SCIM are supported',
  answers: [{ status: 200, description: 'The configuration', schema: anyObject }],
  handle: (request) => scimReply(request.http, configuration(baseFor(request))),
})

interface Described {
  readonly what: 'ResourceType' | 'Schema'
  readonly summaries: { readonly all: string; readonly one: string }
  readonly all: (base: string) => readonly { readonly id: string }[]
}

function described({ what, summaries, all }: Described): readonly Route[] {
  return [
    route({
      ...COMMON,
      operationId: `listScim${what}s`,
      path: `/scim/v2/${what}s`,
      summary: summaries.all,
      answers: [{ status: 200, description: 'All of them', schema: scimListOut(anyObject) }],
      handle: (request) => {
        const found = all(baseFor(request))
        return scimReply(
          request.http,
          listResponse({ total: found.length, found }, 1, (each) => ({ ...each })),
        )
      },
    }),
    route({
      ...COMMON,
      operationId: `getScim${what}`,
      path: `/scim/v2/${what}s/:id`,
      summary: summaries.one,
      params,
      answers: [{ status: 200, description: 'Its description', schema: anyObject }],
      refuses: ['not-found'],
      handle: (request) => {
        const found = all(baseFor(request)).find(({ id }) => id === request.params.id)
        if (found === undefined) throw new DomainError('not-found', 'no such thing')
        return scimReply(request.http, found)
      },
    }),
  ]
}

export const scimDiscoveryRoutes: readonly Route[] = [
  getConfiguration,
  ...described({
    what: 'ResourceType',
    summaries: { all: 'The types of resources', one: 'One type of resources' },
    all: resourceTypes,
  }),
  ...described({
    what: 'Schema',
    summaries: { all: 'The attributes that are stored', one: 'The attributes of one schema' },
    all: schemas,
  }),
]
