/** All kinds of reads and of changes at once, in closed loops over three instances, everything on the same processors. */
import { randomBytes } from 'node:crypto'
import type { Bench } from '../harness/bench.ts'
import { readerOf, withClient } from '../harness/data-set.ts'
import { moveWithChildren } from '../harness/processor.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { type Contender, compare, type Standing } from '../harness/slices.ts'
import type { WireRequest } from '../harness/wire.ts'

export interface MixtureResult {
  readonly instances: number
  readonly readers: number
  readonly writers: number
  /** `READS_ALONE`, then `READS_BESIDE_CHANGES`, then `READS_BESIDE_PACED_CHANGES`. */
  readonly standings: readonly Standing[]
}

export const READS_ALONE = 'all kinds of reads'
export const READS_BESIDE_CHANGES = 'beside all kinds of changes'
/**
 * Per second. Closed loops of changes take from the reads whatever they can get; at a rate, the reads can be compared.
 * Four times the changes that got through before the catalogue followed the log (19).
 */
export const PACED_CHANGES = 76
export const READS_BESIDE_PACED_CHANGES = `beside ${PACED_CHANGES} changes a second`

const INSTANCES = 3
const READERS = 8
const WRITERS = 4
const EXTENTS = { quick: { slices: 3, sliceMs: 2000 }, full: { slices: 8, sliceMs: 3000 } } as const

type Headers = Readonly<Record<string, string>>

export async function measureMixture(bench: Bench): Promise<MixtureResult> {
  bench.log(`a mixture of everything over ${INSTANCES} instances`)
  const { databaseUrl } = await bench.dataSet(1000)
  const prefix = newPrefix()
  const mark = `mixture-${randomBytes(3).toString('hex')}`
  const servers: Server[] = []
  const pids = () => bench.stack.local.state().processes.map(({ pid }) => pid)
  moveWithChildren('anywhere', pids())
  try {
    for (let at = 0; at < INSTANCES; at++)
      servers.push(
        await startService(bench.stack, { name: `portcullis-${at}`, databaseUrl, prefix, place: 'anywhere' }),
      )
    const [server, ...otherServers] = servers
    if (!server) throw new Error('no instance was started')
    const requests = await allKindsOfReads(bench, server)
    const [root = {}] = await bench.stack.headersOf(['root'])
    const lanes = (pace: string) =>
      Array.from({ length: WRITERS }, (_, at) => allKindsOfChanges(`${mark}-${pace}-${at}`, root, at))
    const reads: Contender = { server, otherServers, name: READS_ALONE, requests, connections: READERS }
    const contenders: Contender[] = [
      reads,
      { ...reads, name: READS_BESIDE_CHANGES, changes: { lanes: lanes('closed') } },
      { ...reads, name: READS_BESIDE_PACED_CHANGES, changes: { lanes: lanes('paced'), perSecond: PACED_CHANGES } },
    ]
    const standings = await compare(contenders, {
      ...EXTENTS[bench.extent],
      warmUpRequests: 4000,
      warmUpMaxMs: 3000,
      settleRequests: requests.length,
      place: 'anywhere',
    })
    return { instances: INSTANCES, readers: READERS, writers: WRITERS, standings }
  } finally {
    for (const server of servers) await server.stop()
    moveWithChildren('load', pids())
    await removeMarked(databaseUrl, mark)
  }
}

async function allKindsOfReads({ stack }: Bench, { url }: Server): Promise<WireRequest[]> {
  const [root = {}] = await stack.headersOf(['root'])
  const readers = await stack.headersOf(
    Array.from({ length: 24 }, (_, at) => readerOf(([1, 50, 200] as const)[at % 3] ?? 50, at)),
  )
  const requests: WireRequest[] = []
  for (const [at, headers] of readers.entries()) {
    const user = headers['x-reader']
    const { data, nextCursor } = await firstPage(url, headers)
    const resource = data[at % data.length]?.id
    const own = (path: string) => requests.push({ path, headers })
    own('/resources')
    own('/resources?limit=200')
    own('/resources?kind=document')
    own('/resources?q=team-1')
    own('/resources?permission=write')
    if (nextCursor !== null) own(`/resources?cursor=${nextCursor}`)
    own(`/resources/${resource}`)
    own('/me')
    own('/me/groups')
    own(`/users/${user}/groups`)
    own(`/users/${user}/resources`)
    own(`/users/${user}/resources/${resource}/explain`)
    requests.push({ path: `/resources/${resource}/access`, headers: root })
  }
  for (const path of ['/groups', '/users', '/groups/name:team-50-1/members', '/groups/name:team-50-1/grants'])
    requests.push({ path, headers: root })
  return requests
}

async function firstPage(url: string, headers: Headers) {
  const answer = await fetch(`${url}/resources`, { headers })
  return (await answer.json()) as { data: { id: string }[]; nextCursor: string | null }
}

/** A small life from beginning to end, so that it can be repeated: nothing of it is left at its end. */
function allKindsOfChanges(mark: string, root: Headers, lane: number): WireRequest[] {
  const named = (what: string) => `name:${encodeURIComponent(`${mark}-${what}`)}`
  const [parent, group, resource] = ['parent', 'group', 'resource'].map(named)
  const user = `${mark}-user`
  const other = `/resources/name:${encodeURIComponent(`team-${lane}/service-${lane}`)}`
  const ask = (method: string, path: string, body?: unknown): WireRequest => ({
    method,
    path,
    headers: root,
    ...(body !== undefined && { body }),
  })
  const refTo = (what: string) => `name:${mark}-${what}`
  return [
    ask('PUT', `/users/${user}`, {}),
    ask('POST', '/groups', { name: `${mark}-parent` }),
    ask('POST', '/groups', { name: `${mark}-group`, parent: refTo('parent') }),
    ask('PUT', `/groups/${group}/members/${user}`, { role: 'member' }),
    ask('POST', '/resources', {
      name: `${mark}-resource`,
      kind: 'document',
      grants: [{ group: refTo('parent'), permission: 'read' }],
    }),
    ask('PATCH', other, { description: `seen by ${mark}` }),
    ask('PUT', `/groups/${group}/grants/${resource}`, { permission: 'write' }),
    ask('PATCH', `/resources/${resource}`, { attributes: { seen: true } }),
    ask('PUT', `/groups/name:team-50-${lane}/members/${user}`, { role: 'member' }),
    ask('PATCH', `/groups/${group}`, { parent: null }),
    ask('PATCH', other, { description: `seen again by ${mark}` }),
    ask('PUT', `/groups/name:team-50-${lane}/grants/${resource}`, { permission: 'admin' }),
    ask('DELETE', `/groups/name:team-50-${lane}/grants/${resource}`),
    ask('DELETE', `/groups/name:team-50-${lane}/members/${user}`),
    ask('DELETE', `/groups/${group}/grants/${resource}`),
    ask('DELETE', `/resources/${resource}`),
    ask('DELETE', `/groups/${group}`),
    ask('DELETE', `/groups/${parent}`),
    ask('DELETE', `/users/${user}`),
  ]
}

/** What an interrupted life has left. */
async function removeMarked(databaseUrl: string, mark: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query(`DELETE FROM resources WHERE name LIKE $1 || '%'`, [mark])
    await client.query(`DELETE FROM groups WHERE name LIKE $1 || '%'`, [mark])
    await client.query(`DELETE FROM users WHERE id LIKE $1 || '%'`, [mark])
  })
}
