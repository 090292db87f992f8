/** The main job: which resources may this user see, from the cache when it can be trusted, else from PostgreSQL. */
import {
  type Clock,
  createSingleFlight,
  type InvalidationIndex,
  type Layer,
  type LayerRead,
  type Loaded,
  type LogFollower,
  type PartitionedLayer,
  RequestWait,
  type Shareable,
  type Stamp,
  StoreUnavailableError,
} from '../cache/index.ts'
import type { CacheStatus, ReadContext, ResourcePage, ResourceQuery } from './api.ts'
import type { Catalogue } from './catalogue.ts'
import { DomainError } from './errors.ts'
import type { Freshness } from './freshness.ts'
import { grantsTag, layerTag, placeTag, userGroupsKey, userResourcesKey, userTag } from './keys.ts'
import type { ListPages } from './list-pages.ts'
import type { UserId } from './model.ts'
import { type RenderedPage, type ResourcePages, readyItem } from './resource-page.ts'
import type { CacheSource, GroupNode } from './source.ts'
import { buildList, type VisibleList } from './visible-list.ts'

export interface VisibleResourcesOptions {
  readonly groups: Layer<readonly GroupNode[]>
  readonly lists: Layer<VisibleList>
  readonly partition: PartitionedLayer
  readonly catalogue: Catalogue
  readonly index: InvalidationIndex
  readonly follower: LogFollower
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly freshness: Freshness
  readonly source: CacheSource
  readonly pages: ResourcePages
  readonly listPages: ListPages
  /** The longest a request waits for the shared store, over all its commands, in milliseconds. */
  readonly storeBudgetMs: number
}

export interface VisibleResources {
  page(user: UserId, query: ResourceQuery, context: ReadContext): Promise<ResourcePage>
  effectiveGroups(user: UserId, context: ReadContext): Promise<{ groups: readonly GroupNode[]; cache: CacheStatus }>
  counts(user: UserId, context: ReadContext): Promise<{ groups: number; resources: number; cache: CacheStatus }>
}

/** How often inputs that change under a derivation are read again before it is left to one statement. */
const ATTEMPTS = 3

