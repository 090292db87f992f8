/** The example of docs/lifting-the-cache.md: another service's data, cached by src/cache alone. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
// #region wiring
import {
  type Clock,
  createCopies,
  createEntryCodec,
  createInvalidationIndex,
  createLayer,
  createLogFollower,
  createMutationRunner,
  createReadThrough,
  type EntryKey,
  type EntryStore,
  type InvalidationLog,
  isVisible,
  type LogRow,
  mutation,
  parseSnapshot,
  parseXid,
  type Stamp,
  tag,
  tagKind,
  type UnitOfWork,
} from '../../src/cache/index.ts'
import { createInMemoryEntryStore, type InMemoryEntryStore } from '../support/in-memory-entry-store.ts'

interface Tx {
  setPrice(article: string, cents: number): Promise<void>
}
interface Ports {
  store: EntryStore
  log: InvalidationLog
  unitOfWork: UnitOfWork<Tx, { actor: string }>
  clock: Clock
  /** The same on all instances: entries that were not made with it are not believed. */
  secret: string
  /** The price, and the snapshot of the very statement that read it. */
  loadPrice(article: string): Promise<{ cents: number; stamp: Stamp }>
}

const priceTag = (article: string) => tag(tagKind('p'), article)
const priceKey = (article: string) => `price:{${encodeURIComponent(article)}}` as EntryKey

const changePrice = mutation<Tx, { article: string; cents: number }>('changePrice')
  .invalidates(async (_tx, { article }) => ({
    tags: [priceTag(article)],
    keys: [{ layer: 'resources', key: priceKey(article) }],
    layers: [],
  }))
  .write((tx, { article, cents }) => tx.setPrice(article, cents))

async function createPrices({ store, log, unitOfWork, clock, secret, loadPrice }: Ports) {
  const index = createInvalidationIndex({ retentionOf: () => 'lasting', maxTags: 100_000 })
  const retentionMs = { volatile: 1_020_000, lasting: 1_020_000 }
  const follower = createLogFollower({ log, index, clock, pollMs: 250, boundMs: 5000, graceMs: 30_000, retentionMs })
  const dependencies = { store, index, follower, clock, entries: createEntryCodec(secret), events: {} }
  const layer = createLayer<number>(
    {
      name: 'resources',
      retention: 'lasting',
      ttlMs: 900_000,
      leaseMs: 2000,
      shape: 1,
      codec: {
        encode: (cents) => ({ body: Buffer.from(String(cents)) }),
        decode: ({ body }) => Number(body.toString()),
      },
      copies: createCopies({ maxBytes: 1024 * 1024 }),
    },
    dependencies,
  )
  const reads = createReadThrough(dependencies)
  const runner = createMutationRunner({ unitOfWork, store, index })
  follower.start()
  await follower.ready
  return {
    price: (article: string) =>
      reads.read({
        layer,
        key: priceKey(article),
        async load() {
          const { cents, stamp } = await loadPrice(article)
          return { value: cents, stamp, tags: [priceTag(article)] }
        },
      }),
    change: (article: string, cents: number) => runner.run(changePrice, { article, cents }, { actor: 'buyer' }),
    close: () => follower.close(),
  }
}
// #endregion wiring

