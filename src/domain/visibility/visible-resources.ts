/**
 * The main job: which resources may this user see, from the cache where it may answer, else from PostgreSQL.
 *
 * The cached list is its first page and, in its tags, the groups that it came from. Everything else about what the user
 * may see is merged from this process's catalogue by those groups: as long as the list may be served, nothing that was
 * acknowledged has changed what they are granted.
 */
import {
  type Bypass,
  type Clock,
  type InvalidationIndex,
  isBypass,
  type LayerRead,
  type LogFollower,
  type Present,
  type ReadThrough,
  StoreWait,
  type Wanted,
} from '../../cache/index.ts'
import type { CacheStatus, ReadContext, ResourcePage, ResourceQuery } from '../api.ts'
import type { Freshness } from '../freshness.ts'
import { userGroupsKey, userResourcesKey } from '../keys.ts'
import type { GroupId, Ref, ResourceId, UserId, VisibleResource } from '../model.ts'
import type { CacheSource, GroupNode } from '../source.ts'
import type { Catalogue } from './catalogue.ts'
import { createDecisions, type Decision } from './decisions.ts'
import { createDirectReads, visibleQuery } from './direct-reads.ts'
import type { FollowedCatalogue } from './followed-catalogue.ts'
import type { HeldList } from './held-list.ts'
import type { Layers } from './layers.ts'
import { createListLoads, groupsOf } from './list-loads.ts'
import { bypass, covered, createMergedNow } from './merged-now.ts'
import { DEFAULT_LIMIT, type RenderedPage, type ResourcePages } from './resource-page.ts'
import type { Merged } from './standing.ts'

export interface VisibleResourcesOptions {
  readonly reads: ReadThrough
  readonly layers: Layers
  readonly catalogue: Catalogue
  readonly followed: Pick<FollowedCatalogue, 'isWhole'>
  readonly index: InvalidationIndex
  readonly follower: LogFollower
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly freshness: Freshness
  readonly source: CacheSource
  readonly pages: ResourcePages
  /** A read is answered by SQL: why. */
  readonly bypassed?: (detail: string) => void
}

export interface VisibleResources {
  page(user: UserId, query: ResourceQuery, context: ReadContext): Promise<ResourcePage>
  /** One resource as the user sees it; null for hidden and absent alike. */
  one(
    user: UserId,
    ref: Ref<ResourceId>,
    context: ReadContext,
  ): Promise<{ resource: VisibleResource | null; cache: CacheStatus }>
  effectiveGroups(user: UserId, context: ReadContext): Promise<{ groups: readonly GroupNode[]; cache: CacheStatus }>
  counts(user: UserId, context: ReadContext): Promise<{ groups: number; resources: number; cache: CacheStatus }>
  /**
   * Decides something about users by the groups that count for them and the catalogue, all at one position of the log.
   * Needs no list: where a user's list is not held, the groups are vouched for by a read of the log.
   */
  decide<T extends object>(users: readonly UserId[], context: ReadContext, decision: Decision<T>): Promise<Decided<T>>
}

export type Decided<T> = T & { readonly cache: CacheStatus }

/** What was merged by the groups of the user's list. */
interface Continued<T> {
  readonly list: LayerRead<HeldList>
  readonly value: T
  readonly until: number | null
}

