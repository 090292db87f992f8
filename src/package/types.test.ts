/** Wrong code fails to compile. The type check reports a `@ts-expect-error` that no longer hides an error. */
import type pg from 'pg'
import { describe, expectTypeOf, it } from 'vitest'
import { type Cache, createCache, defineLayers, defineTag } from './index.ts'
import { postgresLog, sql } from './postgres.ts'
import { sentinelRedis, singleRedis } from './redis.ts'
import { memoryRedis } from './testing.ts'

type UserId = string & { readonly __brand: 'UserId' }
const layers = defineLayers({
  tenants: { key: () => 'tenants:all', ttl: { hours: 12 }, retention: 'lasting' },
  visible: { key: (user: UserId) => `visible:{${user}}`, ttl: { minutes: 15 }, from: ['tenants'] },
})
type RowsOf<L> = L extends import('./index.ts').Layers<infer R extends import('./index.ts').LayerRows> ? R : never
interface Seen {
  readonly thing: string
}

/** Compiled, never run. */
function compiled(cache: Cache<RowsOf<typeof layers>, pg.PoolClient, ReturnType<typeof sql>>, ann: UserId) {
  const read = cache.reader('visible', (user) => sql<Seen>`SELECT thing FROM things WHERE user_id = ${user}`)
  expectTypeOf(read(ann)).resolves.toEqualTypeOf<readonly Readonly<Seen>[]>()
  const counted = cache.reader('tenants', () => sql<Seen>`SELECT thing FROM things`, { map: (rows) => rows.length })
  expectTypeOf(counted()).resolves.toEqualTypeOf<number>()
  // @ts-expect-error a layer that is not declared
  cache.reader('visibel', () => sql`SELECT 1`)
  // @ts-expect-error an id of another kind
  read('ann')
  // @ts-expect-error a part too few
  read()
  // @ts-expect-error a part too many
  counted(ann)
  // @ts-expect-error a column that the row does not have
  cache.reader('visible', () => sql<Seen>`SELECT 1`, { map: ([row]) => row?.cents })
  // @ts-expect-error rows instead of a statement
  cache.reader('visible', async () => [{ thing: 'a' }])
  // @ts-expect-error a tag that defineTag did not make
  cache.tagged('g:gold')
  // @ts-expect-error an entry of a layer that is not declared
  cache.entry('visibel', ann)
  // @ts-expect-error an id of another kind
  cache.entry('visible', 7)
  // @ts-expect-error a whole layer that is not declared
  cache.layer('visibel')
  // @ts-expect-error a rule that names nothing
  cache.mutate('join', [() => undefined], async () => {})
  // @ts-expect-error work that is not a promise, so that the commit could come first
  cache.mutate('join', [cache.entry('visible', ann)], () => 7)
}

function compiledOptions(pool: pg.Pool, secret: string) {
  const right = { layers, redis: memoryRedis(), log: postgresLog({ pool }), secret }
  createCache(right)
  const { secret: _secret, ...withoutSecret } = right
  // @ts-expect-error no secret
  createCache(withoutSecret)
  // @ts-expect-error rows instead of what defineLayers returns
  createCache({ ...right, layers: { tenants: { key: () => 'a', ttl: { hours: 1 } } } })
  // @ts-expect-error no TTL
  defineLayers({ tenants: { key: () => 'a' } })
  // @ts-expect-error a TTL without a unit
  defineLayers({ tenants: { key: () => 'a', ttl: 900 } })
  // @ts-expect-error neither pool nor URL
  postgresLog({})
  // @ts-expect-error both
  postgresLog({ pool, url: 'postgres://…' })
  // @ts-expect-error no prefix: other programs may use this Redis
  singleRedis({ url: 'redis://…' })
  // @ts-expect-error no Sentinel
  sentinelRedis({ prefix: 'shop:' })
}

describe('the types of the package', () => {
  it('refuse what cannot be right', () => {
    expectTypeOf(compiled).toBeFunction()
    expectTypeOf(compiledOptions).toBeFunction()
    expectTypeOf(defineTag('g')).returns.toEqualTypeOf<import('./index.ts').Tag>()
  })
})
