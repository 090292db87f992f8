/** The calls that users and groups have in common (RFC 7644, 3): what differs is in their descriptions. */
import { z } from 'zod'
import type {
  ListCondition,
  Mutated,
  MutationContext,
  Portcullis,
  ScimDirectory,
  ScimPage,
  ScimQuery,
} from '../../domain/api.ts'
import { DomainError } from '../../domain/errors.ts'
import type { ScimChanges } from '../../domain/scim-model.ts'
import type { ScimKind } from '../../domain/scim-schema.ts'
import type { ProblemCode } from '../problem.ts'
import type { Reply } from '../reply.ts'
import { mutatedToNothing } from '../reply.ts'
import { type Route, type RouteRequest, route } from '../route.ts'
import {
  type Answering,
  baseOf,
  CONDITION,
  changedReply,
  conditionIn,
  type ListQuery,
  listQuery,
  oneReply,
  queryOf,
  relatedOf,
  SCIM,
  scimReply,
  searchBody,
  selectionOf,
  selectionQuery,
  startOf,
} from './answers.ts'
import { PATCH_SCHEMA, SEARCH_SCHEMA } from './messages.ts'
import { operationsOf, patchBody } from './operations.ts'
import { scimListOut } from './outputs.ts'
import { listResponse, locationOf, type Selection, selected, tagOf } from './representations.ts'

type Mutations = Portcullis['mutations']

export interface ScimUpdate<Id, Body> {
  readonly id: Id
  readonly changes: ScimChanges<Body>
  readonly condition?: ListCondition
}

export interface ScimResource<Id extends string, Body, Found> {
  readonly kind: ScimKind
  readonly id: z.ZodType<Id>
  readonly body: z.ZodType<Body>
  readonly bodyExample: object
  readonly patchExample: object
  readonly searchExample: string
  readonly out: z.ZodType
  readonly summaries: Readonly<Record<'list' | 'search' | 'create' | 'get' | 'replace' | 'patch' | 'delete', string>>
  /** What a PATCH answers that asks for no attributes: the resource, or nothing where reading it would cost more than the change. */
  readonly patchShows: 'resource' | 'nothing'
  readonly page: (scim: ScimDirectory, query: ScimQuery) => Promise<ScimPage<Found>>
  readonly find: (scim: ScimDirectory, id: Id, related: ScimQuery['related']) => Promise<Found | null>
  readonly resource: (found: Found, base: string) => Readonly<Record<string, unknown>>
  /** The value is read again if it has no version: then it refers to others, and their names are stored elsewhere. */
  readonly create: (
    portcullis: Portcullis,
    body: Body,
    context: MutationContext,
  ) => Promise<Mutated<Found | { id: Id }>>
  readonly update: (
    portcullis: Portcullis,
    update: ScimUpdate<Id, Body>,
    context: MutationContext,
  ) => Promise<Mutated<{ id: Id }>>
  readonly remove: (
    mutations: Mutations,
    which: { id: Id; condition?: ListCondition },
    context: MutationContext,
  ) => Promise<Mutated<null>>
}

