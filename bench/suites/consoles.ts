/** Hits while three consoles are open: each asks for the state of the cache every second and follows the change feed. */
import { createClient } from '../../src/client/index.ts'
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'

export const ALONE = 'hit, no console'
export const WATCHED = 'hit, three consoles open'

const CONSOLES = 3
/** As console/src/api/live.ts. */
const EVERY_MS = 1000

export async function measureConsoles(bench: Bench): Promise<Standing[]> {
  bench.log('three consoles')
  const { databaseUrl } = await bench.dataSet(1000)
  const alone = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const watched = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const closing = new AbortController()
  try {
    const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
    const requests = readers.map((headers) => ({ path: '/resources', headers }))
    const token = await bench.stack.issuer.issue({ subject: 'root', roles: ['admin', 'cache-admin'], ttlSeconds: 3600 })
    const consoles = Array.from({ length: CONSOLES }, () => openConsole(watched, token, closing.signal))
    const failed = Promise.race(consoles).then(() => {
      throw new Error('a console ended while it was measured')
    })
    const measured = compare(
      [
        { server: alone, name: ALONE, requests },
        { server: watched, name: WATCHED, requests },
      ],
      bench.comparison,
    )
    return await Promise.race([measured, failed])
  } finally {
    closing.abort()
    await Promise.all([alone.stop(), watched.stop()])
  }
}

/** Rejects with what a console would show; ends when it is closed. */
async function openConsole({ url }: Server, token: string, signal: AbortSignal): Promise<void> {
  const api = createClient({ baseUrl: url, token: () => token })
  const following = (async () => {
    for await (const event of api.changes({ signal })) if (event.type === 'lost' && event.error) throw event.error
  })()
  const polling = (async () => {
    while (!signal.aborted) {
      await api.getCacheStatus({}, { signal })
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  })()
  await Promise.all([following, polling]).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
