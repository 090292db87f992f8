/** Every call of the API. The list that nearly every request is for comes first: routes are tried in order. */
import type { Route } from '../route.ts'
import { accessRoutes } from './access.ts'
import { auditRoutes } from './audit.ts'
import { cacheRoutes } from './cache.ts'
import { changeRoutes } from './changes.ts'
import { grantRoutes } from './grants.ts'
import { groupRoutes } from './groups.ts'
import { importRoutes } from './import.ts'
import { meRoutes } from './me.ts'
import { memberRoutes } from './members.ts'
import { resourceRoutes } from './resources.ts'
import { scimDiscoveryRoutes } from './scim-discovery.ts'
import { scimGroupRoutes } from './scim-groups.ts'
import { searchScim } from './scim-search.ts'
import { scimUserRoutes } from './scim-users.ts'
import { userRoutes } from './users.ts'

export const apiRoutes: readonly Route[] = [
  ...resourceRoutes,
  ...meRoutes,
  ...userRoutes,
  ...accessRoutes,
  ...groupRoutes,
  ...memberRoutes,
  ...grantRoutes,
  ...scimUserRoutes,
  ...scimGroupRoutes,
  searchScim,
  ...scimDiscoveryRoutes,
  ...importRoutes,
  ...cacheRoutes,
  ...auditRoutes,
  ...changeRoutes,
]
