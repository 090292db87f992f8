/** The OpenAPI 3.1 document, made of the very schemas that validate. */
import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi'
import { PROBLEMS, type ProblemCode, problemType } from './problem.ts'
import { type DocumentedHeader, type Route, takesIdempotencyKey } from './route.ts'
import { SCIM_TYPE, scimErrorOut } from './scim/errors.ts'

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(
        z.object({
          detail: z.string(),
          pointer: z.string().optional(),
          parameter: z.string().optional(),
          header: z.string().optional(),
        }),
      )
      .optional(),
  })
  .loose()
  .meta({ id: 'Problem', description: 'RFC 9457' })

const HEADERS: Readonly<Record<DocumentedHeader, string>> = {
  'Consistency-Token': 'Send it with a read that must see this change.',
  ETag: 'A strong validator for If-None-Match and If-Match.',
  'Cache-Status': 'RFC 9211: how the answer came about.',
  Link: 'RFC 8288: rel="next", where there is a next page.',
  Location: 'Where the new thing is.',
  'Content-Location': 'Where the thing is that the body shows.',
}

const ALWAYS: readonly ProblemCode[] = [
  'invalid-input',
  'not-acceptable',
  'headers-too-large',
  'internal',
  'overloaded',
  'database-slow',
  'database-locked',
  'database-full',
  'database-read-only',
  'database-misconfigured',
  'database-failing',
]
const WITH_TOKEN: readonly ProblemCode[] = ['unauthenticated', 'too-many-requests']
const WITH_BODY: readonly ProblemCode[] = ['payload-too-large', 'unsupported-media-type', 'request-timeout']

export function createOpenApiDocument(routes: readonly Route[]): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const route of routes) {
    const path = openApiPath(route.path)
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  // In the order of the routes: the calls that nearly every client makes come first.
  const tags = [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name }))
  const shown = new Set(routes.flatMap((route) => [...refusalsOf(route)]))
  const examples = Object.fromEntries([...shown, ...ANY_CALL].map((code) => [code, exampleOf(code)]))
  return createDocument({
    ...DESCRIPTION,
    components: { ...DESCRIPTION.components, examples },
    tags,
    paths: paths as ZodOpenApiPathsObject,
  })
}

const DESCRIPTION: Omit<ZodOpenApiObject, 'paths'> = {
  openapi: '3.1.0',
  info: {
    title: 'Portcullis',
    version: '0.1.0',
    description:
      'Which resources may this user see? Answered fast from a cache, and truthfully: never from an entry that a change has overtaken.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/' }],
  components: {
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
  },
  security: [{ bearer: [] }],
}

const openApiPath = (path: string) => path.replace(/:(\w+)/g, '{$1}')

function operation(route: Route): ZodOpenApiOperationObject {
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: `Who: ${route.policy.who}.`,
    tags: [route.tag],
    ...(!route.policy.authenticated && { security: [] }),
    requestParams: {
      ...(route.params !== undefined && { path: route.params as z.ZodObject }),
      ...(route.query !== undefined && { query: route.query as z.ZodObject }),
      ...(route.policy.authenticated && { header: requestHeaders(route) }),
    },
    ...(route.body !== undefined && {
      requestBody: {
        required: route.bodyOptional !== true,
        content: content(route.consumes ?? ['application/json'], route.body, route.bodyExample),
      },
    }),
    responses: { ...successes(route), ...refusals(route) },
  }
}

/** Only these can be older than a change. All others read the source of truth, which covers any consistency token. */
const isCached = ({ answers }: Route) => answers.some(({ headers }) => headers?.includes('Cache-Status'))

const isConditionalRead = ({ method, answers }: Route) =>
  method === 'get' && answers.some(({ headers }) => headers?.includes('ETag'))

