/**
 * Notices when the hot path has become much slower: its ratio to the bare Express that runs beside it in the same
 * seconds, with generous tolerance. No time is compared with any other day's or machine's.
 */
import type { Bench } from './harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from './harness/data-set.ts'
import { newPrefix, startPeer, startService } from './harness/servers.ts'
import { compare } from './harness/slices.ts'

/** A hit costs at most this many times the processor time of a constant answer; see docs/performance.md for what it is. */
const MOST_TIMES_BARE_EXPRESS = 3.5

export async function guard(bench: Bench): Promise<boolean> {
  const { databaseUrl } = await bench.dataSet(1000)
  const ours = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
  const answer = await fetch(`${ours.url}/resources`, { headers: readers[0] ?? {} })
  const environment = { BODY_BASE64: Buffer.from(await answer.arrayBuffer()).toString('base64') }
  const bare = await startPeer(bench.stack, { name: 'bare-express', environment })
  const requests = readers.map((headers) => ({ path: '/resources', headers }))
  try {
    const [, hit] = await compare(
      [
        { server: bare, name: 'bare', requests },
        { server: ours, name: 'hit', requests },
      ],
      { slices: 20, warmUpRequests: 15_000 },
    )
    const times = 1 / ((hit?.toFirst.processor ?? hit?.toFirst.throughput)?.median ?? 0)
    const passed = times <= MOST_TIMES_BARE_EXPRESS && hit?.failures === 0
    bench.log(`a hit costs ${times.toFixed(2)} times a constant answer; allowed: ${MOST_TIMES_BARE_EXPRESS}`)
    return passed
  } finally {
    await Promise.all([ours.stop(), bare.stop()])
  }
}
