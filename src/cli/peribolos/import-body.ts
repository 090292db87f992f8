/** What files say: they know no ends, so those of memberships and grants stay as they are unless the command gives one. */
import type { OrganisationImport } from '../../domain/api.ts'

type Endless<Item> = readonly Omit<Item, 'expiresAt'>[]

export type ImportBody = Omit<OrganisationImport, 'memberships' | 'grants'> & {
  readonly memberships: Endless<OrganisationImport['memberships'][number]>
  readonly grants: Endless<OrganisationImport['grants'][number]>
}