export function createVisibleResources(options: VisibleResourcesOptions): VisibleResources {
  const { groups, lists, partition, catalogue, index, follower, clock, freshness, source, pages, listPages } = options
  /** The position only moves on: what it covered once, it covers. */
  let caughtUpWith: readonly Stamp[] | undefined

  /** Until the position covers what this member and the catalogue were loaded at; false when the log cannot be read. */
  async function catchUp(member: Stamp, catalogueStamps: readonly Stamp[]): Promise<boolean> {
    try {
      await follower.catchUp(member)
      if (catalogueStamps === caughtUpWith) return true
      for (const stamp of catalogueStamps) await follower.catchUp(stamp)
      caughtUpWith = catalogueStamps
      return true
    } catch {
      return false
    }
  }

  const direct = createSingleFlight<RenderedPage & Shareable>()
  const directGroups = createSingleFlight<{ groups: readonly GroupNode[] } & Shareable>()

  async function loadGroups(user: UserId): Promise<Loaded<readonly GroupNode[]>> {
    const { value, stamp } = await source.effectiveGroups(user)
    return { value, stamp, tags: [userTag(user), layerTag('user-groups'), ...value.map(({ id }) => placeTag(id))] }
  }

  function readGroups(user: UserId, wait?: RequestWait): Promise<LayerRead<readonly GroupNode[]>> {
    return groups.read(userGroupsKey(user), () => loadable(() => loadGroups(user)), wait)
  }

  /**
   * Filters the catalogue by the groups. Inputs read at different times could show a state that never was (the old
   * membership with the new grant), so the log position first catches up with both and judges both again: what is
   * still valid there is exactly what a load at that position would return, and the list carries that position.
   */
  async function derive(user: UserId, wait?: RequestWait): Promise<Loaded<VisibleList>> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const startedMs = clock.monotonicMs()
      const [member] = await Promise.all([readGroups(user, wait), partition.refresh(wait)])
      // The log has a connection of its own: while that is away, others may still reach the database.
      if (!(await catchUp(member.stamp, partition.stamps()))) break
      const position = index.position
      const catalogueMs = partition.servableForMs()
      if (position && catalogueMs !== null && groups.judge(member) === 'servable') {
        const items = catalogue.visibleTo(member.value.map(({ id }) => id))
        // What was left of the groups was said before the catalogue was there and the log was read.
        const memberMs = member.ttlMs - (clock.monotonicMs() - startedMs)
        const ttlMs = Math.min(memberMs, catalogueMs)
        return {
          value: buildList(user, items, pages.assemble),
          stamp: position,
          tags: listTags(user, member.value),
          ttlMs,
        }
      }
    }
    const { value, stamp } = await source.visibleList(user)
    return {
      value: buildList(user, value.items.map(readyItem), pages.assemble),
      stamp,
      tags: listTags(user, value.groups),
    }
  }

  function readList(user: UserId, wait: RequestWait): Promise<LayerRead<VisibleList>> {
    return lists.read(userResourcesKey(user), () => loadable(() => derive(user, wait)), wait)
  }

  async function cachedPage(user: UserId, query: ResourceQuery): Promise<ResourcePage> {
    // A forged cursor is refused on every path alike.
    pages.positionOf(user, query)
    const wait = new RequestWait(options.storeBudgetMs)
    const list = await readList(user, wait)
    const found = listPages.find(user, query, list, wait)
    const page = found instanceof Promise ? await found : found
    if (!page) return directPage(user, query, 'long-scan')
    return { body: page.body, etag: page.etag, nextCursor: page.nextCursor, cache: statusOf(list) }
  }

  /** In grace the database is known to be gone: waiting for it to refuse would only delay the answer. */
  async function loadable<T>(load: () => Promise<T>): Promise<T> {
    if (follower.trust() !== 'following')
      throw new DomainError('database-unavailable', 'the database cannot be reached', { retryAfterSeconds: 1 })
    return load()
  }

  async function directPage(user: UserId, query: ResourceQuery, detail: string): Promise<ResourcePage> {
    const key = JSON.stringify([user, query.limit, query.cursor, query.kind, query.q, query.permission])
    const page = await direct.run(key, async () => {
      const after = pages.positionOf(user, query)
      const { limit, kind, q, permission } = query
      const items = await source.visible(user, {
        count: limit + 1,
        ...(after && { after }),
        ...(kind !== undefined && { kind }),
        ...(q !== undefined && { prefix: q }),
        ...(permission !== undefined && { atLeast: permission }),
      })
      return { ...pages.render(user, query, items), shareable: () => false }
    })
    const { body, etag, nextCursor } = page
    return { body, etag, nextCursor, cache: { kind: 'bypass', detail } }
  }

  /** Answers from the cache where it can be trusted and asked; else directly, saying why. */
  async function cachedOr<T>(
    context: ReadContext,
    cached: () => Promise<T>,
    directly: (detail: string) => Promise<T>,
  ): Promise<T> {
    const reason = freshness.reasonToBypass(context)
    // Waiting for what is there already takes a turn of the queue each time.
    const bypass = reason instanceof Promise ? await reason : reason
    if (bypass) return directly(bypass)
    try {
      return await cached()
    } catch (error) {
      if (error instanceof StoreUnavailableError) return directly(error.detail)
      throw error
    }
  }

  return {
    page: (user, query, context) =>
      cachedOr(
        context,
        () => cachedPage(user, query),
        (detail) => directPage(user, query, detail),
      ),

    effectiveGroups: (user, context) =>
      cachedOr<{ groups: readonly GroupNode[]; cache: CacheStatus }>(
        context,
        async () => {
          const read = await readGroups(user, new RequestWait(options.storeBudgetMs))
          return { groups: read.value, cache: statusOf(read) }
        },
        async (detail) => {
          const loaded = await directGroups.run(user, async () => {
            const { value } = await source.effectiveGroups(user)
            return { groups: value, shareable: () => false }
          })
          return { groups: loaded.groups, cache: { kind: 'bypass', detail } }
        },
      ),

    counts: (user, context) =>
      cachedOr<{ groups: number; resources: number; cache: CacheStatus }>(
        context,
        async () => {
          const wait = new RequestWait(options.storeBudgetMs)
          const [member, list] = await Promise.all([readGroups(user, wait), readList(user, wait)])
          return { groups: member.value.length, resources: list.value.total, cache: statusOf(list) }
        },
        async (detail) => ({ ...(await source.counts(user)), cache: { kind: 'bypass', detail } }),
      ),
  }
}

function listTags(user: UserId, member: readonly GroupNode[]) {
  return [userTag(user), layerTag('user-resources'), ...member.flatMap(({ id }) => [placeTag(id), grantsTag(id)])]
}

function statusOf({ outcome, ttlMs, detail }: LayerRead<unknown>): CacheStatus {
  const why = detail === undefined ? {} : { detail }
  if (outcome === 'hit') return { kind: 'hit', ttlSeconds: Math.ceil(ttlMs / 1000), ...why }
  return { kind: 'miss', stored: outcome === 'stored', ...why }
}
