import { afterEach, describe, expect, it } from 'vitest'
import {
  type CacheLog,
  type CacheStore,
  createCache,
  defineLayers,
  defineTag,
  type LayerNames,
  type LogRow,
  parseSnapshot,
  parseXid,
  type Snapshot,
} from '../cache/index.ts'
import { faulty, memoryRedis } from './testing.ts'

interface Question {
  readonly row?: Price
  readonly group: string
}
interface Price {
  readonly group: string
  readonly cents: number
  readonly owner?: string
}

/** A database that commits one transaction after the other. */
function createDatabase() {
  const prices = new Map([['gold', 100]])
  const rows: LogRow[] = []
  const asked: string[] = []
  let next = 10
  const snapshot = () => parseSnapshot(`${next}:${next}:`)
  const database = 'one'
  const position = () => ({ database, snapshot: snapshot() })
  /** How far its clock is ahead of this machine's. */
  const clock = { aheadMs: 50_000 }
  const nowMs = () => Date.now() + clock.aheadMs
  const since = (from: Snapshot) => ({
    position: position(),
    atMs: nowMs(),
    rows: rows.filter(({ xid }) => xid >= from.xmax),
  })

  function open(): CacheLog<Map<string, number>, Question> {
    let wake = () => {}
    return {
      log: {
        readSince: async (from) => since(from),
        readPast: async () => ({ ...since(parseSnapshot('1:1:')), floor: parseSnapshot('1:1:') }),
        subscribe: (callback) => {
          wake = callback
          return { close: async () => {} }
        },
      },
      unitOfWork: {
        async run(_context, work) {
          const before = new Map(prices)
          try {
            return await work(prices)
          } catch (error) {
            prices.clear()
            for (const [group, cents] of before) prices.set(group, cents)
            throw error
          } finally {
            wake()
          }
        },
        async appendInvalidation(_tx, _context, { tags }) {
          const xid = parseXid(String(next++))
          rows.push({ xid, tags })
          return { database, xid }
        },
        identify: async () => ({ database, xid: parseXid(String(next++)) }),
        audit: async () => {},
      },
      async load({ group }) {
        asked.push(group)
        const cents = prices.get(group)
        return { rows: cents === undefined ? [] : [{ group, cents, owner: 'ann' }], stamp: position() }
      },
      prune() {},
      close: async () => {},
    }
  }
  return { prices, rows, asked, open, nowMs }
}

const layers = () =>
  defineLayers({
    groups: { key: () => 'groups:all', ttl: { hours: 12 }, retention: 'lasting' },
    prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 }, from: ['groups'] },
  })
const secret = 'the secret of the tests beside this file'
const ofGroup = defineTag('g')
const ofOwner = defineTag('o')
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

async function start(
  database = createDatabase(),
  redis: (names: LayerNames) => CacheStore = memoryRedis(),
  cents = (price?: Price) => price?.cents,
) {
  const cache = createCache({ layers: layers(), redis, log: database.open(), secret, pollMs: 5 })
  open.push(cache)
  await cache.ready
  const price = cache.reader('prices', (group): Question => ({ group }), {
    tags: ofGroup,
    tagsOfRow: ({ owner }) => ofOwner(owner ?? ''),
    map: ([row]) => cents(row),
  })
  const change = (to: number, rules = [cache.entry('prices', 'gold')]) =>
    cache.mutate('change', rules, async (tx) => void tx.set('gold', to))
  return { database, cache, price, change }
}

