/** Many users read at random, with their own and with each other's cursors, tags, tokens and ids; every answer is compared with plain SQL. */
import type { OrganisationImport } from '../../src/domain/api.ts'
import type { Random } from '../drills/random.ts'
import type { Answer } from './http-client.ts'
import type { ServedFleet } from './served-fleet.ts'
import { isAtLeast, type TrueItem, type Truth } from './visibility-truth.ts'

export const USERS = 100
export const RESOURCES = 1000
const GROUPS = 60
const KINDS = ['repository', 'document', 'secret']
const PERMISSIONS = ['read', 'triage', 'write', 'maintain', 'admin'] as const
const LANES = 16

/** Groups in a tree, some users in several, some in none; resources granted at any height, some to nobody. */
export function randomOrganisation(random: Random): OrganisationImport {
  const { pick } = random
  const groups = Array.from({ length: GROUPS }, (_, index) => ({
    name: `g${index}`,
    ...(index > 0 && random.next() < 0.7 && { parent: `g${random.between(0, index)}` }),
  }))
  const users = Array.from({ length: USERS }, (_, index) => ({ id: `user ${index}/é:{all}` }))
  const resources = Array.from({ length: RESOURCES }, (_, index) => ({
    name: `${pick(['alpha', 'beta', 'β', '😀'])}/${index}`,
    kind: pick(KINDS),
    description: `of ${index}`,
    attributes: { owner: index },
  }))
  const pairs = <A, B>(as: readonly A[], bs: readonly B[], count: number) => [
    ...new Map(
      Array.from({ length: count }, () => [pick(as), pick(bs)] as const).map((pair) => [JSON.stringify(pair), pair]),
    ).values(),
  ]
  return {
    users,
    groups,
    resources,
    memberships: pairs(users, groups, 180).map(([user, group]) => ({
      user: user.id,
      group: group.name,
      role: 'member' as const,
    })),
    grants: pairs(groups, resources, 3000).map(([group, resource]) => ({
      group: group.name,
      resource: resource.name,
      permission: pick(PERMISSIONS),
    })),
  }
}

interface Query {
  readonly kind?: string
  readonly q?: string
  readonly permission?: string
}

/** Something that one user was handed, for one query. */
interface Handed {
  readonly user: string
  readonly query: Query
  readonly value: string
  /** For a cursor: the name and id it stands after. */
  readonly after?: TrueItem
}

export interface IsolationOptions {
  readonly fleet: ServedFleet
  readonly truth: Truth
  readonly random: Random
  readonly users: readonly string[]
  readonly reads: number
  /** Between two of these many reads something is granted or taken, and the truth is read again. */
  readonly readsPerChange: number
  readonly onProgress?: (reads: number) => void
}

export interface IsolationReport {
  readonly reads: number
  readonly changes: number
  /** How often each kind of read was made, to see that none was left out. */
  readonly kinds: ReadonlyMap<string, number>
  readonly differences: readonly string[]
}

const KEPT = 2000

