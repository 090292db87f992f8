/** Forty people who see everything, one change to what all of them see, and everybody reads at once. */
import type { Bench } from '../harness/bench.ts'
import type { Server } from '../harness/servers.ts'
import { type LatencyMs, latencyOf } from '../harness/statistics.ts'
import { createClient } from '../harness/timed.ts'
import type { WideKind } from '../harness/wide-data-set.ts'

export interface CrowdResult {
  readonly readers: number
  readonly rounds: number
  readonly statuses: Readonly<Record<string, number>>
  readonly latencyMs: LatencyMs
}

/** Those who see everything; one more sees 50. */
const CROWD = 40
const FIRST_OF_CROWD = 100
const EXTENTS = { quick: { rounds: 3, capMs: 15_000 }, full: { rounds: 60, capMs: 40_000 } } as const

export async function measureCrowd(bench: Bench, server: Server, kinds: readonly WideKind[]): Promise<CrowdResult> {
  const { rounds, capMs } = EXTENTS[bench.extent]
  bench.log(`${CROWD} people who see everything, and a change to it`)
  const [usual] = kinds
  const widest = kinds.reduce((one, other) => (other.sees > one.sees ? other : one))
  const names = Array.from({ length: CROWD }, (_, at) => widest.reader(FIRST_OF_CROWD + at))
  const readers = await bench.stack.headersOf([...names, usual?.reader(FIRST_OF_CROWD) ?? ''])
  const [root = {}] = await bench.stack.headersOf(['root'])
  const clients = readers.map(() => createClient(server.url))
  const readAll = () =>
    Promise.all(readers.map((headers, at) => clients[at]?.ask('GET', '/resources', headers))).then((answers) =>
      answers.flatMap((answer) => answer ?? []),
    )
  const statuses: Record<string, number> = {}
  const ms: number[] = []
  try {
    const held = await Promise.all([clients[0]?.ask('GET', '/resources', readers[0] ?? {})])
    const { data } = JSON.parse(held[0]?.body ?? '') as { data: { id: string }[] }
    await readAll()
    const startedMs = performance.now()
    let round = 0
    for (; round < rounds && (round === 0 || performance.now() - startedMs < capMs); round++) {
      const changed = data[round % data.length]?.id
      const change = { description: `changed in round ${round}, ${Date.now()}` }
      const { status } = (await clients[0]?.ask('PATCH', `/resources/${changed}`, root, change)) ?? { status: 0 }
      if (status !== 200) throw new Error(`the change was answered with ${status}`)
      for (const answer of await readAll()) {
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        ms.push(answer.ms)
      }
    }
    return { readers: readers.length, rounds: round, statuses, latencyMs: latencyOf(ms) }
  } finally {
    for (const client of clients) client.close()
  }
}
