/** The examples of the package, run from the packed tarball: an Express shop and a plain server, two instances of each. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { becomes } from '../support/becomes.ts'
import { type Packed, unpack } from '../support/packed.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { dropDatabase, emptyDatabase } from '../support/stack.ts'

let packed: Packed
let redis: RedisServer
let databaseUrl: string
let database: pg.Client

beforeAll(() => {
  packed = unpack()
  packed.generateClient()
})
afterAll(() => packed?.close())

beforeEach(async () => {
  redis = await startRedisServer()
  databaseUrl = await emptyDatabase()
  database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  await database.query(`
    CREATE TABLE prices (customer_group text, article text, cents integer, PRIMARY KEY (customer_group, article));
    INSERT INTO prices VALUES ('gold', 'tea', 100), ('silver', 'tea', 150)`)
  const triggers = path.join(packed.folder, 'triggers.json')
  writeFileSync(triggers, JSON.stringify({ 'public.prices': [{ tag: 'g', column: 'customer_group' }] }))
  packed.command('migrate', '--url', databaseUrl, '--triggers', triggers)
})
afterEach(async () => {
  packed.stop()
  await database?.end()
  if (databaseUrl) await dropDatabase(databaseUrl)
  await redis?.close()
})

it('is one package of 150 kB at most, whose doors open for ESM, CommonJS and their types', { timeout: 180_000 }, () => {
  expect(packed.bytes).toBeLessThanOrEqual(150_000)
  expect(packed.lint('publint', '--strict')).toContain('All good!')
  // Node 10 does not know exports, and the package needs Node 20.
  expect(packed.lint('attw', '--profile', 'node16', '--pack')).not.toContain('🥴')
  // Misspelt layers and wrong arguments fail to compile there.
  packed.compile('types.mts')
})

it('has a shop of 25 lines at most, which its README shows', () => {
  const shop = readFileSync(new URL('../examples/package/shop.mjs', import.meta.url), 'utf8')
  expect(shop.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(25)
  expect(readFileSync(new URL('../../docs/package.md', import.meta.url), 'utf8')).toContain(shop)
})

describe('rules.mjs, a service’s own test of its rules', () => {
  const proved = (release?: Parameters<Packed['run']>[2]) =>
    packed.run('rules.mjs', { DATABASE_URL: databaseUrl }, release)

  it('passes while SQL, rules and triggers agree', () => {
    const { code, text } = proved()
    expect([code, text]).toEqual([0, expect.stringContaining('pass 2')])
  })

  it('fails where a rule is left out, and says which entry it forgot', () => {
    const { code, text } = proved({ text: ", cache.entry('prices', to)]", instead: ']' })
    expect(code).toBe(1)
    expect(text).toContain('moveArticle and the database disagree about what goes stale')
    expect(text).toContain('prices bronze, forgotten by the rules: [] → [{"article":"tea","cents":100}]')
  })

  it('fails where a trigger is missing', async () => {
    await database.query('DROP TRIGGER portcullis_update ON prices')
    const { code, text } = proved()
    expect(code).toBe(1)
    expect(text).toContain('prices gold, forgotten by the triggers')
  })
})

describe.each([
  { program: 'shop.mjs', key: 'shop:prices:{gold}' },
  { program: 'plain.cjs', key: 'plain:prices:{gold}' },
])('$program', ({ program, key }) => {
  let one: string
  let other: string
  let environment: Record<string, string>

  beforeEach(async () => {
    environment = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      CACHE_SECRET: randomBytes(32).toString('hex'),
    }
    ;[one, other] = (await Promise.all([packed.start(program, environment), packed.start(program, environment)])) as [
      string,
      string,
    ]
    await becomes(() => cached(key), true)
  })

  /** Reads until the entry lies in Redis: an instance answers from the database until it follows the log. */
  async function cached(name: string): Promise<boolean> {
    await Promise.all([priceAt(one), priceAt(other)])
    return (await redis.admin.exists(name)) === 1
  }

  async function priceAt(instance: string, token?: string): Promise<number> {
    const [row] = await rowsAt(instance, token)
    return row?.cents ?? -1
  }

  async function rowsAt(instance: string, token?: string) {
    const answer = await fetch(`${instance}/prices/gold`, { headers: token ? { 'Consistency-Token': token } : {} })
    expect(answer.status).toBe(200)
    return (await answer.json()) as { article: string; cents?: number }[]
  }

  async function change(instance: string, cents: number): Promise<string> {
    const answer = await fetch(`${instance}/prices/gold/tea?cents=${cents}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ cents }),
    })
    expect(answer.ok).toBe(true)
    return answer.headers.get('Consistency-Token') ?? ''
  }

  it('shows a change on every instance at once, and keeps what it does not concern', async () => {
    for (let cents = 200; cents < 220; cents++) {
      await change(cents % 2 ? one : other, cents)
      expect(await Promise.all([priceAt(one), priceAt(other)])).toEqual([cents, cents])
    }
    await fetch(`${one}/prices/silver`)
    const silver = await redis.admin.getBuffer(key.replace('gold', 'silver'))
    await change(one, 300)
    expect(silver).not.toBeNull()
    expect(await redis.admin.getBuffer(key.replace('gold', 'silver'))).toEqual(silver)
  })

  it('does not believe an entry whose delete was lost', async () => {
    const old = await redis.admin.getBuffer(key)
    const token = await change(one, 200)
    await redis.admin.set(key, old as Buffer, 'PX', 60_000)
    expect(await priceAt(one)).toBe(200)
    await redis.admin.set(key, old as Buffer, 'PX', 60_000)
    expect(await priceAt(other, token)).toBe(200)
    expect(await priceAt(other)).toBe(200)
  })

  it('has two releases of different shape side by side: neither reads the other’s entries, both see every change', async () => {
    const next = await packed.start(program, environment, {
      text: 'article, cents',
      instead: 'article, cents AS price',
    })
    const shapes = () => Promise.all([rowsAt(one), rowsAt(next), rowsAt(other)])
    const written = new Set<string>()
    for (let cents = 300; cents < 310; cents++) {
      await change(cents % 2 ? one : next, cents)
      const [old] = await shapes()
      const expected = [[{ article: 'tea', cents }], [{ article: 'tea', price: cents }], [{ article: 'tea', cents }]]
      expect(old).toEqual(expected[0])
      // In turn, so that each finds what the other release has just stored under the same name.
      for (const [at, instance] of [one, next, other].entries()) {
        expect(await rowsAt(instance)).toEqual(expected[at])
        const stored = (await redis.admin.getBuffer(key))?.toString() ?? ''
        for (const form of ['"cents":', '"price":']) if (stored.includes(form)) written.add(form)
      }
    }
    expect([...written].sort()).toEqual(['"cents":', '"price":'])
  })

  it('sees what another writer changes by SQL', async () => {
    await database.query(`UPDATE prices SET cents = 400 WHERE customer_group = 'gold'`)
    await becomes(() => Promise.all([priceAt(one), priceAt(other)]), [400, 400], 1000)
  })

  it('answers without Redis, and as truthfully', async () => {
    await redis.kill()
    for (let cents = 500; cents < 510; cents++) {
      await change(cents % 2 ? one : other, cents)
      expect(await Promise.all([priceAt(one), priceAt(other)])).toEqual([cents, cents])
    }
    await redis.restart()
    await becomes(() => cached(key), true)
    await change(one, 600)
    // An instance that has not found Redis again yet deletes nothing there; the other learns of its change by the log.
    await becomes(() => Promise.all([priceAt(one), priceAt(other)]), [600, 600], 1000)
  })
})
