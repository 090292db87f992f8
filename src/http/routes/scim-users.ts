/** SCIM 2.0 Users (RFC 7643, 4.1; RFC 7644, 3): how identity providers create, change and disable users. */
import { z } from 'zod'
import type { Mutated, ScimDirectory, ScimUserFound } from '../../domain/api.ts'
import { DomainError, ScimError } from '../../domain/errors.ts'
import type { UserId } from '../../domain/model.ts'
import type { ScimUser, ScimUserAttributes } from '../../domain/scim-model.ts'
import { mutatedToNothing } from '../answers.ts'
import { route } from '../route.ts'
import { pathUserId } from '../schemas.ts'
import {
  type Answering,
  baseOf,
  CONDITION,
  changedReply,
  conditionIn,
  listQuery,
  queryOf,
  relatedOf,
  SCIM,
  scimReply,
  selectionOf,
  selectionQuery,
  startOf,
} from '../scim/answers.ts'
import { userBody } from '../scim/bodies.ts'
import { operationsOf, patchBody } from '../scim/operations.ts'
import { scimListOut, scimUserOut } from '../scim/outputs.ts'
import { listResponse, type Selection, selected, tagOf, userResource } from '../scim/representations.ts'
import { PATCH_SCHEMA, USER_SCHEMA } from '../scim/schema.ts'

const params = z.object({ id: pathUserId })
const ONE = '/scim/v2/Users/:id'
const erin = {
  schemas: [USER_SCHEMA],
  userName: 'erin',
  externalId: '00u1erin',
  name: { givenName: 'Erin', familyName: 'Example' },
  emails: [{ value: 'erin@example.com', type: 'work', primary: true }],
  active: true,
}

const shown = (user: ScimUserFound, base: string, selection: Selection) => selected(userResource(user, base), selection)

const listUsers = route({
  ...SCIM,
  operationId: 'listScimUsers',
  method: 'get',
  path: '/scim/v2/Users',
  summary: 'Users that match a filter, in the order of their creation',
  query: listQuery,
  answers: [{ status: 200, description: 'A page', schema: scimListOut(scimUserOut) }],
  async handle({ query, baseUrl, http }, { scim }) {
    const selection = selectionOf('User', query)
    const page = await scim.users(queryOf('User', query, selection))
    const base = baseOf(baseUrl)
    return scimReply(
      http,
      listResponse(page, startOf(query), (user) => shown(user, base, selection)),
    )
  },
})

const createUser = route({
  ...SCIM,
  operationId: 'createScimUser',
  method: 'post',
  path: '/scim/v2/Users',
  summary: 'Create a user',
  query: selectionQuery,
  body: userBody,
  bodyExample: erin,
  answers: [
    {
      status: 201,
      description: 'Created',
      schema: scimUserOut,
      headers: ['Consistency-Token', 'Location', 'ETag'],
    },
  ],
  refuses: ['already-exists', 'idempotency-in-progress', 'idempotency-other-body'],
  async handle({ query, body, baseUrl, mutation, http }, { mutations, scim }) {
    const attributes = { ...body, active: body.active ?? true }
    const outcome = await mutations.createScimUser({ id: idOf(attributes, scim), attributes }, mutation())
    return changed(outcome, { query, baseUrl, http }, scim, 201)
  },
})

const getUser = route({
  ...SCIM,
  operationId: 'getScimUser',
  method: 'get',
  path: ONE,
  summary: 'One user',
  params,
  query: selectionQuery,
  answers: [{ status: 200, description: 'The user', schema: scimUserOut, headers: ['ETag'] }],
  refuses: ['not-found'],
  async handle({ params: { id }, query, baseUrl, http }, { scim }) {
    const selection = selectionOf('User', query)
    const user = await scim.user(id, relatedOf('User', selection))
    if (user === null) throw new DomainError('not-found', 'no such user')
    return scimReply(http, shown(user, baseOf(baseUrl), selection), { etag: tagOf(user) })
  },
})

const CHANGED = [
  { status: 200, description: 'As it is now', schema: scimUserOut, headers: ['Consistency-Token', 'ETag'] },
] as const
const CHANGING = {
  ...SCIM,
  path: ONE,
  params,
  query: selectionQuery,
  answers: CHANGED,
  reads: CONDITION,
  refuses: ['not-found', 'already-exists', 'version-mismatch'],
} as const

const replaceUser = route({
  ...CHANGING,
  operationId: 'replaceScimUser',
  method: 'put',
  summary: 'Replace all attributes of a user; without `active`, that stays as it is',
  body: userBody,
  bodyExample: erin,
  async handle({ params: { id }, query, body, baseUrl, mutation, http }, { mutations, scim }) {
    const outcome = await mutations.updateScimUser(
      { id, changes: { replacement: body }, idSource: scim.idSource, ...conditionIn(http) },
      mutation(),
    )
    return changed(outcome, { query, baseUrl, http }, scim)
  },
})

const patchUser = route({
  ...CHANGING,
  operationId: 'patchScimUser',
  method: 'patch',
  summary: 'Change some attributes of a user (PatchOp)',
  body: patchBody,
  bodyExample: { schemas: [PATCH_SCHEMA], Operations: [{ op: 'replace', path: 'active', value: false }] },
  async handle({ params: { id }, query, body, baseUrl, mutation, http }, { mutations, scim }) {
    const changes = { operations: operationsOf('User', body) }
    const outcome = await mutations.updateScimUser(
      { id, changes, idSource: scim.idSource, ...conditionIn(http) },
      mutation(),
    )
    return changed(outcome, { query, baseUrl, http }, scim)
  },
})

const deleteUser = route({
  ...SCIM,
  operationId: 'deleteScimUser',
  method: 'delete',
  path: ONE,
  summary: 'Delete a user and the memberships; who gets the id later inherits nothing',
  params,
  query: z.object({}),
  answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
  reads: CONDITION,
  refuses: ['not-found', 'version-mismatch'],
  handle: async ({ params: { id }, mutation, http }, { mutations }) =>
    mutatedToNothing(await mutations.deleteUser({ id, ...conditionIn(http) }, mutation())),
})

export const scimUserRoutes = [listUsers, createUser, getUser, replaceUser, patchUser, deleteUser]

/** What tokens carry is the id. */
function idOf({ userName, externalId }: ScimUserAttributes, { idSource }: ScimDirectory): UserId {
  const id = idSource === 'userName' ? userName : externalId
  if (id === undefined)
    throw new ScimError('invalidValue', 'externalId is needed here: it becomes the id that tokens name.')
  return id as UserId
}

function changed(
  { value, consistencyToken }: Mutated<ScimUser>,
  request: Answering,
  scim: ScimDirectory,
  status: 200 | 201 = 200,
) {
  return changedReply({ status, consistencyToken }, 'User', request, {
    read: (related) => scim.user(value.id, related),
    shown,
  })
}
