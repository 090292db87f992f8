/** An instance is ready before it has its catalogue; until it has, PostgreSQL answers, and that is another measurement. */
import type { BenchStack } from './bench-stack.ts'
import { readerOf } from './data-set.ts'
import type { Server } from './servers.ts'
import { createClient } from './timed.ts'

const ASK_EVERY_MS = 50

/** @returns how long it took until a read came from the cache, in milliseconds */
export async function untilCaching(stack: BenchStack, { url }: Server): Promise<number> {
  const [headers = {}] = await stack.headersOf([readerOf(50, 0)])
  const client = createClient(url)
  const sinceMs = performance.now()
  try {
    for (;;) {
      const { status, cacheStatus } = await client.ask('GET', '/resources', headers)
      if (status !== 200) throw new Error(`a read at the start was answered with ${status}`)
      if (!cacheStatus.includes('bypass')) return performance.now() - sinceMs
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
    }
  } finally {
    client.close()
  }
}
