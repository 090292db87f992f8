/** SCIM 2.0 Groups (RFC 7643, 4.2; RFC 7644, 3): how identity providers create groups and decide who is in them. */
import { z } from 'zod'
import type { Mutated, ScimDirectory, ScimGroupFound } from '../../domain/api.ts'
import { DomainError } from '../../domain/errors.ts'
import type { GroupId } from '../../domain/model.ts'
import type { ScimGroup } from '../../domain/scim-model.ts'
import { mutatedToNothing } from '../answers.ts'
import { route } from '../route.ts'
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
import { groupBody } from '../scim/bodies.ts'
import { operationsOf, patchBody } from '../scim/operations.ts'
import { scimGroupOut, scimListOut } from '../scim/outputs.ts'
import { groupResource, listResponse, type Selection, selected, tagOf } from '../scim/representations.ts'
import { GROUP_SCHEMA, PATCH_SCHEMA } from '../scim/schema.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** What can be no id is the id of nothing: 404, not 400. */
const params = z.object({
  id: z
    .string()
    .transform((id): GroupId => {
      if (!UUID.test(id)) throw new DomainError('not-found', 'no such group')
      return id.toLowerCase() as GroupId
    })
    .meta({ description: "The group's id" }),
})
const ONE = '/scim/v2/Groups/:id'
const newcomers = { schemas: [GROUP_SCHEMA], displayName: 'sample/newcomers', members: [{ value: 'alice' }] }

const shown = (group: ScimGroupFound, base: string, selection: Selection) =>
  selected(groupResource(group, base), selection)

const listGroups = route({
  ...SCIM,
  operationId: 'listScimGroups',
  method: 'get',
  path: '/scim/v2/Groups',
  summary: 'Groups that match a filter, in the order of their creation',
  query: listQuery,
  answers: [
    {
      status: 200,
      description: 'A page; it ends early where it has ten thousand members',
      schema: scimListOut(scimGroupOut),
    },
  ],
  async handle({ query, baseUrl, http }, { scim }) {
    const selection = selectionOf('Group', query)
    const page = await scim.groups(queryOf('Group', query, selection))
    const base = baseOf(baseUrl)
    return scimReply(
      http,
      listResponse(page, startOf(query), (group) => shown(group, base, selection)),
    )
  },
})

const createGroup = route({
  ...SCIM,
  operationId: 'createScimGroup',
  method: 'post',
  path: '/scim/v2/Groups',
  summary: 'Create a group with its members',
  query: selectionQuery,
  body: groupBody,
  bodyExample: newcomers,
  answers: [
    {
      status: 201,
      description: 'Created',
      schema: scimGroupOut,
      headers: ['Consistency-Token', 'Location', 'ETag'],
    },
  ],
  refuses: ['already-exists', 'idempotency-in-progress', 'idempotency-other-body'],
  async handle({ query, body, baseUrl, mutation, http }, { mutations, scim }) {
    const id = crypto.randomUUID() as string as GroupId
    const outcome = await mutations.createScimGroup({ id, attributes: body }, mutation())
    return changed(outcome, { query, baseUrl, http }, scim, 201)
  },
})

const getGroup = route({
  ...SCIM,
  operationId: 'getScimGroup',
  method: 'get',
  path: ONE,
  summary: 'One group',
  params,
  query: selectionQuery,
  answers: [{ status: 200, description: 'The group', schema: scimGroupOut, headers: ['ETag'] }],
  refuses: ['not-found'],
  async handle({ params: { id }, query, baseUrl, http }, { scim }) {
    const selection = selectionOf('Group', query)
    const group = await scim.group(id, relatedOf('Group', selection))
    if (group === null) throw new DomainError('not-found', 'no such group')
    return scimReply(http, shown(group, baseOf(baseUrl), selection), { etag: tagOf(group) })
  },
})

const CHANGING = {
  ...SCIM,
  path: ONE,
  params,
  reads: CONDITION,
  refuses: ['not-found', 'already-exists', 'version-mismatch'],
} as const

const replaceGroup = route({
  ...CHANGING,
  operationId: 'replaceScimGroup',
  method: 'put',
  summary: 'Replace the attributes and all members of a group',
  query: selectionQuery,
  body: groupBody,
  bodyExample: newcomers,
  answers: [{ status: 200, description: 'As it is now', schema: scimGroupOut, headers: ['Consistency-Token', 'ETag'] }],
  async handle({ params: { id }, query, body, baseUrl, mutation, http }, { mutations, scim }) {
    const changes = { replacement: body }
    const outcome = await mutations.updateScimGroup({ id, changes, ...conditionIn(http) }, mutation())
    return changed(outcome, { query, baseUrl, http }, scim)
  },
})

/** Without the group: one of fifty thousand is not read to answer that one has joined. */
const patchGroup = route({
  ...CHANGING,
  operationId: 'patchScimGroup',
  method: 'patch',
  summary: 'Change the name or some members of a group (PatchOp)',
  query: z.object({}),
  body: patchBody,
  bodyExample: {
    schemas: [PATCH_SCHEMA],
    Operations: [{ op: 'add', path: 'members', value: [{ value: 'bob' }] }],
  },
  answers: [{ status: 204, description: 'Done', headers: ['Consistency-Token'] }],
  async handle({ params: { id }, body, mutation, http }, { mutations }) {
    const changes = { operations: operationsOf('Group', body) }
    return mutatedToNothing(await mutations.updateScimGroup({ id, changes, ...conditionIn(http) }, mutation()))
  },
})

const deleteGroup = route({
  ...SCIM,
  operationId: 'deleteScimGroup',
  method: 'delete',
  path: ONE,
  summary: 'Delete a group, its memberships and its grants',
  params,
  query: z.object({}),
  answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
  reads: CONDITION,
  refuses: ['not-found', 'version-mismatch'],
  handle: async ({ params: { id }, mutation, http }, { mutations }) =>
    mutatedToNothing(await mutations.deleteGroup({ group: { id }, ...conditionIn(http) }, mutation())),
})

export const scimGroupRoutes = [listGroups, createGroup, getGroup, replaceGroup, patchGroup, deleteGroup]

function changed(
  { value, consistencyToken }: Mutated<ScimGroup>,
  request: Answering,
  scim: ScimDirectory,
  status: 200 | 201 = 200,
) {
  return changedReply({ status, consistencyToken }, 'Group', request, {
    read: (related) => scim.group(value.id, related),
    shown,
  })
}
