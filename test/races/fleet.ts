/**
 * Several instances of the real read and write path over one in-memory database and one in-memory store. Every step
 * that would cross the network passes a gate, where a test can hold it or a scheduler can order it.
 */
import {
  type Clock,
  createEntryCodec,
  createInvalidationIndex,
  createLogFollower,
  createMutationRunner,
  createReadThrough,
  type EntryStore,
  type InvalidationIndex,
  type LayerEvents,
  type LogFollower,
  type Mutation,
  mutation,
  type Stamp,
  type UnitOfWork,
} from '../../src/cache/index.ts'
import {
  createFakeClock,
  createFaultyStore,
  createInMemoryEntryStore,
  type FakeClock,
  type Faulty,
  type InMemoryEntryStore,
} from '../../src/cache/testing/index.ts'
import type { ReadContext } from '../../src/domain/api.ts'
import { encodeConsistencyToken } from '../../src/domain/consistency-token.ts'
import { createCursorCodec } from '../../src/domain/cursor.ts'
import { createFreshness } from '../../src/domain/freshness.ts'
import {
  bucketOf,
  bucketTag,
  grantsTag,
  layerKey,
  layerTag,
  resourceTag,
  retentionOf,
  userGroupsKey,
  userResourcesKey,
  userTag,
} from '../../src/domain/keys.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import {
  EMPTY_CONTENT,
  type GroupId,
  type ResourceId,
  type UserId,
  type VisibleResource,
} from '../../src/domain/model.ts'
import type { CacheSource, CatalogueGrant, CatalogueItem, GroupNode, ResourceState } from '../../src/domain/source.ts'
import { createCatalogue } from '../../src/domain/visibility/catalogue.ts'
import { createCatalogueCheckpoint } from '../../src/domain/visibility/catalogue-checkpoint.ts'
import { createFollowedCatalogue, type FollowedCatalogue } from '../../src/domain/visibility/followed-catalogue.ts'
import { createLayers } from '../../src/domain/visibility/layers.ts'
import { createResourcePages } from '../../src/domain/visibility/resource-page.ts'
import { createVisibleResources } from '../../src/domain/visibility/visible-resources.ts'
import { Database, type Transaction } from './database.ts'
import { type Ending, endingOf, isLiving, replaced } from './ends.ts'

export type Gate = (instance: string, step: string) => Promise<void>

const BUCKETS = 2
const SECRET = '0123456789abcdef0123456789abcdef'

export interface Instance {
  readonly name: string
  readonly follower: LogFollower
  readonly index: InvalidationIndex
  readonly followed: FollowedCatalogue
  readonly counts: Record<string, number>
  /** Names of the visible resources with the permission, and how the answer came about. */
  list(user: string, context?: ReadContext): Promise<{ names: string[]; cache: string }>
  join(user: string, group: string, until?: number): Promise<string>
  leave(user: string, group: string): Promise<string>
  grant(group: string, resource: string, until?: number): Promise<string>
  revoke(group: string, resource: string): Promise<string>
  /** As `revoke`, where the members are too many to name. */
  revokeFromMany(group: string, resource: string): Promise<string>
  flush(): Promise<string>
  stop(): Promise<void>
}

export interface Fleet {
  readonly database: Database
  readonly store: InMemoryEntryStore & Faulty
  readonly clock: FakeClock
  start(name: string, over?: Partial<InstanceOptions>): Instance
  /** What PostgreSQL says, past every cache. */
  truth(user: string): string[]
  stop(): Promise<void>
}

export interface InstanceOptions {
  readonly wrapStore: (store: EntryStore) => EntryStore
  readonly wrapFollower: (follower: LogFollower) => LogFollower
  readonly wrapIndex: (index: InvalidationIndex) => InvalidationIndex
  /** False: the follower hears no notification and reads only when something waits for it. */
  readonly polls: boolean
}

const DATABASE_AHEAD_MS = 5_000_000_000
/** Wall clocks of instances differ by four seconds; nothing may depend on them. */
const WALL_AHEAD_MS = 2000

const open: Gate = async () => {}

export function createFleet(gate: Gate = open, over: Partial<Pick<Clock, 'sleep'>> = {}): Fleet {
  const clock = Object.assign(createFakeClock(), over)
  const database = new Database()
  database.nowMs = () => clock.nowMs + DATABASE_AHEAD_MS
  const store = createFaultyStore(createInMemoryEntryStore({ clock }))
  const instances: Instance[] = []
  return {
    database,
    store,
    clock,
    start(name, over = {}) {
      const instance = startInstance(name, { database, store, clock, gate }, over)
      instances.push(instance)
      return instance
    },
    truth: (user) => namesOf(visibleAt(database, user, database.stamp())),
    async stop() {
      await Promise.all(instances.map((instance) => instance.stop()))
    },
  }
}

