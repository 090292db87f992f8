/** A 304 beside a bare Express's: the least that a conditional read can cost. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { newPrefix, startPeer, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'

export const BARE_304 = 'bare Express, 304'
export const OURS_304 = 'Portcullis, 304'

export async function measureNotModified(bench: Bench): Promise<Standing[]> {
  bench.log('304')
  const { databaseUrl } = await bench.dataSet(1000)
  const ours = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const bare = await startPeer(bench.stack, { name: 'bare-express' })
  try {
    const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
    const path = '/resources'
    const having = (headers: Record<string, string>, etag: string) => ({
      path,
      headers: { ...headers, 'if-none-match': etag },
    })
    const own = []
    for (const headers of readers) {
      const { headers: answered } = await fetch(ours.url + path, { headers })
      own.push(having(headers, answered.get('etag') ?? ''))
    }
    const constant = readers.map((headers) => having(headers, '"constant"'))
    return await compare(
      [
        { server: bare, name: BARE_304, requests: constant, expectedStatus: 304 },
        { server: ours, name: OURS_304, requests: own, expectedStatus: 304 },
      ],
      bench.comparison,
    )
  } finally {
    await Promise.all([ours.stop(), bare.stop()])
  }
}
