/** Every mutation as its correctness: what it locks, what goes stale, what it writes. */
export { putGrant, removeGrant, replaceGrants } from './grants.ts'
export { createGroup, deleteGroup, updateGroup } from './groups.ts'
export { importOrganisation } from './import.ts'
export { addUserToGroup, removeUserFromGroup, replaceMembers } from './memberships.ts'
export { createResource, deleteResource, updateResource } from './resources.ts'
export { deleteUser, putUser } from './users.ts'
