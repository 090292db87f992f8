/** What a user's first read costs: a miss of everything that is theirs, beside the one SQL statement that it replaces. */
import type { Bench } from '../harness/bench.ts'
import { newcomer } from '../harness/data-set.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'
import { untilCaching } from '../harness/until-caching.ts'

export interface FirstReadsResult {
  readonly resources: number
  readonly atOnce: number
  /** `BY_SQL`, then `THROUGH_CACHE`. */
  readonly standings: readonly Standing[]
}

export const BY_SQL = 'by SQL (no-cache)'
export const THROUGH_CACHE = 'through the cache'

const AT_ONCE = [1, 4, 16]
const EXTENTS = {
  quick: { scales: [1000, 10_000], slices: 4, perSlice: 100, warmUp: 150 },
  full: { scales: [1000, 10_000, 200_000], slices: 9, perSlice: 250, warmUp: 400 },
} as const
/** So that a slow version ends too; slices are compared by their rate. */
const SLICE_MS = 1500

export async function measureFirstReads(bench: Bench): Promise<FirstReadsResult[]> {
  const { scales, slices, perSlice, warmUp } = EXTENTS[bench.extent]
  const each = warmUp + slices * perSlice
  const names = Array.from({ length: each * AT_ONCE.length }, (_, index) => newcomer(index))
  const users = await bench.stack.headersOf(names)
  const results: FirstReadsResult[] = []
  for (const resources of scales) {
    bench.log(`first reads, ${resources} resources`)
    const { databaseUrl } = await bench.dataSet(resources)
    const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
    try {
      await untilCaching(bench.stack, server)
      for (const [turn, atOnce] of AT_ONCE.entries()) {
        const own = users.slice(turn * each, (turn + 1) * each)
        const requests = own.map((headers) => ({ path: '/resources', headers }))
        const bySql = own.map((headers) => ({
          path: '/resources',
          headers: { ...headers, 'cache-control': 'no-cache' },
        }))
        const standings = await compare(
          [
            { server, name: BY_SQL, requests: bySql },
            { server, name: THROUGH_CACHE, requests, order: 'once' },
          ],
          { connections: atOnce, slices, sliceMs: SLICE_MS, sliceRequests: perSlice, warmUpRequests: warmUp },
        )
        results.push({ resources, atOnce, standings })
      }
    } finally {
      await server.stop()
    }
  }
  return results
}
