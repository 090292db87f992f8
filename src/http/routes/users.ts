/** Users, and what a user's groups and grants amount to. */
import { z } from 'zod'
import type { Portcullis } from '../../domain/api.ts'
import { DomainError } from '../../domain/errors.ts'
import type { ResourceId, UserId } from '../../domain/model.ts'
import type { Caller } from '../caller.ts'
import { existenceToMatch, PUT_CONDITIONS } from '../entity-tags.ts'
import { admin, selfOrReader } from '../policies.ts'
import { cached, json, mutated, mutatedToNothing, page } from '../reply.ts'
import { effectiveGroupBody, userBody } from '../representations.ts'
import { route } from '../route.ts'
import {
  displayName,
  effectiveGroupOut,
  listOf,
  namePrefix,
  pageOf,
  pageQuery,
  pathOut,
  pathRefTo,
  pathUserId,
  permissionEndOut,
  userOut,
  visibleResourceOut,
} from '../schemas.ts'
import { resourceListQuery } from './resources.ts'

const params = z.object({ id: pathUserId })

const listUsers = route({
  operationId: 'listUsers',
  method: 'get',
  path: '/users',
  summary: 'All users',
  tag: 'Users',
  policy: admin,
  query: z.strictObject({ ...pageQuery, q: namePrefix.exactOptional() }),
  answers: [{ status: 200, description: 'A page, ordered by id', schema: pageOf(userOut), headers: ['Link'] }],
  handle: async ({ query, caller }, { reads }) => page(await reads.users({ ...query, reader: caller.id }), userBody),
})

const putUser = route({
  operationId: 'putUser',
  method: 'put',
  path: '/users/:id',
  summary: 'Create a user, or bring one to this state',
  tag: 'Users',
  policy: admin,
  params,
  body: z.strictObject({ displayName: displayName.exactOptional(), disabled: z.boolean().exactOptional() }),
  bodyOptional: true,
  bodyExample: { displayName: 'Erin Example' },
  answers: [
    { status: 200, description: 'As it is now', schema: userOut, headers: ['Consistency-Token'] },
    { status: 201, description: 'Created', schema: userOut, headers: ['Consistency-Token', 'Location'] },
  ],
  reads: PUT_CONDITIONS,
  refuses: ['version-mismatch'],
  async handle({ params: { id }, body, mutation, http }, { mutations }) {
    const outcome = await mutations.putUser({ id, ...body, ...existenceToMatch(http.headers) }, mutation())
    const { user, created } = outcome.value
    return created
      ? mutated(outcome, userBody(user), { status: 201, headers: ['Location', `/users/${encodeURIComponent(id)}`] })
      : mutated(outcome, userBody(user))
  },
})

const getUser = route({
  operationId: 'getUser',
  method: 'get',
  path: '/users/:id',
  summary: 'One user',
  tag: 'Users',
  policy: admin,
  params,
  answers: [{ status: 200, description: 'The user', schema: userOut }],
  refuses: ['not-found'],
  async handle({ params: { id } }, { reads }) {
    const user = await reads.user(id)
    if (user === null) throw new DomainError('not-found', 'no such user')
    return json(userBody(user))
  },
})

const deleteUser = route({
  operationId: 'deleteUser',
  method: 'delete',
  path: '/users/:id',
  summary: 'Delete a user and the memberships; the id may be used again and inherits nothing',
  tag: 'Users',
  policy: admin,
  params,
  answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
  refuses: ['not-found'],
  handle: async ({ params: { id }, mutation }, { mutations }) =>
    mutatedToNothing(await mutations.deleteUser({ id }, mutation())),
})

const userGroups = route({
  operationId: 'listUserGroups',
  method: 'get',
  path: '/users/:id/groups',
  summary: "A user's effective groups, and through which own group each is inherited",
  tag: 'Users',
  policy: selfOrReader,
  params,
  answers: [{ status: 200, description: 'All of them', schema: listOf(effectiveGroupOut), headers: ['Cache-Status'] }],
  refuses: ['not-found'],
  async handle({ params: { id }, caller, terms }, { reads }) {
    await ensureKnown(caller, id, reads)
    const { groups, cache } = await reads.effectiveGroups(id, terms)
    return cached({ data: groups.map(effectiveGroupBody), nextCursor: null }, cache)
  },
})

const userResources = route({
  operationId: 'listUserResources',
  method: 'get',
  path: '/users/:id/resources',
  summary: 'The resources a user may see: the same list as their own `/resources`',
  tag: 'Users',
  policy: selfOrReader,
  params,
  query: resourceListQuery,
  answers: [
    {
      status: 200,
      description: 'A page, ordered by name then id',
      schema: pageOf(visibleResourceOut),
      headers: ['Cache-Status', 'ETag', 'Link'],
    },
  ],
  refuses: ['not-found'],
  async handle({ params: { id }, caller, query, terms }, { reads }) {
    await ensureKnown(caller, id, reads)
    return { status: 200, ...(await reads.visibleResources(id, query, terms)) }
  },
})

const explanationOut = z
  .object({
    permission: pathOut.shape.permission.nullable(),
    expiresAt: permissionEndOut,
    paths: z.array(pathOut),
  })
  .meta({ id: 'Explanation' })

const explain = route({
  operationId: 'explainAccess',
  method: 'get',
  path: '/users/:id/resources/:resourceId/explain',
  summary: 'Why a user may see a resource and until when: every path, and which one wins; never from the cache',
  tag: 'Users',
  policy: selfOrReader,
  params: params.extend({ resourceId: pathRefTo<ResourceId>('resource') }),
  answers: [{ status: 200, description: 'The paths', schema: explanationOut }],
  refuses: ['not-found'],
  async handle({ params: { id, resourceId }, caller }, { reads }) {
    await ensureKnown(caller, id, reads)
    // For a reader, "not at all" is an answer. To the user it would reveal that the resource exists, and so would the
    // time it takes to search for paths that lead nowhere.
    const isHidden = !caller.isReader && (await reads.permissionOn(id, resourceId)) === null
    const explanation = isHidden ? null : await reads.explain(id, resourceId)
    if (explanation === null || (explanation.permission === null && !caller.isReader))
      throw new DomainError('not-found', 'no such resource')
    return json(explanation)
  },
})

export const userRoutes = [listUsers, putUser, getUser, deleteUser, userGroups, userResources, explain]

/** A token may name a user that the database does not know: that user sees nothing. Callers that ask about others get a 404. */
async function ensureKnown(caller: Caller, id: UserId, reads: Portcullis['reads']): Promise<void> {
  if (caller.id !== id && (await reads.user(id)) === null) throw new DomainError('not-found', 'no such user')
}
