/** One store under the contract: how a test gets at it, and the entries that the tests use. */
import type { EntryKey, EntryRead, EntryStore, Fill, LayerName, Lease } from '../entry-store.ts'
import { defineLayers } from '../layers.ts'

/** What the suite needs of a test runner: vitest's functions, or jest's. */
export interface TestRunner {
  /** Groups tests. */
  readonly describe: (name: string, tests: () => void) => unknown
  /** Declares one test. */
  readonly it: (name: string, test: () => Promise<void>) => unknown
  /** Runs before each test of the suite. */
  readonly beforeEach: (run: () => Promise<void>) => unknown
  /** Runs after each test of the suite. */
  readonly afterEach: (run: () => Promise<void>) => unknown
  /** Assertions as of jest. */
  readonly expect: Expect
}

export interface Expect {
  (actual: unknown): Matchers & { readonly not: Matchers }
  any(type: unknown): unknown
  anything(): unknown
  stringMatching(pattern: RegExp): unknown
}

export interface Matchers {
  toBe(expected: unknown): void
  toBeGreaterThan(expected: number): void
  toBeLessThanOrEqual(expected: number): void
  toBeNull(): void
  toContain(expected: unknown): void
  toEqual(expected: unknown): void
  toHaveLength(expected: number): void
  toMatchObject(expected: object): void
}

/** One empty store, and what Redis or others may do to it. */
export interface EntryStoreHarness {
  readonly store: EntryStore
  /** Lets this many milliseconds pass for the store. */
  elapse(ms: number): Promise<void>
  /** Puts any bytes under the key, as another program would. */
  overwrite(key: EntryKey, bytes: Buffer, ttlMs: number): Promise<void>
  /** Removes the entry behind the store. */
  evict(key: EntryKey): Promise<void>
  /** Removes the lease behind the store. */
  evictLease(key: EntryKey): Promise<void>
  /** Removes the generation of the layer behind the store. */
  evictGeneration(layer: LayerName): Promise<void>
  /** After each test. */
  close(): Promise<void>
}

/** The table that the suite's entries are of: a store is opened for it. */
export const CONTRACT_LAYERS = defineLayers({
  resources: { key: () => 'resources:all', ttl: { hours: 12 }, retention: 'lasting' },
  'user-groups': { key: (user: string) => `user:groups:{${user}}`, ttl: { minutes: 15 } },
  'user-resources': {
    key: (user: string) => `resources:{${user}}`,
    ttl: { minutes: 15 },
    from: ['resources', 'user-groups'],
  },
})

export const aliceGroups = 'user:groups:{alice}' as EntryKey
export const aliceList = 'resources:{alice}' as EntryKey
export const bobList = 'resources:{bob}' as EntryKey
export const catalogue = 'resources:all' as EntryKey
export const layer: LayerName = 'user-resources'

export const LEASE_MS = 60_000
export const TTL_MS = 60_000

export function entryBytes(fillId: string, generation: string, body = 'body'): Buffer {
  return Buffer.from(`portcullis1 ${fillId} ${generation}\n{}\n${body}`)
}

export const fillId = (name: string) => name.padEnd(16, '.')

/** The store that is open for the present test, and what most tests do with it. */
export interface StoreUnderTest {
  readonly harness: EntryStoreHarness
  readonly store: EntryStore
  lease(key?: EntryKey, options?: { leaseMs?: number; layer?: LayerName }): Promise<Lease>
  fillOf(held: Lease, id: string, more?: Partial<Fill>): Fill
  fill(held: Lease, id: string, more?: Partial<Fill>): Promise<boolean | undefined>
  /** Leases and fills. */
  stored(id: string, more?: Partial<Fill>): Promise<boolean | undefined>
  read(key?: EntryKey, of?: LayerName): Promise<EntryRead>
  /** The last line of an entry that was found; otherwise what was answered instead. */
  bodyOf(answer: EntryRead | undefined): string | undefined
}

/** @param harness the one that is open for the present test */
export function storeUnderTest(harness: () => EntryStoreHarness): StoreUnderTest {
  async function lease(key = aliceList, options: { leaseMs?: number; layer?: LayerName } = {}): Promise<Lease> {
    const [taken] = await harness().store.takeLeases([
      { key, layer: options.layer ?? layer, leaseMs: options.leaseMs ?? LEASE_MS },
    ])
    if (!taken) throw new Error(`the lease of ${key} is held by another`)
    return taken
  }

  function fillOf(held: Lease, id: string, more: Partial<Fill> = {}): Fill {
    const body = more.bytes?.toString() ?? `body of ${id}`
    const bytes = entryBytes(fillId(id), held.generation, body)
    return { key: aliceList, layer, lease: held, ttlMs: TTL_MS, ...more, bytes }
  }

  const fill = async (held: Lease, id: string, more?: Partial<Fill>) =>
    (await harness().store.fill([fillOf(held, id, more)]))[0]

  return {
    get harness() {
      return harness()
    },
    get store() {
      return harness().store
    },
    lease,
    fillOf,
    fill,
    stored: async (id, more) => fill(await lease(more?.key, more), id, more),
    read: async (key = aliceList, of = layer) => (await harness().store.read([{ key, layer: of }]))[0] as EntryRead,
    bodyOf: (answer) => (answer?.kind === 'found' ? answer.bytes.toString().split('\n')[2] : answer?.kind),
  }
}
