/** A small organisation for requests that nobody planned, with the names that they begin from. */
import type { OrganisationImport } from '../../src/domain/api.ts'
import { smallOrganisation } from '../support/small-organisation.ts'

/** With a second maintainer, so that more than one caller may change something. */
export const fuzzedOrganisation: OrganisationImport = {
  ...smallOrganisation,
  memberships: smallOrganisation.memberships.map((each) => ({
    ...each,
    role: each.user === 'ben' ? 'maintainer' : each.role,
  })),
}

export const fuzzedValues = {
  user: fuzzedOrganisation.users.map(({ id }) => id),
  group: fuzzedOrganisation.groups.map(({ name }) => `name:${name}`),
  resource: fuzzedOrganisation.resources.map(({ name }) => `name:${name}`),
}
