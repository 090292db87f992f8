/** The main job while all of Redis is away: every answer is one SQL statement. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { newPrefix, startPeer, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'

export async function measureFallback(bench: Bench): Promise<Standing[]> {
  const { databaseUrl } = await bench.dataSet(1000)
  const readers = Array.from({ length: READERS_PER_SIZE }, (_, index) => readerOf(50, index))
  const requests = (await bench.stack.headersOf(readers)).map((headers) => ({ path: '/resources', headers }))
  const prisma = await startPeer(bench.stack, { name: 'prisma-sql', databaseUrl })
  const ours = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  bench.log('fallback: Redis is stopped')
  try {
    await bench.stack.local.stopAllRedis()
    const contenders = [
      { server: prisma, name: 'SQL through Prisma', requests },
      { server: ours, name: 'Portcullis, Redis away', requests },
    ]
    return await compare(contenders, { ...bench.comparison, warmUpRequests: bench.comparison.warmUpRequests / 10 })
  } finally {
    await Promise.all([ours.stop(), prisma.stop()])
    await bench.stack.local.startAllRedis()
    await bench.stack.local.waitForHealthyRedis()
  }
}
