/** Removes the surplus: whole groups, and entries of other groups' lists, each only if the list is still as it was read. */
import type { Answer, Client } from '../../client/index.ts'
import { eachOf } from '../each-of.ts'
import type { Surplus } from './surplus.ts'

/** @throws RefusedError where a list has changed since it was read: import again */
export async function remove(api: Client, surplus: Surplus, say: (text: string) => void): Promise<void> {
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
    const path = { id: groupId }
    const { etag, items } = await wholeList(api.pages('listMembers', { path, query: WHOLE_PAGES }))
    const members = items.filter(({ userId }) => !users.has(userId)).map(({ userId, role }) => ({ user: userId, role }))
    await api.replaceMembers({ path, body: { members }, headers: { 'if-match': etag } })
  })
  await eachOf(ofKept(grants), async ([groupId, rows]) => {
    const resources = new Set(rows.map(({ resourceId }) => resourceId))
    const path = { id: groupId }
    const { etag, items } = await wholeList(api.pages('listGrants', { path, query: WHOLE_PAGES }))
    const kept = items
      .filter(({ resourceId }) => !resources.has(resourceId))
      .map(({ resourceId, permission }) => ({ resource: resourceId, permission }))
    await api.replaceGrants({ path, body: { grants: kept }, headers: { 'if-match': etag } })
  })
  for (const { id } of groups) await api.deleteGroup({ path: { id } })
}

const WHOLE_PAGES = { limit: 200 }

/** The import has changed the list since the surplus was found, so it is read again; the tag is that of the first page. */
async function wholeList<Item>(
  pages: AsyncIterable<Answer<{ readonly data: readonly Item[] }>>,
): Promise<{ readonly etag: string; readonly items: readonly Item[] }> {
  const items: Item[] = []
  let tag: string | null = null
  for await (const { data, etag } of pages) {
    tag ??= etag
    items.push(...data.data)
  }
  return { etag: tag ?? '', items }
}
