/** Which resources a group may use, and how. */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import type { GroupId, ResourceId } from '../../domain/model.ts'
import { existenceToMatch, LIST_CONDITIONS, listTag, PUT_CONDITIONS, statesToMatch } from '../entity-tags.ts'
import { admin, decidedByHandler, onResource, permit } from '../policies.ts'
import { mutated, mutatedToNothing, page } from '../reply.ts'
import { grantBody } from '../representations.ts'
import { route } from '../route.ts'
import {
  expiresAtIn,
  grantOut,
  listedGrantOut,
  pageOf,
  pageQuery,
  pathRefTo,
  permission,
  refTo,
  replacedOut,
  wholeList,
} from '../schemas.ts'

const AS_IT_WAS = 'as it was, none for a new grant'
const groupParams = z.object({ id: pathRefTo<GroupId>('group') })
const grantParams = groupParams.extend({ resourceId: pathRefTo<ResourceId>('resource') })

const listGrants = route({
  operationId: 'listGrants',
  method: 'get',
  path: '/groups/:id/grants',
  summary: "A group's own grants: all of them for an admin, else those on resources you administer",
  tag: 'Grants',
  policy: decidedByHandler('admin; others see grants on resources they hold `admin` on'),
  params: groupParams,
  query: z.strictObject(pageQuery),
  answers: [
    {
      status: 200,
      description: 'A page, ordered by resource name then id',
      schema: pageOf(listedGrantOut),
      headers: ['Link', 'ETag'],
    },
  ],
  refuses: ['not-found', 'forbidden'],
  async handle({ params: { id }, query, caller }, { reads }) {
    const asked = { ...query, reader: caller.id, ...(!caller.isAdmin && { administeredBy: caller.id }) }
    const grants = await reads.grantsOf(id, asked)
    // A caller who administers nothing in the group is refused as if it did not exist, so that neither fact shows.
    if (!caller.isAdmin) permit((grants?.data.length ?? 0) > 0 || (grants !== null && query.cursor !== undefined))
    if (grants === null) throw new DomainError('not-found', 'no such group')
    const etag = grants.state && listTag(caller.id, 'grants', grants.state)
    return page(grants, (grant) => ({ ...grantBody(grant), resourceName: grant.resourceName }), etag)
  },
})

const putGrant = route({
  operationId: 'putGrant',
  method: 'put',
  path: '/groups/:id/grants/:resourceId',
  summary: 'Give a group a permission on a resource, or change permission and end',
  tag: 'Grants',
  policy: onResource('admin', 'resourceId'),
  params: grantParams,
  body: z.strictObject({ permission, expiresAt: expiresAtIn(AS_IT_WAS) }),
  bodyExample: { permission: 'read', expiresAt: '2099-01-31T12:00:00Z' },
  answers: [
    { status: 200, description: 'As it is now', schema: grantOut, headers: ['Consistency-Token'] },
    { status: 201, description: 'Given', schema: grantOut, headers: ['Consistency-Token'] },
  ],
  reads: PUT_CONDITIONS,
  refuses: ['not-found', 'unknown-group', 'unknown-resource', 'version-mismatch', 'end-in-the-past'],
  async handle({ params: { id, resourceId }, body, mutation, http }, { mutations }) {
    const input = { group: id, resource: resourceId, ...body, ...existenceToMatch(http.headers) }
    const outcome = await mutations.putGrant(input, mutation())
    return mutated(outcome, grantBody(outcome.value.grant), { status: outcome.value.created ? 201 : 200 })
  },
})

/** Only an admin: the list may also remove grants, and nobody else may see all grants of a group. */
const replaceGrants = route({
  operationId: 'replaceGrants',
  method: 'put',
  path: '/groups/:id/grants',
  summary: 'Make exactly these the own grants of a group, or change nothing',
  tag: 'Grants',
  policy: admin,
  params: groupParams,
  body: z.strictObject({
    grants: wholeList(
      z.strictObject({
        resource: refTo<ResourceId>('resource'),
        permission,
        expiresAt: expiresAtIn(AS_IT_WAS),
      }),
    ),
  }),
  bodyExample: { grants: [{ resource: 'name:api', permission: 'write' }] },
  answers: [{ status: 200, description: 'What that changed', schema: replacedOut, headers: ['Consistency-Token'] }],
  reads: LIST_CONDITIONS,
  refuses: ['not-found', 'unknown-resource', 'version-mismatch', 'precondition-required', 'end-in-the-past'],
  async handle({ params: { id }, body: { grants }, caller, mutation, http }, { mutations }) {
    const condition = statesToMatch(http.headers, caller.id, 'grants')
    const outcome = await mutations.replaceGrants({ group: id, grants, ...condition }, mutation())
    return mutated(outcome, outcome.value)
  },
})

const removeGrant = route({
  operationId: 'removeGrant',
  method: 'delete',
  path: '/groups/:id/grants/:resourceId',
  summary: "Take a group's permission on a resource",
  tag: 'Grants',
  policy: onResource('admin', 'resourceId'),
  params: grantParams,
  answers: [{ status: 204, description: 'Gone', headers: ['Consistency-Token'] }],
  refuses: ['not-found'],
  handle: async ({ params: { id, resourceId }, mutation }, { mutations }) =>
    mutatedToNothing(await mutations.removeGrant({ group: id, resource: resourceId }, mutation())),
})

export const grantRoutes = [listGrants, replaceGrants, putGrant, removeGrant]