export function scimRoutesOf<Id extends string, Body, Found extends { readonly id: string; readonly version?: string }>(
  described: ScimResource<Id, Body, Found>,
): readonly Route[] {
  const { kind, body, bodyExample, out, summaries, find, resource } = described
  const ALL = { ...SCIM, path: `/scim/v2/${kind}s` } as const
  const ONE = { ...SCIM, path: `${ALL.path}/:id`, params: z.object({ id: described.id }) } as const
  const SHOWN = ['ETag', 'Content-Location'] as const
  const CHANGED = ['Consistency-Token', ...SHOWN] as const
  const CHANGING = {
    reads: CONDITION,
    refuses: ['not-found', 'already-exists', 'version-mismatch'],
  } as const satisfies Partial<Route>
  const IDEMPOTENT: readonly ProblemCode[] = ['already-exists', 'idempotency-in-progress', 'idempotency-other-body']
  const showsNothing = described.patchShows === 'nothing'
  const notFound = () => new DomainError('not-found', `no such ${kind.toLowerCase()}`)

  async function found(query: ListQuery, { baseUrl, http }: Context, scim: ScimDirectory): Promise<Reply> {
    const selection = selectionOf(kind, query)
    const page = await described.page(scim, queryOf(kind, query, selection))
    const base = baseOf(baseUrl)
    return scimReply(
      http,
      listResponse(page, startOf(query), (each) => shown(each, base, selection)),
    )
  }

  function shown(each: Found, base: string, selection: Selection) {
    return selected(resource(each, base), selection)
  }

  function changed({ value, consistencyToken }: Mutated<{ id: Id }>, request: Answering, { scim }: Portcullis) {
    return changedReply({ status: 200, consistencyToken }, kind, request, {
      read: (related) => find(scim, value.id, related),
      shown,
    })
  }

  return [
    route({
      ...ALL,
      operationId: `listScim${kind}s`,
      method: 'get',
      summary: summaries.list,
      query: listQuery,
      answers: [{ status: 200, description: 'A page', schema: scimListOut(out) }],
      handle: ({ query, ...context }, { scim }) => found(query, context, scim),
    }),
    route({
      ...SCIM,
      path: `${ALL.path}/.search`,
      operationId: `searchScim${kind}s`,
      method: 'post',
      quota: 'read',
      summary: summaries.search,
      body: searchBody,
      bodyExample: { schemas: [SEARCH_SCHEMA], filter: described.searchExample },
      answers: [{ status: 200, description: 'A page', schema: scimListOut(out) }],
      handle: ({ body: query, ...context }, { scim }) => found(query, context, scim),
    }),
    route({
      ...ALL,
      operationId: `createScim${kind}`,
      method: 'post',
      summary: summaries.create,
      query: selectionQuery,
      body,
      bodyExample,
      answers: [{ status: 201, description: 'Created', schema: out, headers: [...CHANGED, 'Location'] }],
      refuses: IDEMPOTENT,
      async handle({ body, mutation, ...request }, portcullis) {
        const { value, consistencyToken } = await described.create(portcullis, body, mutation())
        return changedReply({ status: 201, consistencyToken }, kind, request, {
          read: async (related) => ('version' in value ? value : find(portcullis.scim, value.id as Id, related)),
          shown,
        })
      },
    }),
    route({
      ...ONE,
      operationId: `getScim${kind}`,
      method: 'get',
      summary: summaries.get,
      query: selectionQuery,
      answers: [{ status: 200, description: `The ${kind.toLowerCase()}`, schema: out, headers: SHOWN }],
      refuses: ['not-found'],
      async handle({ params: { id }, query, baseUrl, http }, { scim }) {
        const selection = selectionOf(kind, query)
        const one = await find(scim, id, relatedOf(kind, selection))
        if (one === null) throw notFound()
        const base = baseOf(baseUrl)
        return oneReply(http, shown(one, base, selection), {
          location: locationOf(base, kind, one.id),
          etag: tagOf(one),
        })
      },
    }),
    route({
      ...ONE,
      ...CHANGING,
      operationId: `replaceScim${kind}`,
      method: 'put',
      summary: summaries.replace,
      query: selectionQuery,
      body,
      bodyExample,
      answers: [{ status: 200, description: 'As it is now', schema: out, headers: CHANGED }],
      async handle({ params: { id }, body, mutation, ...request }, portcullis) {
        const update = { id, changes: { replacement: body }, ...conditionIn(request.http) }
        return changed(await described.update(portcullis, update, mutation()), request, portcullis)
      },
    }),
    route({
      ...ONE,
      ...CHANGING,
      operationId: `patchScim${kind}`,
      method: 'patch',
      summary: summaries.patch,
      query: selectionQuery,
      body: patchBody,
      bodyExample: { schemas: [PATCH_SCHEMA], Operations: [described.patchExample] },
      answers: [
        { status: 200, description: 'As it is now', schema: out, headers: CHANGED },
        ...(showsNothing ? [{ status: 204, description: 'Done', headers: ['Consistency-Token'] } as const] : []),
      ],
      async handle({ params: { id }, body, mutation, ...request }, portcullis) {
        const update = { id, changes: { operations: operationsOf(kind, body) }, ...conditionIn(request.http) }
        const outcome = await described.update(portcullis, update, mutation())
        // A client that says which attributes it wants gets them (RFC 7644, 3.5.2).
        return showsNothing && Object.keys(request.query).length === 0
          ? mutatedToNothing(outcome)
          : changed(outcome, request, portcullis)
      },
    }),
    route({
      ...ONE,
      operationId: `deleteScim${kind}`,
      method: 'delete',
      summary: summaries.delete,
      query: z.object({}),
      answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
      reads: CONDITION,
      refuses: ['not-found', 'version-mismatch'],
      handle: async ({ params: { id }, mutation, http }, { mutations }) =>
        mutatedToNothing(await described.remove(mutations, { id, ...conditionIn(http) }, mutation())),
    }),
  ]
}

type Context = Pick<RouteRequest<unknown, unknown, unknown>, 'baseUrl' | 'http'>
