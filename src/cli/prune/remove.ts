/** Removes the surplus: whole groups, and entries of other groups' lists, each only if the list is still as it was read. */
import type { Membership, Permission } from '../../domain/model.ts'
import { type ApiClient, apiPath } from '../api-client.ts'
import { eachOf } from '../each-of.ts'
import type { Surplus } from './surplus.ts'

/** @throws RefusedError where a list has changed since it was read: import again */
export async function remove(api: ApiClient, surplus: Surplus, say: (text: string) => void): Promise<void> {
  const { groups, memberships, grants } = surplus
  if (groups.length + memberships.length + grants.length > 0) say('removing what the files do not name …')
  const gone = new Set(groups.map(({ id }) => id))
  const ofKept = <Row extends { readonly groupId: string }>(rows: readonly Row[]) => [
    ...Map.groupBy(
      rows.filter(({ groupId }) => !gone.has(groupId)),
      ({ groupId }) => groupId,
    ),
  ]
  await eachOf(ofKept(memberships), async ([groupId, rows]) => {
    const users = new Set(rows.map(({ user }) => user))
    const path = apiPath`/groups/${groupId}/members`
    await replace<Membership>(api, path, (all) => ({
      members: all.filter(({ userId }) => !users.has(userId)).map(({ userId, role }) => ({ user: userId, role })),
    }))
  })
  await eachOf(ofKept(grants), async ([groupId, rows]) => {
    const resources = new Set(rows.map(({ resourceId }) => resourceId))
    const path = apiPath`/groups/${groupId}/grants`
    await replace<{ readonly resourceId: string; readonly permission: Permission }>(api, path, (all) => ({
      grants: all
        .filter(({ resourceId }) => !resources.has(resourceId))
        .map(({ resourceId, permission }) => ({ resource: resourceId, permission })),
    }))
  })
  for (const { id } of groups) await api.call({ method: 'DELETE', path: apiPath`/groups/${id}` })
}

/** The import has changed the list since the surplus was found, so it is read again; the tag is that of the first page. */
async function replace<Row>(api: ApiClient, path: string, wholeList: (rows: readonly Row[]) => object): Promise<void> {
  const rows: Row[] = []
  let etag: string | null = null
  let cursor: string | undefined
  do {
    const { body, headers } = await api.call({ method: 'GET', path, query: { limit: 200, cursor } })
    const page = body as { readonly data: readonly Row[]; readonly nextCursor: string | null }
    etag ??= headers.get('etag')
    rows.push(...page.data)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  await api.call({ method: 'PUT', path, body: wholeList(rows), headers: { 'if-match': etag ?? '' } })
}
