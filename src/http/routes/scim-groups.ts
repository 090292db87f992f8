/** SCIM 2.0 Groups (RFC 7643, 4.2): how identity providers create groups and decide who is in them. */
import { z } from 'zod'
import type { ScimGroupFound } from '../../domain/api.ts'
import { DomainError } from '../../domain/errors.ts'
import type { GroupId } from '../../domain/model.ts'
import type { ScimGroupAttributes } from '../../domain/scim-model.ts'
import { GROUP_SCHEMA } from '../../domain/scim-schema.ts'
import { groupBody } from '../scim/bodies.ts'
import { scimGroupOut } from '../scim/outputs.ts'
import { groupResource } from '../scim/representations.ts'
import { scimRoutesOf } from '../scim/resource-routes.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Text that cannot be an id names no group: 404, not 400. */
const id = z
  .string()
  .transform((id): GroupId => {
    if (!UUID.test(id)) throw new DomainError('not-found', 'no such group')
    return id.toLowerCase() as GroupId
  })
  .meta({ description: "The group's id" })

export const scimGroupRoutes = scimRoutesOf<GroupId, ScimGroupAttributes, ScimGroupFound>({
  kind: 'Group',
  id,
  body: groupBody,
  bodyExample: { schemas: [GROUP_SCHEMA], displayName: 'sample/newcomers', members: [{ value: 'alice' }] },
  patchExample: { op: 'add', path: 'members', value: [{ value: 'bob' }] },
  searchExample: 'members eq "alice"',
  out: scimGroupOut,
  summaries: {
    list: 'Groups that match a filter, in the order of their creation; a page ends early with ten thousand members',
    search: 'The same with the parameters in the body',
    create: 'Create a group with its members',
    get: 'One group',
    replace: 'Replace the attributes and all members of a group',
    patch: 'Change the name or some members of a group (PatchOp)',
    delete: 'Delete a group, its memberships and its grants',
  },
  // One of fifty thousand is not read to answer that one has joined.
  patchShows: 'nothing',
  page: (scim, query) => scim.groups(query),
  find: (scim, id, related) => scim.group(id, related),
  resource: groupResource,
  create: ({ mutations }, attributes, context) =>
    mutations.createScimGroup({ id: crypto.randomUUID() as string as GroupId, attributes }, context),
  update: ({ mutations }, update, context) => mutations.updateScimGroup(update, context),
  remove: (mutations, { id, ...condition }, context) => mutations.deleteGroup({ group: { id }, ...condition }, context),
})
