/** An organisation that fits on a page, for tests about who sees what. */
import type { OrganisationImport } from '../../src/domain/api.ts'

/** Two teams under one department, a stranger, and resources granted at different heights. */
export const smallOrganisation: OrganisationImport = {
  users: ['ann', 'ben', 'cid', 'dee', 'eve'].map((id) => ({ id })),
  groups: [
    { name: 'dept' },
    { name: 'dept/red', parent: 'dept' },
    { name: 'dept/blue', parent: 'dept' },
    { name: 'other' },
  ],
  memberships: [
    { group: 'dept', user: 'ann', role: 'maintainer' },
    { group: 'dept/red', user: 'ben', role: 'member' },
    { group: 'dept/blue', user: 'cid', role: 'member' },
    { group: 'other', user: 'dee', role: 'member' },
  ],
  resources: ['handbook', 'red-plan', 'blue-plan', 'elsewhere'].map((name) => ({ name, kind: 'document' })),
  grants: [
    { group: 'dept', resource: 'handbook', permission: 'read' },
    { group: 'dept/red', resource: 'red-plan', permission: 'write' },
    { group: 'dept/red', resource: 'handbook', permission: 'admin' },
    { group: 'dept/blue', resource: 'blue-plan', permission: 'write' },
    { group: 'other', resource: 'elsewhere', permission: 'maintain' },
  ],
}
