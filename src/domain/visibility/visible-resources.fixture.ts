import {
  covers,
  createEntryCodec,
  createInvalidationIndex,
  createReadThrough,
  type Judged,
  type LogFollower,
  type LogRow,
  parseSnapshot,
  type RetentionClass,
  type Stamp,
  type Tag,
} from '../../cache/index.ts'
import { createFakeClock, createInMemoryEntryStore } from '../../cache/testing/index.ts'
import type { ResourceQuery } from '../api.ts'
import { createCursorCodec } from '../cursor.ts'
import { createFreshness } from '../freshness.ts'
import { bucketOf, retentionOf } from '../keys.ts'
import type { UserId, VisibleResource } from '../model.ts'
import type { CacheSource, GroupNode } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import { createLayers } from './layers.ts'
import { createResourcePages } from './resource-page.ts'
import { idIn, itemOf, team } from './test-items.ts'
import { createVisibleResources } from './visible-resources.ts'

const SECRET = '0123456789abcdef0123456789abcdef'
const DATABASE = 'database'
export const alice = 'alice' as UserId
export const first: ResourceQuery = { limit: 50 }
export const plans = Array.from({ length: 60 }, (_, n) => itemOf(idIn(n, n), `plan-${100 + n}`, [[team, 'read']]))
export const at = (xmax: number): Stamp => ({ database: DATABASE, snapshot: parseSnapshot(`${xmax}:${xmax}:`) })
export const row = (xid: number, ...tags: Tag[]) => ({ xid, tags }) as unknown as LogRow
export const group: GroupNode = { id: team, name: 'team', parentId: null, role: 'member', until: null }

const createStore = () => createInMemoryEntryStore({ clock: { monotonicMs: () => 0 } })

/** How many items a page shows. */
export const size = ({ body }: { body: Buffer }) => (JSON.parse(body.toString()) as { data: unknown[] }).data.length

/** An instance whose log goes on only when the test says so. */
export function createInstance(shared = createStore()) {
  const clock = createFakeClock()
  const entries = createEntryCodec(SECRET)
  const index = createInvalidationIndex({ retentionOf, maxTags: 100 })
  index.reset({ position: at(10), floor: at(0).snapshot, rows: [] })
  const catalogue = createCatalogue()
  for (const [bucket, items] of Map.groupBy(plans, ({ id }) => bucketOf(id)))
    catalogue.replace(bucket, bucketOfItems(items))
  const instance = {
    clock,
    index,
    store: shared,
    isWhole: true,
    /** By the database's clock, as far as it is known. */
    now: { earliestMs: 999, latestMs: 1001 },
    /** Of the reads of the log. */
    positionMs: 1000 as number | null,
    isReadable: true,
    /** With the next read of the log. */
    fallsBehind: false,
    /** What the next read of the log brings. */
    upcoming: [] as LogRow[],
    logReads: 0,
    /** Of the next loads of groups; the last stays. */
    groups: [{ value: [group], stamp: at(10) }] as { value: GroupNode[]; stamp: Stamp }[],
    sql: [] as string[],
  }
  async function readLog() {
    await null
    if (!instance.isReadable) throw new Error('the log cannot be read')
    instance.logReads++
    if (instance.fallsBehind) instance.isWhole = false
    const rows = instance.upcoming.splice(0)
    const before = Number(index.position?.snapshot.xmax ?? 0)
    const xmax = Math.max(before + 1, ...rows.map(({ xid }) => Number(xid) + 1))
    index.advance(at(xmax).snapshot, rows)
  }
  const follower = {
    trust: () => 'following',
    isOverdue: () => false,
    judge: ({ stamp, tags, until = null }: Judged, retention: RetentionClass) =>
      until !== null && until <= instance.now.latestMs ? 'ended' : index.judge(stamp, tags, retention),
    time: { earliestMs: () => instance.now.earliestMs, latestMs: () => instance.now.latestMs },
    positionMs: () => instance.positionMs,
    barrier: () =>
      readLog().then(
        () => true,
        () => false,
      ),
    async catchUp({ snapshot }: Stamp) {
      if (index.position && covers(index.position.snapshot, snapshot)) return
      await readLog()
    },
  } as unknown as LogFollower
  const bySql: VisibleResource[] = []
  const source = {
    async effectiveGroups() {
      instance.sql.push('groups')
      const loaded = instance.groups.length > 1 ? instance.groups.shift() : instance.groups[0]
      await null
      return loaded
    },
    async visibleList() {
      instance.sql.push('list')
      return { value: { groups: [group], items: bySql, until: null }, stamp: index.position }
    },
    async visible() {
      instance.sql.push('page')
      return bySql
    },
  } as unknown as CacheSource
  const events = {}
  const visible = createVisibleResources({
    reads: createReadThrough({ store: instance.store, follower, clock, entries, events }),
    layers: createLayers({ index, follower, clock, entries, events }),
    catalogue,
    followed: { isWhole: () => instance.isWhole },
    index,
    follower,
    clock,
    freshness: createFreshness({ index, follower, tokenWaitMs: 100 }),
    source,
    pages: createResourcePages(createCursorCodec(SECRET)),
  })
  return { ...instance, instance, visible, catalogue }
}
