/** SCIM's search over users and groups at once (RFC 7644, 3.4.3): first the users, then the groups. */
import { z } from 'zod'
import type { ScimDirectory, ScimPage } from '../../domain/api.ts'
import type { ScimKind } from '../../domain/scim-schema.ts'
import { route } from '../route.ts'
import { baseOf, type ListQuery, queryOf, SCIM, scimReply, searchBody, selectionOf, startOf } from '../scim/answers.ts'
import { SEARCH_SCHEMA } from '../scim/messages.ts'
import { scimGroupOut, scimListOut, scimUserOut } from '../scim/outputs.ts'
import { groupResource, listResponse, selected, userResource } from '../scim/representations.ts'

type Resource = Readonly<Record<string, unknown>>

async function everything(query: ListQuery, base: string, scim: ScimDirectory): Promise<ScimPage<Resource>> {
  /** A filter on an attribute that these resources lack finds no value (RFC 7644, 3.4.2.1). */
  const part = (kind: ScimKind) => {
    const selection = selectionOf(kind, query)
    const show = (resource: Resource) => selected(resource, selection)
    return { asked: { ...queryOf(kind, query, selection), unknown: 'empty' } as const, show }
  }
  const [ofUsers, ofGroups] = [part('User'), part('Group')]
  const users = await scim.users(ofUsers.asked)
  const offset = Math.max(0, ofGroups.asked.offset - users.total)
  const groups = await scim.groups({ ...ofGroups.asked, offset, count: ofGroups.asked.count - users.found.length })
  return {
    total: users.total + groups.total,
    found: [
      ...users.found.map((user) => ofUsers.show(userResource(user, base))),
      ...groups.found.map((group) => ofGroups.show(groupResource(group, base))),
    ],
  }
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