describe('a reader', () => {
  it('asks the database once for as long as nothing changes', async () => {
    const { database, price } = await start()
    expect([await price('gold'), await price('gold'), await price('none')]).toEqual([100, 100, undefined])
    expect(database.asked).toEqual(['gold', 'none'])
  })

  it('shows a mutation at once, on every instance', async () => {
    const redis = memoryRedis()
    const { database, price, change } = await start(createDatabase(), redis)
    const other = await start(database, redis)
    expect([await price('gold'), await other.price('gold')]).toEqual([100, 100])
    await change(200)
    expect([await price('gold'), await other.price('gold')]).toEqual([200, 200])
  })

  it('shows it where the delete was lost: here at once, elsewhere by its token or by the log', async () => {
    const redis = faulty(memoryRedis())
    const { database, price, change } = await start(createDatabase(), redis)
    const other = await start(database, redis)
    expect([await price('gold'), await other.price('gold')]).toEqual([100, 100])
    redis.fault = 'loses deletes'
    const { token } = await change(200)
    expect(await price('gold')).toBe(200)
    expect(await other.price.after(token, 'gold')).toBe(200)
    expect(await other.price('gold')).toBe(200)
  })

  it('asks again once the first of its rows has ended, by the database’s clock', async () => {
    const { database, cache } = await start()
    const endMs = database.nowMs() + 150
    const groups = cache.reader('groups', () => ({ group: 'gold' }), { untilOfRow: () => new Date(endMs) })
    while (database.nowMs() < endMs - 20) {
      await groups()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(database.asked).toEqual(['gold'])
    await new Promise((resolve) => setTimeout(resolve, endMs - database.nowMs() + 5))
    await groups()
    await groups()
    // What has ended is left out by the loader's statement; this one does not, and nothing of it is kept.
    expect(database.asked).toEqual(['gold', 'gold', 'gold'])
  })

  it('refuses an end that is none', async () => {
    const { cache } = await start()
    const groups = cache.reader('groups', () => ({ group: 'gold' }), { untilOfRow: () => 'soon' })
    await expect(groups()).rejects.toThrow('untilOfRow: soon is not an instant')
  })

  it('goes on without the store', async () => {
    const redis = faulty(memoryRedis())
    const { database, price, change } = await start(createDatabase(), redis)
    await price('gold')
    redis.fault = 'away'
    expect(await price('gold')).toBe(100)
    await change(200)
    expect([await price('gold'), await price('gold')]).toEqual([200, 200])
    expect(database.asked).toEqual(['gold', 'gold'])
  })

  it('goes around the cache where it is told to', async () => {
    const { database, price } = await start()
    await price('gold')
    database.prices.set('gold', 300)
    expect([await price('gold'), await price.fresh('gold'), await price.after('no token of ours', 'gold')]).toEqual([
      100, 300, 300,
    ])
  })

  it('does not read what another release wrote with another loader', async () => {
    const redis = memoryRedis()
    const { database, price } = await start(createDatabase(), redis)
    await price('gold')
    const cache = createCache({ layers: layers(), redis, log: database.open(), secret })
    open.push(cache)
    await cache.ready
    const other = cache.reader('prices', (group): Question => ({ group: group.toLowerCase() }))
    expect(await other('gold')).toEqual([{ group: 'gold', cents: 100, owner: 'ann' }])
    expect(database.asked).toEqual(['gold', 'gold'])
  })

  it('has tags that something can name', async () => {
    const { cache } = await start()
    const groups = cache.reader('groups', (): Question => ({ group: 'gold' }), { tags: () => 'gold' as never })
    await expect(groups()).rejects.toThrow('the reader of groups: a tag is made by what defineTag returns')
  })

  it('gives rows that nobody can change', async () => {
    const { cache } = await start()
    const groups = cache.reader('groups', (): Question => ({ group: 'gold' }))
    const [row] = await groups()
    expect(() => Object.assign(row as object, { cents: 1 })).toThrow(TypeError)
    expect(await groups()).toEqual([{ group: 'gold', cents: 100, owner: 'ann' }])
  })
})

describe('a rule', () => {
  it.each([
    ['an entry', (cache: Started) => cache.entry('prices', 'gold')],
    [
      'entries that the transaction finds',
      (cache: Started) => cache.entries('prices', async (tx) => [...tx.keys()].map((group) => [group])),
    ],
    ['a tag of the reader', (cache: Started) => cache.tagged(ofGroup('gold'))],
    ['a tag of a row', (cache: Started) => cache.tagged(ofOwner('ann'))],
    ['a layer', (cache: Started) => cache.layer('prices')],
    ['the layer it is derived from', (cache: Started) => cache.layer('groups')],
  ])('can name %s', async (_what, rule) => {
    const { cache, price, change } = await start()
    await price('gold')
    await change(200, [rule(cache)])
    expect(await price('gold')).toBe(200)
  })

  it('is needed: a mutation that names nothing is refused before it runs', async () => {
    const { price, change } = await start()
    await expect(change(200, [])).rejects.toThrow('change names nothing that goes stale: give it a rule')
    expect(await price('gold')).toBe(100)
  })

  it.each([
    ['an entry without a list', (cache: Started) => cache.entry('prices', 'gold')],
    ['text', () => ['gold']],
  ])('is a rule, in a list, and not %s', async (_what, rules) => {
    const { cache } = await start()
    const changing = cache.mutate('change', rules(cache) as never, async () => {})
    await expect(changing).rejects.toThrow("change: pass a list of rules, such as [cache.entry('prices', 'gold')]")
  })

  it('names tags and entries that can exist', async () => {
    const { database, cache, change } = await start()
    expect(() => cache.tagged('gold' as never)).toThrow(
      "a tag is made by what defineTag returns, such as ofGroup('gold'); got gold",
    )
    expect(() => cache.tagged(ofGroup as never)).toThrow('got function')
    expect(() => ofGroup(undefined as never)).toThrow('the tag g is of an id')
    expect(() => cache.entry('prices', undefined as never)).toThrow('a part of the name is missing')
    const text = cache.entries('prices', async () => ['gold'] as never)
    await expect(change(200, [text])).rejects.toThrow('entries of prices are lists of their parts')
    expect(database.prices.get('gold')).toBe(100)
  })

  it('counts for nothing when the work throws', async () => {
    const { database, cache, price } = await start()
    await price('gold')
    const failing = cache.mutate('change', [cache.entry('prices', 'gold')], async (tx) => {
      tx.set('gold', 1)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await price('gold')).toBe(100)
    expect(database.rows).toEqual([])
  })
})

it('warns where the log cannot be read from the start, unless somebody is told', async () => {
  const database = createDatabase().open()
  const lost: CacheLog<Map<string, number>, Question> = {
    ...database,
    log: { ...database.log, readPast: () => Promise.reject(new Error('no such table')) },
  }
  const warning = new Promise<Error>((resolve) => process.once('warning', resolve))
  open.push(createCache({ layers: layers(), redis: memoryRedis(), log: lost, secret }))
  expect((await warning).message).toBe('the log cannot be read, so the database answers every read: no such table')
  const told = await new Promise((resolve) => {
    const onTrustChange = (trust: unknown, cause: unknown) => resolve([trust, (cause as Error).message])
    open.push(createCache({ layers: layers(), redis: memoryRedis(), log: lost, secret, onTrustChange }))
  })
  expect(told).toEqual(['lost', 'no such table'])
})

type Started = Awaited<ReturnType<typeof start>>['cache']

describe('options that cannot be right', () => {
  const log = createDatabase().open()
  const right = { layers: layers(), redis: memoryRedis(), log, secret }

  it.each([
    ['a short secret', { secret: 'short' }, /secret: 32 characters or more/],
    ['rows instead of a table', { layers: {} }, /layers: pass what defineLayers/],
    ['no layer', { layers: defineLayers({}) }, /layers: declare one/],
    ['a store', { redis: memoryRedis()(layers()) }, /redis: pass what sentinelRedis/],
    ['a pool', { log: {} }, /log: pass what postgresLog/],
  ])('are refused: %s', (_what, wrong, message) => {
    expect(() => createCache({ ...right, ...wrong } as typeof right)).toThrow(message)
  })

  it('are refused: two readers of one layer, and a tag with a letter that is taken', async () => {
    const { cache } = await start()
    expect(() => cache.reader('prices', (group): Question => ({ group }))).toThrow('prices has a reader already')
    for (const kind of ['e', 'l', 'G', 'price']) expect(() => defineTag(kind)).toThrow('one letter from a to z')
  })
})
