/** The main read at every size of list, beside bare Express, other libraries and plain SQL, in alternating slices. */
import { Redis } from 'ioredis'
import type { Bench } from '../harness/bench.ts'
import { type ListSize, READERS_PER_SIZE, readerOf, SIZES } from '../harness/data-set.ts'
import { newPrefix, type Server, startPeer, startService } from '../harness/servers.ts'
import { type Contender, compare, type Standing } from '../harness/slices.ts'

export interface EndpointResults {
  readonly bytes: Readonly<Record<string, number>>
  readonly hit: Readonly<Record<string, readonly Standing[]>>
  readonly notModified: readonly Standing[]
  readonly peers: readonly Standing[]
}

type Headers = Readonly<Record<string, string>>

export async function measureHits(bench: Bench): Promise<EndpointResults> {
  const { databaseUrl } = await bench.dataSet(1000)
  const ours = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const passThrough = await startPeer(bench.stack, { name: 'redis-pass-through' })
  const redis = new Redis({ host: '127.0.0.1', port: await bench.stack.masterPort() })
  const bytes: Record<string, number> = {}
  const hit: Record<string, Standing[]> = {}
  let notModified: Standing[] = []
  let peers: Standing[] = []
  try {
    for (const size of SIZES) {
      const readers = await readersOf(bench, size)
      const pages = await Promise.all(readers.map((headers) => pageOf(ours, size, headers)))
      for (const [index, { body }] of pages.entries())
        await redis.set(`pass-through:${readers[index]?.['x-reader']}`, body)
      bytes[size] = pages[0]?.body.length ?? 0
      const body = pages[0]?.body ?? Buffer.alloc(0)
      const bare = await bareExpress(bench, body)
      const bareLogging = await bareExpress(bench, body, { ACCESS_LOG: '1' })
      const requests = readers.map((headers) => ({ path: pathOf(size), headers }))
      const contenders = [
        { server: bare, name: 'bare Express, constant', requests },
        { server: bareLogging, name: 'bare Express with the same pino-http', requests },
        { server: ours, name: 'Portcullis, hit', requests },
        { server: passThrough, name: 'node:http + Redis pass-through', requests },
      ]
      bench.log(`hit, ${size} items`)
      hit[size] = await compare(contenders, bench.comparison)
      if (size === 50) {
        bench.log('304')
        notModified = await compare(conditional(bare, ours, readers, pages), bench.comparison)
        bench.log('peers')
        peers = await comparePeers(bench, { databaseUrl, beside: contenders, readers })
      }
      await Promise.all([bare.stop(), bareLogging.stop()])
    }
  } finally {
    redis.disconnect()
    await Promise.all([ours.stop(), passThrough.stop()])
  }
  return { bytes, hit, notModified, peers }
}

const pathOf = (size: ListSize) => (size > 50 ? `/resources?limit=${size}` : '/resources')

async function readersOf({ stack }: Bench, size: ListSize): Promise<Headers[]> {
  return stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, index) => readerOf(size, index)))
}

/** Requested twice: the first answer may be a miss. */
async function pageOf({ url }: Server, size: ListSize, headers: Headers): Promise<{ body: Buffer; etag: string }> {
  await fetch(url + pathOf(size), { headers }).then((answer) => answer.arrayBuffer())
  const answer = await fetch(url + pathOf(size), { headers })
  const body = Buffer.from(await answer.arrayBuffer())
  const { data } = JSON.parse(body.toString()) as { data: unknown[] }
  if (answer.status !== 200 || data.length !== size) throw new Error(`expected ${size} items, got ${data.length}`)
  return { body, etag: answer.headers.get('etag') ?? '' }
}

function bareExpress({ stack }: Bench, body: Buffer, environment: Record<string, string> = {}): Promise<Server> {
  return startPeer(stack, {
    name: 'bare-express',
    environment: { BODY_BASE64: body.toString('base64'), ...environment },
  })
}

function conditional(bare: Server, ours: Server, readers: Headers[], pages: { etag: string }[]): Contender[] {
  const withEtag = (etagOf: (index: number) => string) =>
    readers.map((headers, index) => ({ path: '/resources', headers: { ...headers, 'if-none-match': etagOf(index) } }))
  return [
    { server: bare, name: 'bare Express, 304', requests: withEtag(() => '"constant"'), expectedStatus: 304 },
    {
      server: ours,
      name: 'Portcullis, 304',
      requests: withEtag((index) => pages[index]?.etag ?? ''),
      expectedStatus: 304,
    },
  ]
}

const PEERS = [
  ['straightforward', 'straightforward: verify, GET, parse, res.json'],
  ['bentocache.mjs', 'bentocache, two tiers'],
  ['cache-manager.mjs', 'cache-manager, two tiers'],
  ['prisma-sql', 'SQL through Prisma'],
] as const

async function comparePeers(
  bench: Bench,
  { databaseUrl, beside, readers }: { databaseUrl: string; beside: Contender[]; readers: Headers[] },
): Promise<Standing[]> {
  const requests = readers.map((headers) => ({ path: '/resources', headers }))
  const contenders = [...beside]
  for (const [program, name] of PEERS)
    contenders.push({ server: await startPeer(bench.stack, { name: program, databaseUrl }), name, requests })
  try {
    return await compare(contenders, bench.comparison)
  } finally {
    for (const { server } of contenders.slice(beside.length)) await server.stop()
  }
}
