/** Every route with a call that works, and what each role gets from it. The world is that of test/support/app.ts. */
import { WORLD } from './app.ts'

export const ROLES = [
  'anonymous',
  'user',
  'maintainer',
  'resource admin',
  'admin',
  'cache admin',
  'reader',
  'scim',
] as const
export type Role = (typeof ROLES)[number]

/** Who the caller is in each column. */
export const CALLERS: Readonly<Record<Exclude<Role, 'anonymous'>, { subject: string; roles: string[] }>> = {
  user: { subject: 'uma', roles: [] },
  maintainer: { subject: 'maria', roles: [] },
  'resource admin': { subject: 'rita', roles: [] },
  admin: { subject: 'adam', roles: ['admin'] },
  'cache admin': { subject: 'cora', roles: ['cache-admin'] },
  reader: { subject: 'gateway', roles: ['reader'] },
  scim: { subject: 'directory', roles: ['scim'] },
}

const G = `/groups/${WORLD.group}`
const R = `/resources/${WORLD.resource}`
const UMA = { type: 'user', id: 'uma' }
const READ = { name: 'read' }
const REPO = { type: 'repository', id: 'repo/one' }

const SCIM_USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const SCIM_GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const SCIM_SEARCH = { schemas: ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'] }
const SCIM_PATCH = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations: [{ op: 'replace', path: 'displayName', value: 'n' }],
}

export interface CallByRole {
  readonly call: string
  /** The declared route it exercises. */
  readonly route: string
  readonly body?: unknown
  /** Statuses in the order of the columns. */
  readonly expected: readonly [number, number, number, number, number, number, number, number]
}