export function createVisibleResources(options: VisibleResourcesOptions): VisibleResources {
  const { reads, layers, catalogue, follower, freshness, source, pages } = options
  const direct = createDirectReads({ source, pages })
  const mergedNow = createMergedNow(options)
  const loads = createListLoads({ ...options, mergedNow })
  const decided = createDecisions({ reads, layers, follower, mergedNow, groupsWanted, listWanted })

  function groupsWanted(user: UserId): Wanted<readonly GroupNode[]> {
    return { layer: layers.groups, key: userGroupsKey(user), load: () => loads.groups(user) }
  }

  function listWanted(user: UserId): Wanted<HeldList, readonly GroupNode[]> {
    return {
      layer: layers.lists,
      key: userResourcesKey(user),
      input: groupsWanted(user),
      load: (readGroups) => loads.list(user, readGroups),
    }
  }

  function readList(user: UserId): Promise<LayerRead<HeldList> | Bypass> {
    return reads.tryRead(listWanted(user), new StoreWait())
  }

  /**
   * What is merged by the groups of the user's list from the catalogue at a position that covers it, in the same step as
   * it is judged there.
   */
  async function continued<T>(
    list: LayerRead<HeldList> | Bypass,
    merge: (groups: readonly GroupId[], at: Present) => Merged<T> | null,
  ): Promise<Continued<T> | Bypass> {
    if (isBypass(list)) return list
    if (!(await covered(follower, list.stamp))) return bypass('log-behind')
    const groups = groupsOf(list)
    const made = await mergedNow({
      merge: (at) => merge(groups, at),
      isServable: () => layers.lists.judge(list) === 'servable',
    })
    return isBypass(made) ? made : { list, value: made.value, until: made.until }
  }

  async function cachedPage(user: UserId, query: ResourceQuery): Promise<ResourcePage | Bypass> {
    const isFirst = isFirstPage(query)
    // A forged cursor is refused on every path alike.
    const after = isFirst ? undefined : pages.positionOf(user, query)
    const list = await readList(user)
    if (isBypass(list)) return list
    const held = isFirst ? list.value.pageNow(follower.time) : null
    if (held) return answer(held, list)
    const found = await continued(list, (groups, at) => catalogue.visible(groups, visibleQuery(query, after), at))
    if (isBypass(found)) return found
    const page = pages.assemble(user, query, found.value)
    if (isFirst) found.list.value.renew(page, found.until)
    return answer(page, found.list)
  }

  /** Answers from the cache where the reader allows it and it can; else directly, saying why. */
  async function cachedOr<T extends object>(
    context: ReadContext,
    cached: () => Promise<T | Bypass>,
    bySql: (detail: string) => Promise<T>,
  ): Promise<T> {
    // Nearly every read asks for nothing special. To await what is known costs a turn of the queue.
    if (context.after !== undefined || context.bypass) {
      const why = await freshness.reasonToBypass(context)
      if (why) return directly(why, bySql)
    }
    const answered = await cached()
    return isBypass(answered) ? directly(answered.detail, bySql) : answered
  }

  function directly<T>(detail: string, bySql: (detail: string) => Promise<T>): Promise<T> {
    options.bypassed?.(detail)
    return bySql(detail)
  }

  return {
    page: (user, query, context) =>
      cachedOr<ResourcePage>(
        context,
        () => cachedPage(user, query),
        async (detail) => ({ ...(await direct.page(user, query)), cache: { kind: 'bypass', detail } }),
      ),

    one: (user, ref, context) =>
      cachedOr<{ resource: VisibleResource | null; cache: CacheStatus }>(
        context,
        async () => {
          const found = await continued(await readList(user), (groups, at) => catalogue.visibleOne(groups, ref, at))
          if (isBypass(found)) return found
          const resource = found.value && (JSON.parse(found.value.json.toString()) as VisibleResource)
          return { resource, cache: statusOf(found.list) }
        },
        async (detail) => ({ resource: await source.visibleOne(user, ref), cache: { kind: 'bypass', detail } }),
      ),

    effectiveGroups: (user, context) =>
      cachedOr<{ groups: readonly GroupNode[]; cache: CacheStatus }>(
        context,
        async () => {
          const read = await reads.tryRead(groupsWanted(user), new StoreWait())
          return read.outcome === 'bypass' ? read : { groups: read.value, cache: statusOf(read) }
        },
        async (detail) => ({ groups: await direct.groups(user), cache: { kind: 'bypass', detail } }),
      ),

    counts: (user, context) =>
      cachedOr<{ groups: number; resources: number; cache: CacheStatus }>(
        context,
        async () => {
          const found = await continued(await readList(user), (groups, at) => catalogue.count(groups, at))
          if (isBypass(found)) return found
          return { groups: groupsOf(found.list).length, resources: found.value, cache: statusOf(found.list) }
        },
        async (detail) => ({ ...(await source.counts(user)), cache: { kind: 'bypass', detail } }),
      ),

    decide: (users, context, decision) =>
      cachedOr(
        context,
        async () => {
          const made = await decided(users, decision)
          return isBypass(made) ? made : { ...made.value, cache: statusOfAll(made.reads) }
        },
        async (detail) => ({ ...(await decision.fromDatabase()), cache: { kind: 'bypass', detail } }),
      ),
  }
}

function isFirstPage({ limit, cursor, kind, q, permission }: ResourceQuery): boolean {
  const isFiltered = kind !== undefined || q !== undefined || permission !== undefined
  return limit === DEFAULT_LIMIT && cursor === undefined && !isFiltered
}

function answer({ body, etag, nextCursor }: RenderedPage, list: LayerRead<unknown>): ResourcePage {
  return { body, etag, nextCursor, cache: statusOf(list) }
}

function statusOf({ outcome, ttlMs, detail }: LayerRead<unknown>): CacheStatus {
  const why = detail === undefined ? {} : { detail }
  if (outcome !== 'hit') return { kind: 'miss', stored: outcome === 'stored', ...why }
  // Without the store nobody else knows of the entry, and nothing says how long others will.
  return detail === 'memory' ? { kind: 'hit', ...why } : { kind: 'hit', ttlSeconds: Math.ceil(ttlMs / 1000), ...why }
}

/** Of several entries: a hit only where all are, for as long as the first of them lives. */
function statusOfAll(all: readonly LayerRead<unknown>[]): CacheStatus {
  const missed = all.find(({ outcome }) => outcome !== 'hit')
  const first = missed ?? all.toSorted((a, b) => a.ttlMs - b.ttlMs)[0]
  return first ? statusOf(first) : { kind: 'hit' }
}
