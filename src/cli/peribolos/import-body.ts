/** The body of an import. Files know no ends, so memberships and grants keep theirs unless the command gives one. */
import type { OrganisationImport } from '../../domain/api.ts'

type Endless<Item> = readonly Omit<Item, 'expiresAt'>[]

export type ImportBody = Omit<OrganisationImport, 'memberships' | 'grants'> & {
  readonly memberships: Endless<OrganisationImport['memberships'][number]>
  readonly grants: Endless<OrganisationImport['grants'][number]>
}