function requestHeaders(route: Route): z.ZodObject {
  const isRead = route.method === 'get'
  const changesOne =
    (route.method === 'patch' || route.method === 'delete') && /^\/(resources|groups)\/:id$/.test(route.path)
  const shape: Record<string, z.ZodType> = {}
  if (isRead || isCached(route)) {
    shape['consistency-token'] = z.string().optional().meta({ description: 'From a mutation: the answer covers it.' })
    shape['cache-control'] = z
      .string()
      .optional()
      .meta({ description: '`no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth.' })
  }
  if (isRead)
    shape['if-none-match'] = z.string().optional().meta({ description: 'ETags you have; 304 while one is current.' })
  if (changesOne || isConditionalRead(route))
    shape['if-match'] = z
      .string()
      .optional()
      .meta({ description: 'The ETag you read; 412 when it is no longer current.' })
  if (changesOne)
    shape['if-none-match'] = z.string().optional().meta({ description: 'ETags that must not be current; else 412.' })
  for (const [name, description] of Object.entries(route.reads ?? {}))
    shape[name] = z.string().optional().meta({ description })
  if (takesIdempotencyKey(route))
    shape['idempotency-key'] = z.string().optional().meta({ description: 'A repeated request has one effect.' })
  return z.object(shape)
}

function content(types: readonly string[], schema: z.ZodType, example?: unknown) {
  return Object.fromEntries(types.map((type) => [type, { schema, ...(example !== undefined && { example }) }]))
}

const typesOf = ({ produces = 'application/json', alsoNamed = [] }: Route) => [produces, ...alsoNamed]

function successes(route: Route): ZodOpenApiResponsesObject {
  const answers = route.answers.map(({ status, description, schema, headers = [] }) => [
    String(status),
    {
      description,
      ...(headers.length > 0 && {
        headers: z.object(Object.fromEntries(headers.map((name) => [name, documentedHeader(name)]))),
      }),
      ...(schema !== undefined && { content: content(typesOf(route), schema) }),
      ...(schema === undefined &&
        status !== 204 &&
        route.produces !== undefined && {
          content: { [route.produces]: { schema: z.string() }, ...otherForms(route) },
        }),
    },
  ])
  return {
    ...Object.fromEntries(answers),
    ...(isConditionalRead(route) && { '304': { description: 'What you have is current' } }),
  }
}

const otherForms = ({ otherForms = {} }: Route) =>
  Object.fromEntries(Object.entries(otherForms).map(([type, schema]) => [type, { schema }]))

function exampleOf(code: ProblemCode) {
  const { status, title, detail = title } = PROBLEMS[code]
  return { summary: title, value: { type: problemType(code), title, status, detail } }
}

/** In addition to a call's own refusals: those that any call may give. */
const ANY_CALL: readonly ProblemCode[] = [
  'malformed-request',
  'database-unavailable',
  'authentication-unavailable',
  'deadline-exceeded',
]

function examplesOf(codes: readonly ProblemCode[], status: number) {
  const others = ANY_CALL.filter((code) => PROBLEMS[code].status === status)
  return Object.fromEntries([...codes, ...others].map((code) => [code, { $ref: `#/components/examples/${code}` }]))
}

const documentedHeader = (name: DocumentedHeader) => z.string().optional().meta({ description: HEADERS[name] })

/** Every problem with which a call can be refused. */
export function refusalsOf(route: Route): ReadonlySet<ProblemCode> {
  return new Set<ProblemCode>([
    ...ALWAYS,
    ...(route.policy.authenticated ? WITH_TOKEN : []),
    ...(route.policy.check !== undefined ? (['forbidden'] as const) : []),
    ...(isConditionalRead(route) ? (['version-mismatch'] as const) : []),
    ...(isCached(route) ? (['token-other-history'] as const) : []),
    ...(route.body !== undefined ? WITH_BODY : []),
    ...(route.refuses ?? []),
  ])
}

/** A request that cannot be read is refused before its route is known. */
const UNREADABLE: ReadonlySet<number> = new Set([400, 408, 431])

function refusalContent(route: Route, codes: readonly ProblemCode[], status: number) {
  const asProblem = { 'application/problem+json': { schema: problem, examples: examplesOf(codes, status) } }
  if (route.refusesAs !== 'scim') return asProblem
  return { [SCIM_TYPE]: { schema: scimErrorOut }, ...(UNREADABLE.has(status) && asProblem) }
}

function refusals(route: Route): ZodOpenApiResponsesObject {
  const codes = refusalsOf(route)
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status)
  // A reference inside a body that leads nowhere makes the body unprocessable.
  const dangling = route.body !== undefined && [...codes].some((code) => code.startsWith('unknown-'))
  if (dangling && !byStatus.has(422)) byStatus.set(422, ['unknown-group'])
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      String(status),
      {
        description: some.map((code) => PROBLEMS[code].title).join('; '),
        content: refusalContent(route, some, status),
      },
    ]),
  )
}
