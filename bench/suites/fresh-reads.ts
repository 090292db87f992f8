/** One reader, one change to what they see, and the read that must show it: it presents the change's token. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { type LatencyMs, latencyOf } from '../harness/statistics.ts'
import { type Client, createClient } from '../harness/timed.ts'
import { untilCaching } from '../harness/until-caching.ts'

export interface FreshReadsResult {
  readonly resources: number
  readonly readMs: LatencyMs
  readonly changeMs: LatencyMs
}

interface Instance {
  readonly resources: number
  readonly server: Server
  readonly client: Client
  readonly readMs: number[]
  readonly changeMs: number[]
}

const WARM_UP = 10

/** Round robin over the instances: what the machine does meanwhile, it does to all of them. */
export async function measureFreshReads(bench: Bench): Promise<FreshReadsResult[]> {
  const instances: Instance[] = []
  try {
    for (const resources of bench.scales) instances.push(await start(bench, resources))
    bench.log('fresh reads after one update')
    const [root = {}] = await bench.stack.headersOf(['root'])
    for (let round = -WARM_UP; round < bench.repeats; round++) {
      const [reader = {}] = await bench.stack.headersOf([readerOf(50, (round + WARM_UP) % READERS_PER_SIZE)])
      for (const instance of instances) await changeAndRead(instance, { round, root, reader })
    }
    return instances.map(({ resources, readMs, changeMs }) => ({
      resources,
      readMs: latencyOf(readMs),
      changeMs: latencyOf(changeMs),
    }))
  } finally {
    for (const { client, server } of instances) {
      client.close()
      await server.stop()
    }
  }
}

async function start(bench: Bench, resources: number): Promise<Instance> {
  const { databaseUrl } = await bench.dataSet(resources)
  const server = await startService(bench.stack, { name: `portcullis-${resources}`, databaseUrl, prefix: newPrefix() })
  await untilCaching(bench.stack, server)
  return { resources, server, client: createClient(server.url), readMs: [], changeMs: [] }
}

type Headers = Readonly<Record<string, string>>

async function changeAndRead(
  { client, readMs, changeMs }: Instance,
  { round, root, reader }: { round: number; root: Headers; reader: Headers },
): Promise<void> {
  const before = JSON.parse((await client.ask('GET', '/resources', reader)).body) as { data: { id: string }[] }
  const changed = before.data[Math.abs(round) % before.data.length]
  const description = `changed in round ${round}`
  const change = await client.ask('PATCH', `/resources/${changed?.id}`, root, { description })
  if (change.status !== 200) throw new Error(`the change was answered with ${change.status}: ${change.body}`)
  const read = await client.ask('GET', '/resources', { ...reader, 'consistency-token': change.consistencyToken })
  if (!read.body.includes(description)) throw new Error(`the read after the change does not show it: ${read.status}`)
  if (round < 0) return
  changeMs.push(change.ms)
  readMs.push(read.ms)
}
