/** One key, one entry that is derived from it, and instances that share the store and the log. */
import { afterEach, vi } from 'vitest'
import type { Clock } from './clock.ts'
import { createCopies } from './copies.ts'
import { type Entry, fillIdIn } from './entry-codec.ts'
import type { EntryKey, LayerName } from './entry-store.ts'
import { createInvalidationIndex, type LogRow } from './invalidation-index.ts'
import { createLayer, type LayerEvents, type LayerRead, type Loaded } from './layer.ts'
import type { Wanted } from './loads.ts'
import { createLogFollower, type LogFollower } from './log-follower.ts'
import { createReadThrough } from './read-through.ts'
import type { StoreWait } from './store-wait.ts'
import type { Tag } from './tags.ts'
import {
  createFakeClock,
  createFaultyStore,
  createInMemoryEntryStore,
  entries,
  type InMemoryEntryStore,
  settle,
  snapshot,
  stamp,
  xid,
} from './testing/index.ts'

export const key = 'user:groups:{alice}' as EntryKey
export const listKey = 'resources:{alice}' as EntryKey
export const alice = 'u:alice' as Tag
export const TTL_MS = 60_000
export const LEASE_MS = 2000
export const POLL_MS = 250
export const BOUND_MS = 5000

const followers: LogFollower[] = []
afterEach(() => Promise.all(followers.splice(0).map((follower) => follower.close())))

function recording(seen: string[]): LayerEvents {
  return {
    hit: (layer, from) => seen.push(`hit ${layer}${from === 'master' ? '' : ` from ${from}`}`),
    miss: (layer) => seen.push(`miss ${layer}`),
    rejected: (layer, why) => seen.push(`rejected ${layer} ${why}`),
    loaded: (layer, ms) => seen.push(`loaded ${layer} ${ms}`),
    fillRefused: (layer) => seen.push(`refused ${layer}`),
    leaseWaited: (layer, ms) => seen.push(`waited ${layer} ${ms}`),
  }
}

export async function setUp({ events = true } = {}) {
  const clock = createFakeClock()
  const store = createFaultyStore(createInMemoryEntryStore({ clock }))
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
  const log = {
    position: stamp('20:20:'),
    rows: [] as LogRow[],
    /** What the database's clock shows; the log says nothing of it where this is undefined. */
    clock: undefined as (() => number) | undefined,
    failure: null as Error | null,
    gate: async () => {},
  }
  async function answer() {
    store.calls.push('log')
    await log.gate()
    if (log.failure) throw log.failure
    const at = log.clock?.()
    return { position: log.position, rows: log.rows, floor: snapshot('1:1:'), ...(at !== undefined && { atMs: at }) }
  }
  const follower = createLogFollower({
    log: { readSince: answer, readPast: answer, subscribe: () => ({ close: async () => {} }) },
    index,
    clock,
    pollMs: POLL_MS,
    boundMs: BOUND_MS,
    graceMs: 30_000,
    retentionMs: { volatile: TTL_MS, lasting: TTL_MS },
  })
  followers.push(follower)
  follower.start()
  await follower.ready
  await settle()
  // The next read of the log may begin at once.
  clock.nowMs += 2
  store.calls.length = 0

  const seen: string[] = []
  const loads: string[] = []
  /** How long each wait for a lease was asked to last. */
  const waits: number[] = []
  let decoded = 0
  const waiting: Clock = {
    ...clock,
    monotonicMs: clock.monotonicMs,
    sleep(ms) {
      waits.push(ms)
      return clock.sleep(ms)
    },
  }

  /** Another instance: it shares the store and the log, and holds copies of its own. */
  function instance({ shape = 1 } = {}) {
    const dependencies = { index, follower, clock: waiting, entries, events: events ? recording(seen) : {} }
    const layerOf = (name: LayerName) =>
      createLayer<string>(
        {
          name,
          retention: 'volatile',
          ttlMs: TTL_MS,
          // A reader that waits out the lease on its input still holds its own.
          leaseMs: name === 'user-resources' ? 2 * LEASE_MS : LEASE_MS,
          shape,
          codec: {
            encode: (value) => ({ body: Buffer.from(value), meta: { length: value.length } }),
            decode({ body }: Entry) {
              decoded++
              if (body.toString() === 'poison') throw new TypeError('no such value')
              return body.toString()
            },
          },
          copies: createCopies({ maxBytes: 1_000_000 }),
        },
        dependencies,
      )
    const [layer, lists] = [layerOf('user-groups'), layerOf('user-resources')]
    const reads = createReadThrough({ ...dependencies, store })
    type Load = () => Promise<Loaded<string>>
    const groups = (load: Load): Wanted<string> => ({ layer, key, load })
    const list = (load: Wanted<string, string>['load'], loadInput: Load): Wanted<string, string> => ({
      layer: lists,
      key: listKey,
      input: groups(loadInput),
      load,
    })
    return {
      layer,
      lists,
      read: (load: Load, wait?: StoreWait) => reads.tryRead(groups(load), wait),
      always: (load: Load) => reads.read(groups(load)),
      copy: () => reads.held({ layer, key }),
      alwaysList: (load: Wanted<string, string>['load'], loadInput: Load) => reads.read(list(load, loadInput)),
      readList: (load: Wanted<string, string>['load'], loadInput: Load, wait?: StoreWait) =>
        reads.tryRead(list(load, loadInput), wait),
    }
  }

  const loading = (value: string, over: Partial<Loaded<string>> = {}) =>
    vi.fn(async (): Promise<Loaded<string>> => {
      store.calls.push(`load ${value}`)
      loads.push(value)
      return { value, stamp: stamp('20:20:'), tags: [alice], ...over }
    })
  const never = async (): Promise<never> => {
    throw new Error('nothing is loaded here')
  }
  /** Derives from the input, and lives no longer than that. */
  const deriving = vi.fn(async (input: () => Promise<LayerRead<string>>): Promise<Loaded<string>> => {
    const { value, stamp: at, tags, ttlMs } = await input()
    store.calls.push('derive')
    return { value: `list of ${value}`, stamp: at, tags, ttlMs }
  })
  /** What it is, after the time that a read of the log may have to wait for the one before. */
  async function soon<T>(reading: Promise<T>): Promise<T> {
    reading.catch(() => {})
    await clock.advance(2)
    return reading
  }
  const leftMs = (of: EntryKey) => (store.entries.get(of)?.expiresAtMs ?? Number.NaN) - clock.nowMs
  /** A commit that the log tells of from now on. */
  function commit(id: number, tags: readonly Tag[]) {
    log.position = stamp(`${id + 1}:${id + 1}:`)
    log.rows = [{ xid: xid(id), tags }]
  }
  return {
    ...{
      clock,
      store,
      index,
      log,
      follower,
      seen,
      loads,
      waits,
      instance,
      loading,
      never,
      deriving,
      soon,
      commit,
      leftMs,
    },
    ...instance(),
    decodedTimes: () => decoded,
  }
}

export const fillIdOf = (store: InMemoryEntryStore) => fillIdIn(store.entries.get(key)?.bytes ?? Buffer.alloc(0))

/** The entry has so much left to live. */
export function leaveMs({ entries: stored, faults }: InMemoryEntryStore, ms: number): void {
  faults.overwrite(key, stored.get(key)?.bytes ?? Buffer.alloc(0), ms)
}
