/** A followed catalogue whose log, database and checkpoint the test writes, and whose clock it moves. */
import { afterEach, vi } from 'vitest'
import type { InvalidationIndex, LogBatch, Stamp } from '../../cache/index.ts'
import { barrier, createFakeClock, stamp, xid } from '../../cache/testing/index.ts'
import { bucketTag, resourceTag } from '../keys.ts'
import type { ResourceId } from '../model.ts'
import type { CatalogueItem, ResourceState } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { createFollowedCatalogue, type FollowedCatalogue, type LoadedBucket } from './followed-catalogue.ts'
import { idIn, itemOf, team, timeless } from './test-items.ts'

export const RETRY_MS = 250
export const TTL_MS = 3_600_000
export const MINUTE_MS = 60_000
const opened: FollowedCatalogue[] = []
afterEach(() => Promise.all(opened.splice(0).map((followed) => followed.close())))

export const item = (bucket: number, name: string): CatalogueItem =>
  itemOf(idIn(bucket, name.charCodeAt(0)), name, [[team, 'read']])
export const is = (of: CatalogueItem, over: Partial<CatalogueItem> = {}): ResourceState => ({
  id: of.id,
  item: { ...of, ...over },
})
export const gone = ({ id }: CatalogueItem): ResourceState => ({ id, item: null })
/** A row that names resources; its buckets are there for others. */
export const row = (...changes: readonly ResourceState[]) => ({
  xid: xid(20),
  tags: changes.flatMap(({ id }) => [resourceTag(id), bucketTag(Number.parseInt(id.slice(0, 2), 16))]),
})
export const batch = (...changes: readonly ResourceState[]): LogBatch<ResourceState> => ({
  position: stamp('20:20:'),
  rows: [row(...changes)],
  changes,
})
/** A row that names whole buckets. */
export const wholly = (...buckets: number[]): LogBatch<ResourceState> => ({
  position: stamp('20:20:'),
  rows: [{ xid: xid(20), tags: buckets.map(bucketTag) }],
  changes: [],
})

export function setUp({ bucketCount = 2 } = {}) {
  const clock = createFakeClock()
  const catalogue = createCatalogue()
  /** What PostgreSQL has. */
  const stored = new Map<ResourceId, CatalogueItem>()
  const asked: number[][] = []
  const failed: unknown[] = []
  const seen: string[] = []
  const server = {
    stamp: stamp('20:20:'),
    position: stamp('20:20:'),
    failure: null as Error | null,
    beforeSnapshot: async () => {},
    afterSnapshot: async () => {},
    /** What the log has yet to bring. */
    catchUp: async (_target: Stamp) => {},
  }
  const checkpoint = {
    loaded: [] as LoadedBucket[],
    asked: [] as number[][],
    beforeAnswer: async () => {},
    holds: vi.fn((_number: number, _stamp: Stamp) => true),
  }
  const followed = createFollowedCatalogue({
    catalogue,
    bucketCount,
    ttlMs: TTL_MS,
    clock,
    events: {
      miss: (layer) => seen.push(`miss ${layer}`),
      loaded: (layer, ms) => seen.push(`loaded ${layer} ${ms}`),
    },
    index: {
      get position() {
        return server.position
      },
    } as InvalidationIndex,
    source: {
      async catalogueBuckets(buckets) {
        asked.push([...buckets])
        await server.beforeSnapshot()
        if (server.failure) throw server.failure
        const [all, at] = [[...stored.values()], server.stamp]
        await server.afterSnapshot()
        const of = (bucket: number) => all.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) === bucket)
        return { stamp: at, values: new Map(buckets.map((bucket) => [bucket, of(bucket)])) }
      },
    },
    checkpoint: {
      async *load(numbers) {
        checkpoint.asked.push([...numbers])
        await checkpoint.beforeAnswer()
        yield* checkpoint.loaded
      },
      holds: checkpoint.holds,
    },
    onFailed: (cause) => failed.push(cause),
  })
  opened.push(followed)
  const caughtUp: Stamp[] = []
  const follower = {
    ready: Promise.resolve(),
    async catchUp(target: Stamp) {
      caughtUp.push(target)
      await server.catchUp(target)
    },
  }
  const store = (...items: CatalogueItem[]) => {
    for (const each of items) stored.set(each.id, each)
  }
  async function started() {
    followed.start(follower)
    await followed.whole()
    asked.length = 0
  }
  /** Holds the next load before it has its snapshot, or once it has it. */
  function hold(where: 'beforeSnapshot' | 'afterSnapshot') {
    const held = barrier()
    server[where] = () => {
      server[where] = async () => {}
      return held.arrive()
    }
    return held
  }
  const names = () =>
    timeless(catalogue)
      .visible([team], { count: 100 })
      ?.map(({ name }) => name)
  const versionOf = ({ id }: CatalogueItem) => {
    const found = timeless(catalogue).visibleOne([team], { id })
    return found ? (JSON.parse(found.json.toString()) as CatalogueItem).version : null
  }
  return {
    clock,
    seen,
    catalogue,
    stored,
    store,
    asked,
    failed,
    server,
    checkpoint,
    followed,
    follower,
    caughtUp,
    started,
    hold,
    names,
    versionOf,
  }
}

export const [ant, bee, cow] = [item(0, 'ant'), item(0, 'bee'), item(1, 'cow')]