export async function readAtRandom({
  fleet,
  truth,
  random,
  users,
  reads,
  readsPerChange,
  onProgress,
}: IsolationOptions): Promise<IsolationReport> {
  const { pick } = random
  const everything = await truth.query<{ id: string; name: string }>('SELECT id, name FROM resources ORDER BY name')
  const groups = await truth.query<{ id: string }>('SELECT id FROM groups ORDER BY name')
  const differences: string[] = []
  const kinds = new Map<string, number>()
  let cursors: Handed[] = []
  let tags: Handed[] = []
  const tokens: string[] = []
  let done = 0
  let changes = 0

  function keep(list: Handed[], handed: Handed): void {
    if (list.length < KEPT) list.push(handed)
    else list[random.between(0, KEPT)] = handed
  }

  async function get(user: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const { client } = pick(fleet.instances)
    const token = tokens.length > 0 && random.next() < 0.1 ? { 'consistency-token': pick(tokens) } : {}
    const bypass = random.next() < 0.02 ? { 'cache-control': 'no-cache' } : {}
    return client.send({
      method: 'GET',
      path,
      headers: { authorization: await fleet.authorization(user), ...token, ...bypass, ...headers },
    })
  }

  function expectStatus(what: string, answer: Answer, status: number): boolean {
    if (answer.status === status) return true
    differences.push(`${what}: ${answer.status} instead of ${status}: ${answer.text.slice(0, 200)}`)
    return false
  }

  const visible = (user: string, { kind, q, permission }: Query) =>
    truth
      .visibleTo(user)
      .filter(
        (item) =>
          (kind === undefined || item.kind === kind) &&
          (q === undefined || item.name.startsWith(q)) &&
          (permission === undefined || isAtLeast(item.permission, permission)),
      )

  const randomQuery = (): Query => {
    const chance = random.next()
    if (chance < 0.6) return {}
    if (chance < 0.75) return { kind: pick(KINDS) }
    return chance < 0.9 ? { permission: pick(PERMISSIONS) } : { q: pick(['alpha/', 'be', '😀', 'none']) }
  }

  function pathOf(query: Query, limit: number, cursor?: string): string {
    const parameters = new URLSearchParams({ ...query, limit: String(limit), ...(cursor !== undefined && { cursor }) })
    return `/resources?${parameters}`
  }

  async function list(user: string, query: Query, from?: Handed): Promise<void> {
    const limit = pick([1, 7, 50, 50, 50, 200])
    const what = `${user} ${pathOf(query, limit, from?.value)}`
    const answer = await get(user, pathOf(query, limit, from?.value))
    if (!expectStatus(what, answer, 200)) return
    const all = visible(user, query)
    const begin = from?.after === undefined ? 0 : all.findIndex((item) => isAfter(item, from.after as TrueItem))
    const expected = begin < 0 ? [] : all.slice(begin, begin + limit)
    const body = JSON.parse(answer.text) as { data: TrueItem[]; nextCursor: string | null }
    if (JSON.stringify(body.data) !== JSON.stringify(expected.map(asAnswered)))
      differences.push(
        `${what}: ${JSON.stringify(body.data.map(({ name }) => name))} instead of ${JSON.stringify(expected.map(({ name }) => name))}`,
      )
    const more = begin >= 0 && all.length > begin + limit
    if ((body.nextCursor !== null) !== more)
      differences.push(`${what}: the next page is ${more ? 'missing' : 'invented'}`)
    const last = expected.at(-1)
    if (body.nextCursor !== null && last !== undefined)
      keep(cursors, { user, query, value: body.nextCursor, after: last })
    if (limit === 50 && from === undefined && Object.keys(query).length === 0)
      keep(tags, { user, query, value: String(answer.headers.etag) })
  }

  const READS: Readonly<Record<string, (user: string) => Promise<unknown>>> = {
    list: (user) => list(user, randomQuery()),
    'own cursor': async (user) => {
      const own = cursors.filter((each) => each.user === user)
      if (own.length === 0) return list(user, {})
      const handed = pick(own)
      return list(user, handed.query, handed)
    },
    "another user's cursor": async (user) => {
      const other = cursors.find((each) => each.user !== user && random.next() < 0.2)
      if (other === undefined) return list(user, {})
      return expectStatus(
        `${user} with the cursor of ${other.user}`,
        await get(user, pathOf(other.query, 50, other.value)),
        400,
      )
    },
    'a cursor of another query': async (user) => {
      const own = cursors.find((each) => each.user === user)
      if (own === undefined) return list(user, {})
      const query = own.query.kind === 'secret' ? {} : { kind: 'secret' }
      return expectStatus(`${user} with a cursor of another query`, await get(user, pathOf(query, 50, own.value)), 400)
    },
    "another user's tag": async (user) => {
      const others = tags.filter((each) => each.user !== user)
      if (others.length === 0) return list(user, {})
      const tag = [pick(others), pick(others)].map(({ value }) => value).join(', ')
      return expectStatus(
        `${user} with tags of others`,
        await get(user, '/resources?limit=50', { 'if-none-match': tag }),
        200,
      )
    },
    'one resource by id or name': async (user) => {
      const { id, name } = pick(everything)
      const answer = await get(
        user,
        random.next() < 0.5 ? `/resources/${id}` : `/resources/name:${encodeURIComponent(name)}`,
      )
      const expected = truth.visibleTo(user).find((item) => item.id === id)
      if (!expectStatus(`${user} reads ${name}`, answer, expected === undefined ? 404 : 200) || expected === undefined)
        return
      if (answer.text !== JSON.stringify(asAnswered(expected)))
        differences.push(`${user} reads ${name}: ${answer.text}`)
    },
    counts: async (user) => {
      const answer = await get(user, '/me')
      const { counts } = JSON.parse(answer.text) as { counts: { resources: number } }
      const expected = truth.visibleTo(user).length
      if (counts.resources !== expected) differences.push(`${user} counts ${counts.resources} instead of ${expected}`)
    },
    'the list of another user': async (user) => {
      const other = pick(users.filter((each) => each !== user))
      expectStatus(
        `${user} asks for the list of ${other}`,
        await get(user, `/users/${encodeURIComponent(other)}/resources`),
        403,
      )
    },
    'an explanation': async (user) => {
      const { id } = pick(everything)
      const answer = await get(user, `/users/${encodeURIComponent(user)}/resources/${id}/explain`)
      const expected = truth.visibleTo(user).find((item) => item.id === id)
      if (
        !expectStatus(`${user} asks why they see ${id}`, answer, expected === undefined ? 404 : 200) ||
        expected === undefined
      )
        return
      const { permission } = JSON.parse(answer.text) as { permission: string }
      if (permission !== expected.permission)
        differences.push(`${user} is told ${permission} instead of ${expected.permission}`)
    },
    "a group's grants": async (user) => {
      const { id } = pick(groups)
      const administered = new Set(
        truth
          .visibleTo(user)
          .filter(({ permission }) => permission === 'admin')
          .map((item) => item.id),
      )
      const answer = await get(user, `/groups/${id}/grants?limit=1`)
      if (answer.status === 403) return
      const { data } = JSON.parse(answer.text) as { data: { resourceId: string }[]; nextCursor: string | null }
      // A page that shows nothing and has a next one would tell how many grants there are, and the cursor which.
      if (answer.status !== 200 || data.length === 0 || data.some(({ resourceId }) => !administered.has(resourceId)))
        differences.push(`${user} reads the grants of a group: ${answer.status} ${answer.text.slice(0, 300)}`)
    },
  }
  const names = Object.keys(READS)

  async function lane(until: number): Promise<void> {
    while (done < until && differences.length < 50) {
      done++
      const kind = random.next() < 0.4 ? 'list' : pick(names)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      await READS[kind]?.(pick(users))
    }
  }

  async function change(): Promise<void> {
    const { client } = pick(fleet.instances)
    const call = {
      path: `/groups/${pick(groups).id}/grants/${pick(everything).id}`,
      headers: {
        authorization: await fleet.authorization('root', { roles: ['admin'] }),
        'content-type': 'application/json',
      },
    }
    const answer =
      random.next() < 0.6
        ? await client.send({ method: 'PUT', ...call, body: JSON.stringify({ permission: pick(PERMISSIONS) }) })
        : await client.send({
            method: 'DELETE',
            path: call.path,
            headers: { authorization: call.headers.authorization },
          })
    const token = answer.headers['consistency-token']
    if (typeof token === 'string') {
      tokens.push(token)
      changes++
    }
    await truth.refresh()
    // A page after a cursor is still right after a change; a tag may have become another user's past, and is kept.
    cursors = cursors.filter(() => random.next() < 0.8)
    tags = tags.filter(() => random.next() < 0.8)
  }

  while (done < reads && differences.length < 50) {
    const until = Math.min(done + readsPerChange, reads)
    await Promise.all(Array.from({ length: LANES }, () => lane(until)))
    onProgress?.(done)
    await change()
  }
  return { reads: done, changes, kinds, differences }
}

function isAfter(item: TrueItem, other: TrueItem): boolean {
  const order = Buffer.compare(Buffer.from(item.name), Buffer.from(other.name))
  return order > 0 || (order === 0 && item.id > other.id)
}

/** In the order of the wire. */
function asAnswered({ id, name, kind, description, attributes, permission, version, updatedAt }: TrueItem) {
  return { id, name, kind, description, attributes, permission, version, updatedAt }
}
