/** What traces cost: the same hit with none, with one request in a hundred traced, and with each; in slices that alternate. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'

export const OFF = 'no traces'
export const SAMPLED = 'one request in a hundred'
const EVERY = 'each request'

/** Instances of one program differ by more than the traces cost, by how V8 happened to compile them. */
export const INSTANCES = 3
export const instanceOf = (name: string, at: number) => (at === 0 ? name : `${name}, instance ${at + 1}`)

/** Now the one is measured first, and now the other. */
const VARIANTS: readonly { readonly name: string; readonly ratio?: string }[] = [
  ...Array.from({ length: INSTANCES }, (_, at) => {
    const pair = [{ name: instanceOf(OFF, at) }, { name: instanceOf(SAMPLED, at), ratio: '0.01' }]
    return at % 2 === 0 ? pair : pair.reverse()
  }).flat(),
  { name: EVERY, ratio: '1' },
]
/** The difference is small: many short slices, so that each has its neighbours to be compared with. */
const ROUNDS = 3

export async function measureTracing(bench: Bench): Promise<Standing[]> {
  bench.log('hits with and without traces')
  const { databaseUrl } = await bench.dataSet(1000)
  const collector = await startCollector()
  const servers: Server[] = []
  try {
    for (const { ratio } of VARIANTS) {
      const environment = ratio === undefined ? {} : traced(collector.endpoint, ratio)
      servers.push(await startService(bench.stack, { databaseUrl, prefix: newPrefix(), environment }))
    }
    const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
    const requests = readers.map((headers) => ({ path: '/resources', headers }))
    const standings = await compare(
      servers.map((server, at) => ({ server, name: VARIANTS[at]?.name ?? '', requests })),
      { ...bench.comparison, slices: ROUNDS * bench.comparison.slices },
    )
    if (collector.receivedBytes() === 0) throw new Error('no spans were received')
    return standings
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
    collector.close()
  }
}

const traced = (endpoint: string, ratio: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: ratio,
})

/** Takes everything and looks at nothing: it shares its processor with the load. */
async function startCollector() {
  let received = 0
  const server = http.createServer((req, res) => {
    req.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    req.on('end', () => res.setHeader('content-type', 'application/json').end('{}'))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}`, receivedBytes: () => received, close: () => server.close() }
}
