/** What Redis pays: the processor time of its one thread for what a hit, a miss and an invalidation ask of it. */

import { randomBytes } from 'node:crypto'
import { type EntryKey, LARGEST_ENTRY_BYTES } from '../../src/cache/index.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import { createConnection } from '../../src/redis/connection.ts'
import { createKeys } from '../../src/redis/keys.ts'
import type { ScriptedRedis } from '../../src/redis/scripts.ts'
import type { Bench } from '../harness/bench.ts'

export interface RedisCosts {
  readonly calls: readonly { readonly name: string; readonly us: number; readonly perItemUs: number }[]
  /** What a list of a 12.5 KB page takes in memory, in bytes. */
  readonly bytesPerList: number
}

const LAYER = 'user-resources'
const GENERATION = 'g'.repeat(16)
const PAGE_BYTES = 12_500
const LISTS = 1000

export async function measureRedisCosts(bench: Bench): Promise<RedisCosts> {
  bench.log('what Redis pays')
  const keys = createKeys(`bench:${randomBytes(4).toString('hex')}:`, LAYERS)
  const { host, port } = { host: '127.0.0.1', port: await bench.stack.masterPort() }
  const connection = createConnection({ settings: { url: `redis://${host}:${port}` }, role: 'master' })
  const { redis } = connection
  const names = Array.from({ length: LISTS }, (_, at) => keys.entry(`resources:{user-${at}}` as EntryKey))
  const fillId = (at: number) => at.toString(16).padStart(16, '0')
  const put = async () => {
    for (let at = 0; at < LISTS; at++)
      await redis.set(
        names[at] ?? '',
        `portcullis1 ${fillId(at)} ${GENERATION}\n${'x'.repeat(PAGE_BYTES)}`,
        'PX',
        900_000,
      )
  }
  const still = (count: number) => () =>
    redis.stillCurrent(
      count + 1,
      keys.generation(LAYER),
      ...names.slice(0, count),
      1,
      names
        .slice(0, count)
        .map((_, at) => fillId(at))
        .join(''),
    )
  try {
    await new Promise<void>((resolve) => redis.once('ready', resolve))
    await put()
    const bytesPerList = Number(await redis.memory('USAGE', names[0] ?? ''))
    await redis.set(keys.generation(LAYER), GENERATION)
    const calls = []
    for (const count of [1, 20, 256])
      calls.push(await measured(redis, `are these ${count} still current`, count, bench.repeats * 10, still(count)))
    const read = () => redis.readEntryBuffer(names[0] ?? '', keys.generation(LAYER), 1, '', LARGEST_ENTRY_BYTES)
    calls.push(await measured(redis, 'read a page of 12.5 KB', 1, bench.repeats * 10, read))
    const remove = () => redis.invalidateEntries(LISTS, ...names, 1)
    calls.push(await measured(redis, 'remove 1,000 lists', 1000, 1, remove))
    return { calls, bytesPerList }
  } finally {
    await redis.unlink(...names)
    connection.close()
  }
}

async function measured(
  redis: ScriptedRedis,
  name: string,
  items: number,
  times: number,
  call: () => Promise<unknown>,
) {
  const before = await scripts(redis)
  for (let time = 0; time < times; time++) await call()
  const after = await scripts(redis)
  const us = (after.us - before.us) / (after.calls - before.calls)
  return { name, us, perItemUs: us / items }
}

/** Scripts by their hash, or read-only, or by their text when the server does not know them yet. */
async function scripts(redis: ScriptedRedis): Promise<{ calls: number; us: number }> {
  const sum = { calls: 0, us: 0 }
  for (const [, calls, us] of (await redis.info('commandstats')).matchAll(/cmdstat_eval\w*:calls=(\d+),usec=(\d+)/g)) {
    sum.calls += Number(calls)
    sum.us += Number(us)
  }
  return sum
}
