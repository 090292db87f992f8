/** SCIM's search over users and groups at once (RFC 7644, 3.4.3): first the users, then the groups. */
import { z } from 'zod'
import type { ScimDirectory, ScimPage, ScimQuery } from '../../domain/api.ts'
import { ScimError } from '../../domain/errors.ts'
import type { ScimKind } from '../../domain/scim-schema.ts'
import { route } from '../route.ts'
import { baseOf, type ListQuery, queryOf, SCIM, scimReply, searchBody, selectionOf, startOf } from '../scim/answers.ts'
import { SEARCH_SCHEMA } from '../scim/messages.ts'
import { scimGroupOut, scimListOut, scimUserOut } from '../scim/outputs.ts'
import { groupResource, listResponse, selected, userResource } from '../scim/representations.ts'

type Resource = Readonly<Record<string, unknown>>

/** @returns null where the filter names what these have not */
async function matching<Found>(
  kind: ScimKind,
  query: ListQuery,
  before: ScimPage<Resource> | null,
  { page, shown }: { page(query: ScimQuery): Promise<ScimPage<Found>>; shown(found: Found): Resource },
): Promise<ScimPage<Resource> | null> {
  try {
    const selection = selectionOf(kind, query)
    const asked = queryOf(kind, query, selection)
    const offset = Math.max(0, asked.offset - (before?.total ?? 0))
    const count = asked.count - (before?.found.length ?? 0)
    const { total, found } = await page({ ...asked, offset, count })
    return { total, found: found.map((each) => selected(shown(each), selection)) }
  } catch (error) {
    if (error instanceof ScimError && error.scimType === 'invalidFilter') return null
    throw error
  }
}

async function everything(query: ListQuery, base: string, scim: ScimDirectory): Promise<ScimPage<Resource>> {
  const users = await matching('User', query, null, {
    page: (part) => scim.users(part),
    shown: (user) => userResource(user, base),
  })
  const groups = await matching('Group', query, users, {
    page: (part) => scim.groups(part),
    shown: (group) => groupResource(group, base),
  })
  if (users === null && groups === null)
    throw new ScimError('invalidFilter', 'The filter cannot be read, or names what neither users nor groups have.')
  const both = [users, groups].filter((page) => page !== null)
  return { total: both.reduce((sum, { total }) => sum + total, 0), found: both.flatMap(({ found }) => found) }
}

export const searchScim = route({
  ...SCIM,
  operationId: 'searchScim',
  method: 'post',
  path: '/scim/v2/.search',
  quota: 'read',
  summary: 'Users and groups that match a filter: first the users, then the groups',
  body: searchBody,
  bodyExample: { schemas: [SEARCH_SCHEMA], filter: 'displayName co "a"' },
  answers: [{ status: 200, description: 'A page', schema: scimListOut(z.union([scimUserOut, scimGroupOut])) }],
  async handle({ body, baseUrl, http }, { scim }) {
    const page = await everything(body, baseOf(baseUrl), scim)
    return scimReply(
      http,
      listResponse(page, startOf(body), (each) => each),
    )
  },
})