interface Shared {
  readonly database: Database
  readonly store: InMemoryEntryStore & Faulty
  readonly clock: FakeClock
  readonly gate: Gate
}

function startInstance(name: string, shared: Shared, over: Partial<InstanceOptions>): Instance {
  const { database } = shared
  const clock = withWallAhead(shared.clock, name === 'a' ? WALL_AHEAD_MS : -WALL_AHEAD_MS)
  const at = (step: string) => shared.gate(name, step)
  const gated = gatedStore(shared.store, at)
  const store = over.wrapStore?.(gated) ?? gated
  const counts: Record<string, number> = {}
  const events = countingEvents(counts)
  const plainIndex = createInvalidationIndex({ retentionOf, maxTags: 10_000 })
  const index = over.wrapIndex?.(plainIndex) ?? plainIndex
  const source = gatedSource(database, at)
  const catalogue = createCatalogue()
  const entries = createEntryCodec(SECRET)
  const layer = LAYERS.row('resources')
  const checkpoint = createCatalogueCheckpoint({
    store,
    entries,
    index,
    clock,
    catalogue,
    bucketCount: BUCKETS,
    layer,
    events,
  })
  const onFailed = () => {}
  const followed = createFollowedCatalogue({
    catalogue,
    bucketCount: BUCKETS,
    ttlMs: layer.ttlMs,
    source,
    checkpoint,
    index,
    clock,
    events,
    onFailed,
  })
  const plainFollower = createLogFollower<ResourceState>({
    log: database.follow(() => at('log.read'), over.polls === false ? 'deaf' : 'listening', statesAt),
    index,
    clock,
    followed,
    // Time stands still in most of these tests.
    readIntervalMs: 0,
    readStalledMs: Number.MAX_SAFE_INTEGER / 4,
    pollMs: over.polls === false ? Number.MAX_SAFE_INTEGER / 4 : 250,
    boundMs: over.polls === false ? Number.POSITIVE_INFINITY : 5000,
    graceMs: 30_000,
    retentionMs: LAYERS.retentionMs,
  })
  const follower = over.wrapFollower?.(plainFollower) ?? plainFollower
  const visible = createVisibleResources({
    reads: createReadThrough({ store, follower, clock, entries, events }),
    layers: createLayers({ index, follower, clock, entries, events }),
    catalogue,
    followed,
    index,
    follower,
    clock,
    freshness: createFreshness({ index, follower, tokenWaitMs: 1000 }),
    source,
    pages: createResourcePages(createCursorCodec(SECRET)),
  })
  const runner = createMutationRunner<Transaction, null>({
    layers: LAYERS,
    unitOfWork: unitOfWorkOf(database, at),
    store,
    index,
  })
  const run = async <Input, Result>(declared: Mutation<Transaction, Input, Result>, input: Input) =>
    encodeConsistencyToken(await runner.run(declared, input, null))
  follower.start()
  followed.start(follower)

  return {
    name,
    follower,
    index,
    followed,
    counts,
    async list(user, context = {}) {
      const { body, cache } = await visible.page(user as UserId, { limit: 50 }, context)
      const { data } = JSON.parse(body.toString()) as { data: VisibleResource[] }
      return { names: namesOf(data), cache: cache.kind === 'bypass' ? `bypass ${cache.detail}` : cache.kind }
    },
    join: (user, group, until) => run(changeGroups, { user, group, member: { group, ...(until && { until }) } }),
    leave: (user, group) => run(changeGroups, { user, group, member: null }),
    grant: (group, resource, until) =>
      run(changeGrants, { group, resource, granted: { group, ...(until && { until }) } }),
    revoke: (group, resource) => run(changeGrants, { group, resource, granted: null }),
    revokeFromMany: (group, resource) => run(changeGrantsOfMany, { group, resource, granted: null }),
    flush: () => run(flushAll, null),
    async stop() {
      await followed.close()
      await follower.close()
    },
  }
}

interface MembershipChange {
  readonly user: string
  readonly group: string
  readonly member: Ending | null
}

const listOf = (user: string) => ({ layer: 'user-resources' as const, key: userResourcesKey(user as UserId) })