//                                                          anonymous user maintainer resource-admin admin cache-admin reader scim
export const CALLS_BY_ROLE: readonly CallByRole[] = [
  { call: 'GET /resources', route: 'GET /resources', expected: [401, 200, 200, 200, 200, 200, 200, 200] },
  { call: `GET ${R}`, route: 'GET /resources/:id', expected: [401, 200, 200, 200, 200, 404, 404, 404] },
  {
    call: 'POST /resources',
    route: 'POST /resources',
    body: { name: 'n', kind: 'k' },
    expected: [401, 403, 403, 403, 201, 403, 403, 403],
  },
  {
    call: `PATCH ${R}`,
    route: 'PATCH /resources/:id',
    body: { kind: 'k' },
    expected: [401, 403, 403, 200, 200, 404, 404, 404],
  },
  { call: `DELETE ${R}`, route: 'DELETE /resources/:id', expected: [401, 403, 403, 204, 204, 404, 404, 404] },
  { call: `GET ${R}/access`, route: 'GET /resources/:id/access', expected: [401, 403, 403, 200, 200, 404, 200, 404] },
  {
    call: 'POST /access/v1/evaluation',
    route: 'POST /access/v1/evaluation',
    body: { subject: UMA, action: READ, resource: REPO },
    expected: [401, 200, 403, 403, 200, 403, 200, 403],
  },
  {
    call: 'POST /access/v1/evaluations',
    route: 'POST /access/v1/evaluations',
    body: { subject: UMA, action: READ, evaluations: [{ resource: REPO }, {}] },
    expected: [401, 200, 403, 403, 200, 403, 200, 403],
  },
  {
    call: 'POST /access/v1/search/subject',
    route: 'POST /access/v1/search/subject',
    body: { subject: { type: 'user' }, action: READ, resource: REPO },
    expected: [401, 403, 403, 403, 200, 403, 200, 403],
  },
  {
    call: 'POST /access/v1/search/resource',
    route: 'POST /access/v1/search/resource',
    body: { subject: UMA, action: READ, resource: { type: 'repository' } },
    expected: [401, 200, 403, 403, 200, 403, 200, 403],
  },
  {
    call: 'POST /access/v1/search/action',
    route: 'POST /access/v1/search/action',
    body: { subject: UMA, resource: REPO },
    expected: [401, 200, 403, 403, 200, 403, 200, 403],
  },
  { call: 'GET /me', route: 'GET /me', expected: [401, 200, 200, 200, 200, 200, 200, 200] },
  { call: 'GET /me/groups', route: 'GET /me/groups', expected: [401, 200, 200, 200, 200, 200, 200, 200] },
  { call: 'GET /users', route: 'GET /users', expected: [401, 403, 403, 403, 200, 403, 403, 403] },
  { call: 'PUT /users/new', route: 'PUT /users/:id', body: {}, expected: [401, 403, 403, 403, 201, 403, 403, 403] },
  { call: 'GET /users/uma', route: 'GET /users/:id', expected: [401, 403, 403, 403, 200, 403, 403, 403] },
  { call: 'DELETE /users/uma', route: 'DELETE /users/:id', expected: [401, 403, 403, 403, 204, 403, 403, 403] },
  { call: 'GET /users/uma/groups', route: 'GET /users/:id/groups', expected: [401, 200, 403, 403, 200, 403, 200, 403] },
  {
    call: 'GET /users/uma/resources',
    route: 'GET /users/:id/resources',
    expected: [401, 200, 403, 403, 200, 403, 200, 403],
  },
  {
    call: `GET /users/uma/resources/${WORLD.resource}/explain`,
    route: 'GET /users/:id/resources/:resourceId/explain',
    expected: [401, 200, 403, 403, 200, 403, 200, 403],
  },
  { call: 'GET /groups', route: 'GET /groups', expected: [401, 403, 200, 403, 200, 403, 403, 403] },
  {
    call: 'POST /groups',
    route: 'POST /groups',
    body: { name: 'n' },
    expected: [401, 403, 403, 403, 201, 403, 403, 403],
  },
  { call: `GET ${G}`, route: 'GET /groups/:id', expected: [401, 403, 200, 403, 200, 403, 403, 403] },
  {
    call: `PATCH ${G}`,
    route: 'PATCH /groups/:id',
    body: { name: 'n' },
    expected: [401, 403, 403, 403, 200, 403, 403, 403],
  },
  { call: `DELETE ${G}`, route: 'DELETE /groups/:id', expected: [401, 403, 403, 403, 204, 403, 403, 403] },
  { call: `GET ${G}/members`, route: 'GET /groups/:id/members', expected: [401, 403, 200, 403, 200, 403, 403, 403] },
  {
    call: `PUT ${G}/members`,
    route: 'PUT /groups/:id/members',
    body: { members: [] },
    expected: [401, 403, 200, 403, 200, 403, 403, 403],
  },
  {
    call: `PUT ${G}/members/uma`,
    route: 'PUT /groups/:id/members/:userId',
    body: {},
    expected: [401, 403, 201, 403, 201, 403, 403, 403],
  },
  {
    call: `DELETE ${G}/members/uma`,
    route: 'DELETE /groups/:id/members/:userId',
    expected: [401, 403, 204, 403, 204, 403, 403, 403],
  },
  { call: `GET ${G}/grants`, route: 'GET /groups/:id/grants', expected: [401, 403, 403, 200, 200, 403, 403, 403] },
  {
    call: `PUT ${G}/grants`,
    route: 'PUT /groups/:id/grants',
    body: { grants: [] },
    expected: [401, 403, 403, 403, 200, 403, 403, 403],
  },
  {
    call: `PUT ${G}/grants/${WORLD.resource}`,
    route: 'PUT /groups/:id/grants/:resourceId',
    body: { permission: 'read' },
    expected: [401, 403, 403, 201, 201, 404, 404, 404],
  },
  {
    call: `DELETE ${G}/grants/${WORLD.resource}`,
    route: 'DELETE /groups/:id/grants/:resourceId',
    expected: [401, 403, 403, 204, 204, 404, 404, 404],
  },
  ...provisioning('GET', '/scim/v2/Users', 200),
  ...provisioning('POST', '/scim/v2/Users/.search', 200, SCIM_SEARCH),
  ...provisioning('POST', '/scim/v2/Users', 201, { schemas: [SCIM_USER], userName: 'new' }),
  ...provisioning('GET', '/scim/v2/Users/:id', 200, undefined, 'uma'),
  ...provisioning('PUT', '/scim/v2/Users/:id', 200, { schemas: [SCIM_USER], userName: 'uma' }, 'uma'),
  ...provisioning('PATCH', '/scim/v2/Users/:id', 200, SCIM_PATCH, 'uma'),
  ...provisioning('DELETE', '/scim/v2/Users/:id', 204, undefined, 'uma'),
  ...provisioning('GET', '/scim/v2/Groups', 200),
  ...provisioning('POST', '/scim/v2/Groups/.search', 200, SCIM_SEARCH),
  ...provisioning('POST', '/scim/v2/Groups', 201, { schemas: [SCIM_GROUP], displayName: 'n' }),
  ...provisioning('GET', '/scim/v2/Groups/:id', 200, undefined, WORLD.group),
  ...provisioning('PUT', '/scim/v2/Groups/:id', 200, { schemas: [SCIM_GROUP], displayName: 'n' }, WORLD.group),
  ...provisioning('PATCH', '/scim/v2/Groups/:id', 204, SCIM_PATCH, WORLD.group),
  ...provisioning('DELETE', '/scim/v2/Groups/:id', 204, undefined, WORLD.group),
  ...provisioning('POST', '/scim/v2/.search', 200, SCIM_SEARCH),
  ...provisioning('GET', '/scim/v2/ServiceProviderConfig', 200),
  ...provisioning('GET', '/scim/v2/ResourceTypes', 200),
  ...provisioning('GET', '/scim/v2/ResourceTypes/:id', 200, undefined, 'User'),
  ...provisioning('GET', '/scim/v2/Schemas', 200),
  ...provisioning('GET', '/scim/v2/Schemas/:id', 200, undefined, SCIM_GROUP),
  { call: 'POST /import', route: 'POST /import', body: {}, expected: [401, 403, 403, 403, 200, 403, 403, 403] },
  { call: 'GET /admin/cache', route: 'GET /admin/cache', expected: [401, 403, 403, 403, 403, 200, 403, 403] },
  {
    call: 'POST /admin/cache/flush',
    route: 'POST /admin/cache/flush',
    body: { scope: 'all', reason: 'because' },
    expected: [401, 403, 403, 403, 403, 200, 403, 403],
  },
  {
    call: 'GET /admin/cache/users/uma',
    route: 'GET /admin/cache/users/:id',
    expected: [401, 403, 403, 403, 403, 200, 403, 403],
  },
  {
    call: 'GET /admin/cache/invalidations',
    route: 'GET /admin/cache/invalidations',
    expected: [401, 403, 403, 403, 403, 200, 403, 403],
  },
  { call: 'GET /changes', route: 'GET /changes', expected: [401, 403, 403, 403, 200, 403, 403, 403] },
  { call: 'POST /changes/tickets', route: 'POST /changes/tickets', expected: [401, 403, 403, 403, 201, 403, 403, 403] },
  { call: 'GET /admin/audit', route: 'GET /admin/audit', expected: [401, 403, 403, 403, 200, 403, 403, 403] },
]

/** For the role scim, and for admins. */
function provisioning(method: string, path: string, status: number, body?: unknown, id = ''): CallByRole[] {
  return [
    {
      call: `${method} ${path.replace(':id', id)}`,
      route: `${method} ${path}`,
      ...(body !== undefined && { body }),
      expected: [401, 403, 403, 403, status, 403, 403, status],
    },
  ]
}