describe('the cache, lifted into another service', () => {
  it('stores what it loads and answers from it', async () => {
    await withShop(async ({ prices }) => {
      expect(await prices.price('tea')).toMatchObject({ value: 300, outcome: 'stored' })
      expect(await prices.price('tea')).toMatchObject({ value: 300, outcome: 'hit' })
    })
  })

  it('never shows the old price after a change', async () => {
    await withShop(async ({ prices }) => {
      await prices.price('tea')
      expect(await prices.change('tea', 350)).toMatchObject({ store: 'invalidated' })
      expect(await prices.price('tea')).toMatchObject({ value: 350, outcome: 'stored' })
    })
  })

  it('nor when the delete in the store was lost: the entry is still there and is refused', async () => {
    await withShop(async ({ prices, store }) => {
      await prices.price('tea')
      store.faults.unavailable('down')
      expect(await prices.change('tea', 350)).toMatchObject({ store: 'unavailable' })
      store.faults.unavailable(null)
      expect(await store.inspect(priceKey('tea'), 'resources')).not.toBeNull()
      expect(await prices.price('tea')).toMatchObject({ value: 350, outcome: 'stored' })
    })
  })

  it('answers from memory while the store is away, and never with the old price', async () => {
    await withShop(async ({ prices, store }) => {
      await prices.price('tea')
      store.faults.unavailable('down')
      expect(await prices.price('tea')).toMatchObject({ value: 300, outcome: 'hit', detail: 'memory' })
      await prices.change('tea', 350)
      expect(await prices.price('tea')).toMatchObject({ value: 350, outcome: 'not-stored', detail: 'memory' })
    })
  })

  it('asks the database while the log is lost, though an entry is there', async () => {
    await withShop(async ({ prices, loseLog }) => {
      await prices.price('tea')
      loseLog()
      expect(await prices.price('tea')).toMatchObject({ value: 300, outcome: 'not-stored', detail: 'log-behind' })
    })
  })

  it('is shown in the document exactly as it is run here', () => {
    const source = readFileSync(new URL(import.meta.url), 'utf8')
    const shown = source.slice(source.indexOf('// #region wiring\n') + 18, source.indexOf('// #endregion wiring'))
    const document = readFileSync(new URL('../../docs/lifting-the-cache.md', import.meta.url), 'utf8')
    expect(document).toContain(shown.replace('../../src/cache/index.ts', './cache/index.ts'))
  })
})

/** A database of one table: every transaction is over at once, so a snapshot is the next transaction's id. */
function createShop() {
  const table = new Map([['tea', 300]])
  const rows: LogRow[] = []
  let next = 100
  const stamp = (): Stamp => ({ database: 'shop', snapshot: parseSnapshot(`${next}:${next}:`) })
  const identity = () => ({ database: 'shop', xid: parseXid(String(next - 1)), snapshot: stamp().snapshot })
  const log: InvalidationLog = {
    readSince: async (since) => ({ position: stamp(), rows: rows.filter(({ xid }) => !isVisible(xid, since)) }),
    readPast: async () => ({ position: stamp(), floor: stamp().snapshot, rows: [] }),
    subscribe: () => ({ close: async () => {} }),
  }
  const unitOfWork: UnitOfWork<Tx, { actor: string }> = {
    async run(_context, work) {
      next++
      return work({ setPrice: async (article, cents) => void table.set(article, cents) })
    },
    async appendInvalidation(_tx, _context, { tags }) {
      rows.push({ xid: identity().xid, tags })
      return identity()
    },
    identify: async () => identity(),
    audit: async () => {},
  }
  return { log, unitOfWork, loadPrice: async (article: string) => ({ cents: table.get(article) ?? 0, stamp: stamp() }) }
}

async function withShop(
  work: (shop: {
    prices: Awaited<ReturnType<typeof createPrices>>
    store: InMemoryEntryStore
    loseLog: () => void
  }) => Promise<void>,
): Promise<void> {
  let aheadMs = 0
  const shop = createShop()
  const clock: Clock = {
    monotonicMs: () => performance.now() + aheadMs,
    wallMs: () => Date.now(),
    sleep: (ms, signal) => delay(ms, undefined, { ...(signal && { signal }) }),
  }
  const store = createInMemoryEntryStore({ clock })
  const prices = await createPrices({ ...shop, store, clock, secret: 'known to the shops of this test alone' })
  try {
    const loseLog = () => {
      shop.log.readSince = () => Promise.reject(new Error('the log is locked'))
      aheadMs = 60_000
    }
    await work({ prices, store, loseLog })
  } finally {
    await prices.close()
  }
}
