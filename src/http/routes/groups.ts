/** Groups and their place in the tree. */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import type { GroupId } from '../../domain/model.ts'
import { entityTag, versionToMatch } from '../entity-tags.ts'
import { admin, anyMaintainerOrAdmin } from '../policies.ts'
import { json, mutated, mutatedToNothing, page } from '../reply.ts'
import { groupBody } from '../representations.ts'
import { MERGE_PATCH_TYPES } from '../request-body.ts'
import { route } from '../route.ts'
import { groupOut, name, namePrefix, pageOf, pageQuery, pathRefTo, refTo } from '../schemas.ts'

const params = z.object({ id: pathRefTo<GroupId>('group') })
const parent = refTo<GroupId>('group').nullable().meta({ description: 'The group above; null for none' })

const listGroups = route({
  operationId: 'listGroups',
  method: 'get',
  path: '/groups',
  summary: 'All groups',
  tag: 'Groups',
  policy: anyMaintainerOrAdmin,
  query: z.strictObject({ ...pageQuery, q: namePrefix.exactOptional() }),
  answers: [
    { status: 200, description: 'A page, ordered by name then id', schema: pageOf(groupOut), headers: ['Link'] },
  ],
  handle: async ({ query, caller }, { reads }) => page(await reads.groups({ ...query, reader: caller.id }), groupBody),
})

const createGroup = route({
  operationId: 'createGroup',
  method: 'post',
  path: '/groups',
  summary: 'Create a group',
  tag: 'Groups',
  policy: admin,
  body: z.strictObject({ name, parent: parent.exactOptional() }),
  bodyExample: { name: 'sample/newcomers', parent: null },
  answers: [
    { status: 201, description: 'Created', schema: groupOut, headers: ['Consistency-Token', 'Location', 'ETag'] },
  ],
  refuses: ['already-exists', 'unknown-group', 'group-too-deep', 'idempotency-in-progress', 'idempotency-other-body'],
  async handle({ body, caller, mutation }, { mutations }) {
    const outcome = await mutations.createGroup(body, mutation())
    return mutated(outcome, groupBody(outcome.value), {
      status: 201,
      headers: ['Location', `/groups/${outcome.value.id}`],
      etag: entityTag(caller.id, outcome.value),
    })
  },
})

const getGroup = route({
  operationId: 'getGroup',
  method: 'get',
  path: '/groups/:id',
  summary: 'One group',
  tag: 'Groups',
  policy: anyMaintainerOrAdmin,
  params,
  answers: [{ status: 200, description: 'The group', schema: groupOut, headers: ['ETag'] }],
  refuses: ['not-found'],
  async handle({ params: { id }, caller }, { reads }) {
    const group = await reads.group(id)
    if (group === null) throw new DomainError('not-found', 'no such group')
    return json(groupBody(group), { etag: entityTag(caller.id, group) })
  },
})

const patchGroup = route({
  operationId: 'patchGroup',
  method: 'patch',
  path: '/groups/:id',
  summary: 'Rename a group, or move it under another parent (merge patch)',
  tag: 'Groups',
  policy: admin,
  params,
  body: z.strictObject({ name: name.exactOptional(), parent: parent.exactOptional() }),
  bodyExample: { parent: null },
  consumes: MERGE_PATCH_TYPES,
  answers: [{ status: 200, description: 'As it is now', schema: groupOut, headers: ['Consistency-Token', 'ETag'] }],
  refuses: ['not-found', 'already-exists', 'unknown-group', 'group-cycle', 'group-too-deep', 'version-mismatch'],
  async handle({ params: { id }, body, caller, mutation, http }, portcullis) {
    const ifVersion = await versionToMatch(http.headers, caller.id, () => portcullis.reads.group(id))
    const outcome = await portcullis.mutations.updateGroup({ group: id, changes: body, ...ifVersion }, mutation())
    return mutated(outcome, groupBody(outcome.value), { etag: entityTag(caller.id, outcome.value) })
  },
})

const deleteGroup = route({
  operationId: 'deleteGroup',
  method: 'delete',
  path: '/groups/:id',
  summary: 'Delete a group, its memberships and its grants; groups below it become roots',
  tag: 'Groups',
  policy: admin,
  params,
  answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
  refuses: ['not-found', 'version-mismatch'],
  async handle({ params: { id }, caller, mutation, http }, portcullis) {
    const ifVersion = await versionToMatch(http.headers, caller.id, () => portcullis.reads.group(id))
    return mutatedToNothing(await portcullis.mutations.deleteGroup({ group: id, ...ifVersion }, mutation()))
  },
})

export const groupRoutes = [listGroups, createGroup, getGroup, patchGroup, deleteGroup]