const changeGroups = mutation<Transaction, MembershipChange>('changeGroups')
  .invalidates(async (_tx, { user }) => ({
    tags: [userTag(user as UserId)],
    keys: [listOf(user), { layer: 'user-groups' as const, key: userGroupsKey(user as UserId) }],
    layers: [],
  }))
  .write(async (tx, { user, group, member }) => {
    tx.write('users', [...new Set([...tx.read<string[]>('users', []), user])])
    tx.write(`m:${user}`, replaced(tx.read<string[]>(`m:${user}`, []), group, member))
  })

interface GrantChange {
  readonly group: string
  readonly resource: string
  readonly granted: Ending | null
}

const writeGrant = async (tx: Transaction, { group, resource, granted }: GrantChange) => {
  tx.write(`r:${resource}`, replaced(tx.read<string[]>(`r:${resource}`, []), group, granted))
}

const changeGrantsOfMany = mutation<Transaction, GrantChange>('changeGrantsOfMany')
  .invalidates(async (_tx, { group, resource }) => {
    const bucket = bucketOf(resourceId(resource)) % BUCKETS
    return {
      tags: [
        bucketTag(bucket),
        resourceTag(resourceId(resource)),
        grantsTag(group as GroupId),
        layerTag('user-resources'),
      ],
      keys: [layerKey.catalogueBucket(bucket), layerKey.catalogue()],
      layers: ['user-resources'],
    }
  })
  .write(writeGrant)

const changeGrants = mutation<Transaction, GrantChange>('changeGrants')
  .invalidates(async (tx, { group, resource }) => {
    const members = tx
      .read<string[]>('users', [])
      .filter((user) => tx.read<string[]>(`m:${user}`, []).some((each) => endingOf(each).group === group))
    const bucket = bucketOf(resourceId(resource)) % BUCKETS
    return {
      tags: [bucketTag(bucket), resourceTag(resourceId(resource)), grantsTag(group as GroupId)],
      keys: [layerKey.catalogueBucket(bucket), layerKey.catalogue(), ...members.map(listOf)],
      layers: [],
    }
  })
  .write(writeGrant)

const flushAll = mutation<Transaction, null>('flush')
  .invalidates(async () => {
    const layers = ['resources', 'user-groups', 'user-resources'] as const
    return { tags: layers.map(layerTag), keys: [], layers }
  })
  .write(async () => null)

function unitOfWorkOf(database: Database, at: (step: string) => Promise<void>): UnitOfWork<Transaction, null> {
  const identify = async (tx: Transaction) => ({ database: database.identity, xid: tx.xid })
  return {
    identify,
    async run(_context, work) {
      await at('tx.begin')
      const tx = database.begin()
      try {
        const value = await work(tx)
        await at('tx.commit')
        tx.commit()
        await at('tx.committed')
        return value
      } catch (error) {
        tx.rollback()
        throw error
      }
    },
    async appendInvalidation(tx, _context, { tags }) {
      tx.append(tags)
      return identify(tx)
    },
    async audit() {},
  }
}

/** Each operation happens whole between two gates: on its way there, and on its way back. */
function gatedStore(store: EntryStore, at: (step: string) => Promise<void>): EntryStore {
  const through = async <T>(step: string, run: () => Promise<T>): Promise<T> => {
    await at(`${step}.send`)
    const answer = await run()
    await at(`${step}.reply`)
    return answer
  }
  return {
    leftOf: (known) => through('left', () => store.leftOf(known)),
    open: (requests) => through('open', () => store.open(requests)),
    read: (requests) => through('read', () => store.read(requests)),
    takeLeases: (requests) => through('lease', () => store.takeLeases(requests)),
    fill: (fills) => through('fill', () => store.fill(fills)),
    releaseLease: (key, lease) => through('release', () => store.releaseLease(key, lease)),
    invalidate: (keys) => through('invalidate', () => store.invalidate(keys)),
    replaceGenerations: (layers) => through('generations', () => store.replaceGenerations(layers)),
    sweep: (layers) => through('sweep', () => store.sweep(layers)),
    inspect: (key, layer) => store.inspect(key, layer),
  }
}

