/** The typed client at work: prints what it finds, and ends with an error where something is not as it says. */
import { createClient, RefusedError } from 'portcullis-client'

const { PORTCULLIS_URL: baseUrl = 'http://127.0.0.1:3000', PORTCULLIS_TOKEN: token = '' } = process.env
const client = createClient({ baseUrl, token })

// Pages are an iterator: the next one is asked for when it is needed.
for await (const user of client.items('listUsers', { query: { q: 'a' } })) console.log('user', user.id)

// The read after a change sees it: the consistency token is carried along.
const { data: group } = await client.createGroup({ body: { name: 'tour' } })
await client.putMember({ path: { id: group.id, userId: 'alice' }, body: { role: 'maintainer' } })
const { data: groups } = await client.listUserGroups({ path: { id: 'alice' } })
console.log(
  'member',
  groups.data.some(({ name, role }) => name === 'tour' && role === 'maintainer'),
)

// Somebody else was faster: the tag that was read is no longer the current one.
const { etag } = await client.getGroup({ path: { id: group.id } })
await client.patchGroup({ path: { id: group.id }, body: { name: 'tour-2' }, headers: { 'if-match': etag ?? '' } })
const refusal = await client
  .patchGroup({ path: { id: group.id }, body: { name: 'tour-3' }, headers: { 'if-match': etag ?? '' } })
  .catch((error: unknown) => error)
if (!(refusal instanceof RefusedError)) throw new Error('the second change was not refused')
console.log('refused', refusal.status)

// The change feed, until there is nothing more to learn from it.
const aborting = new AbortController()
for await (const event of client.changes({ signal: aborting.signal })) {
  if (event.type === 'open') await client.deleteGroup({ path: { id: group.id } })
  if (event.type === 'change' && event.change.event === 'deleteGroup') {
    console.log('deleted', event.change.names[group.id])
    aborting.abort()
  }
}

// @ts-expect-error: a path parameter is missing
void (() => client.getGroup({ path: {} }))
// @ts-expect-error: no such role
void (() => client.putMember({ path: { id: group.id, userId: 'alice' }, body: { role: 'owner' } }))
// @ts-expect-error: a search is not paged by cursors
void (() => client.items('searchSubjects', {}))
