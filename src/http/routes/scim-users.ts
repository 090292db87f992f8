/** SCIM 2.0 Users (RFC 7643, 4.1): how identity providers create, change and disable users. */
import type { ScimDirectory, ScimUserFound } from '../../domain/api.ts'
import { ScimError } from '../../domain/errors.ts'
import type { UserId } from '../../domain/model.ts'
import type { ScimUserReplacement } from '../../domain/scim-model.ts'
import { ENTERPRISE_SCHEMA, USER_SCHEMA } from '../../domain/scim-schema.ts'
import { pathUserId } from '../schemas.ts'
import { userBody } from '../scim/bodies.ts'
import { scimUserOut } from '../scim/outputs.ts'
import { userResource } from '../scim/representations.ts'
import { scimRoutesOf } from '../scim/resource-routes.ts'

const erin = {
  schemas: [USER_SCHEMA, ENTERPRISE_SCHEMA],
  userName: 'erin',
  externalId: '00u1erin',
  name: { givenName: 'Erin', familyName: 'Example' },
  emails: [{ value: 'erin@example.com', type: 'work', primary: true }],
  active: true,
  [ENTERPRISE_SCHEMA]: { department: 'Research' },
}

export const scimUserRoutes = scimRoutesOf<UserId, ScimUserReplacement, ScimUserFound>({
  kind: 'User',
  id: pathUserId,
  body: userBody,
  bodyExample: erin,
  patchExample: { op: 'replace', path: 'active', value: false },
  searchExample: 'userName sw "al"',
  out: scimUserOut,
  summaries: {
    list: 'Users that match a filter, in the order of their creation',
    search: 'The same with the parameters in the body',
    create: 'Create a user',
    get: 'One user',
    replace: 'Replace all attributes of a user; without `active`, that stays as it is',
    patch: 'Change some attributes of a user (PatchOp)',
    delete: 'Delete a user and the memberships; the id may be used again and inherits nothing',
  },
  patchShows: 'resource',
  page: (scim, query) => scim.users(query),
  find: (scim, id, related) => scim.user(id, related),
  resource: userResource,
  create({ mutations, scim }, body, context) {
    const attributes = { ...body, active: body.active ?? true }
    return mutations.createScimUser({ id: idOf(attributes, scim), attributes }, context)
  },
  update: ({ mutations, scim }, update, context) =>
    mutations.updateScimUser({ ...update, idSource: scim.idSource }, context),
  remove: (mutations, which, context) => mutations.deleteUser(which, context),
})

/** The attribute that tokens carry is the user's id. */
function idOf({ userName, externalId }: ScimUserReplacement, { idSource }: ScimDirectory): UserId {
  const id = idSource === 'userName' ? userName : externalId
  if (id === undefined)
    throw new ScimError('invalidValue', 'externalId is needed here: it becomes the id that tokens name.')
  return id as UserId
}