function gatedSource(database: Database, at: (step: string) => Promise<void>): CacheSource {
  async function loading<T>(step: string, load: (stamp: Stamp) => T): Promise<T> {
    await at(`${step}.send`)
    database.loads++
    // One statement: the stamp and the value are of one moment.
    const loaded = load(database.stamp())
    await at(`${step}.reply`)
    return loaded
  }
  return {
    effectiveGroups: (user) => loading('load-groups', (stamp) => ({ value: groupsAt(database, user, stamp), stamp })),
    catalogueBuckets: (buckets) =>
      loading('load-catalogue', (stamp) => ({
        stamp,
        values: new Map(
          buckets.map((bucket) => [
            bucket,
            catalogueAt(database, stamp).filter(({ id }) => bucketOf(id) % BUCKETS === bucket),
          ]),
        ),
      })),
    visibleList: (user) =>
      loading('load-list', (stamp) => ({
        value: {
          groups: groupsAt(database, user, stamp),
          items: visibleAt(database, user, stamp),
          until: listEndAt(database, user, stamp),
        },
        stamp,
      })),
    visible: (user) => loading('sql', (stamp) => visibleAt(database, user, stamp)),
    counts: (user) =>
      loading('sql', (stamp) => ({
        groups: groupsAt(database, user, stamp).length,
        resources: visibleAt(database, user, stamp).length,
      })),
    visibleOne: async () => null,
    permissions: async (questions) => questions.map(() => ({ permission: null, until: null })),
  }
}

function groupsAt(database: Database, user: string, { snapshot }: Stamp): GroupNode[] {
  const memberships = database.read<string[]>(`m:${user}`, snapshot, []).map(endingOf)
  return memberships
    .filter((each) => isLiving(each, database.nowMs()))
    .map(({ group, until = null }) => ({ id: group as GroupId, name: group, parentId: null, role: 'member', until }))
}

function catalogueAt(database: Database, { snapshot }: Stamp): CatalogueItem[] {
  return database.keys('r:').map((key) => {
    const name = key.slice(2)
    const grants = database.read<string[]>(key, snapshot, []).map((each): CatalogueGrant => {
      const { group, until } = endingOf(each)
      return until === undefined ? [group as GroupId, 'read'] : [group as GroupId, 'read', until]
    })
    return {
      ...EMPTY_CONTENT,
      id: resourceId(name),
      name,
      kind: 'k',
      version: 1,
      updatedAt: '',
      grants,
    }
  })
}

function visibleAt(database: Database, user: string, stamp: Stamp): VisibleResource[] {
  const own = new Set(groupsAt(database, user, stamp).map(({ id }) => id))
  return catalogueAt(database, stamp)
    .filter(({ grants }) => lastingUntil(grants, own, database.nowMs()) !== undefined)
    .map(({ grants: _grants, ...item }) => ({ ...item, permission: 'read' as const }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The latest end of the grants to these groups that are there now; null: one does not end; undefined: there are none. */
function lastingUntil(grants: readonly CatalogueGrant[], own: ReadonlySet<GroupId>, nowMs: number) {
  const ends = grants.flatMap(([group, , until = Number.POSITIVE_INFINITY]) =>
    own.has(group) && until > nowMs ? [until] : [],
  )
  return ends.length === 0 ? undefined : Math.max(...ends)
}

function listEndAt(database: Database, user: string, stamp: Stamp): number | null {
  const own = new Set(groupsAt(database, user, stamp).map(({ id }) => id))
  const ends = catalogueAt(database, stamp).flatMap(({ grants }) => lastingUntil(grants, own, database.nowMs()) ?? [])
  const first = Math.min(...ends)
  return Number.isFinite(first) ? first : null
}

function withWallAhead(clock: FakeClock, aheadMs: number): Clock {
  return { monotonicMs: clock.monotonicMs, sleep: clock.sleep, wallMs: () => clock.wallMs() + aheadMs }
}

/** Names spread over the buckets by their last letter. */
function resourceId(name: string): ResourceId {
  const bucket = (name.charCodeAt(name.length - 1) % BUCKETS).toString(16).padStart(2, '0')
  return `${bucket}${Buffer.from(name).toString('hex').padEnd(6, '0').slice(0, 6)}-0000-4000-8000-000000000000` as ResourceId
}

/** The state of what the tags name, as one statement with the log's rows would show it. */
function statesAt(database: Database, stamp: Stamp, tags: readonly string[]): ResourceState[] {
  const items = new Map<string, CatalogueItem>(catalogueAt(database, stamp).map((item) => [item.id, item]))
  const ids = new Set(tags.flatMap((tag) => (tag.startsWith('r:') ? [tag.slice(2)] : [])))
  return [...ids].map((id) => ({ id: id as ResourceId, item: items.get(id) ?? null }))
}

const namesOf = (items: readonly { name: string }[]) => items.map(({ name }) => name).sort()

function countingEvents(counts: Record<string, number>): LayerEvents {
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  return {
    hit: (layer) => count(`hit ${layer}`),
    rejected: (layer, why) => count(`rejected ${layer} ${why}`),
    fillRefused: (layer) => count(`refused ${layer}`),
    loaded: (layer) => count(`loaded ${layer}`),
    leaseWaited: (layer) => count(`waited ${layer}`),
  }
}
