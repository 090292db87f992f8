/** Decisions by AuthZEN beside a bare Express that parses the same POST: for users who are asked about only, and for users who have read their lists. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { startLoadGenerator } from '../harness/load.ts'
import { newPrefix, type Server, startPeer, startService } from '../harness/servers.ts'
import { compare, type Standing, standingNamed } from '../harness/slices.ts'
import type { WireRequest } from '../harness/wire.ts'
import { atRate, type LatencyPoint } from './latency.ts'

export const BARE_POST = 'bare Express, the same POST'
export const BY_GROUPS = 'one evaluation, no list read before'
export const BY_LIST = 'one evaluation, list held'
export const BATCH = 'a batch of 50, list held'

const BATCH_SIZE = 50

export interface EvaluationResult {
  readonly standings: readonly Standing[]
  /** One evaluation and the bare server, at half of what one evaluation reaches. */
  readonly atHalf: readonly LatencyPoint[]
}

export async function measureEvaluations(bench: Bench): Promise<EvaluationResult> {
  bench.log('evaluations')
  const { databaseUrl } = await bench.dataSet(1000)
  const byGroups = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const byList = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const bare = await startPeer(bench.stack, { name: 'bare-express' })
  const load = startLoadGenerator()
  try {
    const readers = Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at))
    const resources = await listsOf(bench, byList, readers)
    const [headers = {}] = await bench.stack.headersOf(['root'])
    const post = (path: string, body: unknown): WireRequest => ({ method: 'POST', path, headers, body })
    const subject = (id: string) => ({ type: 'user', id })
    const action = { name: 'read' }
    const single = readers.map((id, at) =>
      post('/access/v1/evaluation', { subject: subject(id), action, resource: resources[at]?.[0] }),
    )
    const batches = readers.map((id, at) =>
      post('/access/v1/evaluations', {
        subject: subject(id),
        action,
        evaluations: resources[at]?.slice(0, BATCH_SIZE).map((resource) => ({ resource })),
      }),
    )
    const standings = await compare(
      [
        { server: bare, name: BARE_POST, requests: single },
        { server: byGroups, name: BY_GROUPS, requests: single },
        { server: byList, name: BY_LIST, requests: single },
        { server: byList, name: BATCH, requests: batches },
      ],
      bench.comparison,
    )
    const rate = Math.round(standingNamed(standings, BY_LIST).perSecond.median / 2)
    const servers = [
      { server: bare, name: BARE_POST },
      { server: byList, name: BY_LIST },
    ]
    const requests = single.map(({ path, headers, body }) => ({
      method: 'POST' as const,
      path,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }))
    return { standings, atHalf: await atRate(bench, load, { rate, requests, servers }) }
  } finally {
    load.close()
    await Promise.all([byGroups.stop(), byList.stop(), bare.stop()])
  }
}

/** What each may see, as AuthZEN names it; the server holds their lists afterwards. */
async function listsOf({ stack }: Bench, { url }: Server, readers: readonly string[]) {
  const lists = []
  for (const headers of await stack.headersOf(readers)) {
    const answer = await fetch(`${url}/resources`, { headers })
    const { data } = (await answer.json()) as { data: { kind: string; name: string }[] }
    lists.push(data.map(({ kind: type, name: id }) => ({ type, id })))
  }
  return lists
}
