/** A hit through the cache as a package, beside bentocache with the same handler. */
import pg from 'pg'
import { applyMigrations } from '../../src/package/postgres.ts'
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { type Server, startPeer } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'

export const PACKAGE = 'the package, hit'
export const BENTOCACHE = 'bentocache, hit'

/** Not the default, which is also the name of the service's role: its tables would hide the service's from it. */
const SCHEMA = 'package_bench'

export async function measurePackage(bench: Bench): Promise<Standing[]> {
  bench.log('the package beside bentocache')
  const { databaseUrl } = await bench.dataSet(1000)
  await migrate(databaseUrl)
  const bento = await startPeer(bench.stack, { name: 'bentocache-reads.mjs', databaseUrl })
  const ours = await startPeer(bench.stack, {
    name: 'package-reads',
    databaseUrl,
    environment: { PACKAGE_SCHEMA: SCHEMA },
  })
  try {
    const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
    const requests = readers.map((headers) => ({ path: '/page', headers }))
    for (const server of [bento, ours]) await sees(server, readers[0] ?? {}, 50)
    return await compare(
      [
        { server: bento, name: BENTOCACHE, requests },
        { server: ours, name: PACKAGE, requests },
      ],
      bench.comparison,
    )
  } finally {
    await Promise.all([bento.stop(), ours.stop()])
  }
}

async function migrate(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await applyMigrations(client, SCHEMA)
  await client.end()
}

async function sees({ url }: Server, headers: Readonly<Record<string, string>>, count: number): Promise<void> {
  const { data } = (await (await fetch(`${url}/page`, { headers })).json()) as { data: unknown[] }
  if (data.length !== count) throw new Error(`expected ${count} items, got ${data.length}`)
}
