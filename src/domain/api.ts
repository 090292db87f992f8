/** What the domain offers to HTTP and to the command line. */
import type { Access } from './api/access.ts'
import type { CacheAdministration } from './api/administration.ts'
import type { ChangeFeed } from './api/changes.ts'
import type { Mutations } from './api/mutations.ts'
import type { Reads } from './api/reads.ts'
import type { ScimDirectory } from './api/scim.ts'
import { LAYERS } from './layers.ts'

export type * from './api/access.ts'
export type * from './api/administration.ts'
export type * from './api/changes.ts'
export type * from './api/mutations.ts'
export type * from './api/organisation-import.ts'
export type * from './api/pages.ts'
export type * from './api/reads.ts'
export type * from './api/scim.ts'

export const LAYER_NAMES = LAYERS.names

/** The whole domain, as wired in the composition root. */
export interface Portcullis {
  readonly changes: ChangeFeed
  readonly reads: Reads
  readonly access: Access
  readonly mutations: Mutations
  readonly scim: ScimDirectory
  readonly cache: CacheAdministration
}
