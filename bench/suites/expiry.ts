/** Access with an end: what it costs a hit, and what a hundred thousand ends in one second cost readers. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf, withClient } from '../harness/data-set.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'
import { measureStorm, RESOURCES, type Storm, type StormOptions } from './expiry-storm.ts'

export const ENDLESS = 'hit, nothing ends'
export const ENDING = 'hit, the membership ends in ten days'

/** A full collection of garbage falls into some of these seconds, and into others not. */
const STORMS = 3

export interface ExpiryResult {
  readonly hits: readonly Standing[]
  readonly inLoops: Storm
  /** At half the rate that closed loops reach before. */
  readonly atHalf: Storm
}

export async function measureExpiry(bench: Bench): Promise<ExpiryResult> {
  const { databaseUrl } = await bench.dataSet(RESOURCES)
  const readers = Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at))
  const endless = readers.filter((_, at) => at % 2 === 0)
  const ending = readers.filter((_, at) => at % 2 === 1)
  const hits = await measureHits(bench, { databaseUrl, endless, ending })
  const inLoops = await measureStorms(bench, { databaseUrl, unconcerned: endless, rate: null })
  const rate = Math.round(inLoops.before.perSecond / 2)
  return { hits, inLoops, atHalf: await measureStorms(bench, { databaseUrl, unconcerned: endless, rate }) }
}

/** @returns of several, the one in which the p99 of the readers who lose accesses rose by the median */
async function measureStorms(bench: Bench, options: StormOptions): Promise<Storm> {
  const storms: Storm[] = []
  for (let round = 0; round < (bench.extent === 'quick' ? 1 : STORMS); round++)
    storms.push(await measureStorm(bench, options))
  const rise = ({ before, during }: Storm) => during.concernedP99Ms / before.concernedP99Ms
  const [middle] = storms.sort((one, other) => rise(one) - rise(other)).slice(Math.floor(storms.length / 2))
  if (!middle) throw new Error('no storm was measured')
  return middle
}

async function measureHits(
  bench: Bench,
  {
    databaseUrl,
    endless,
    ending,
  }: { readonly databaseUrl: string; readonly endless: readonly string[]; readonly ending: readonly string[] },
): Promise<readonly Standing[]> {
  bench.log('hits with an end')
  return withClient(databaseUrl, async (client) => {
    await client.query(
      `UPDATE memberships SET expires_at = now() + interval '10 days' WHERE user_id = ANY ($1::text[])`,
      [ending],
    )
    const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
    try {
      const requestsOf = async (users: readonly string[]) =>
        (await bench.stack.headersOf(users)).map((headers) => ({ path: '/resources', headers }))
      return await compare(
        [
          { server, name: ENDLESS, requests: await requestsOf(endless) },
          { server, name: ENDING, requests: await requestsOf(ending) },
        ],
        bench.comparison,
      )
    } finally {
      await server.stop()
      await client.query('UPDATE memberships SET expires_at = NULL WHERE user_id = ANY ($1::text[])', [ending])
    }
  })
}
