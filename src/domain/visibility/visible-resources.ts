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
import { createDecisions, type Decide, type Decision } from './decisions.ts'
import { createDirectReads, type DirectReads, visibleQuery } from './direct-reads.ts'
import type { FollowedCatalogue } from './followed-catalogue.ts'
import type { HeldList } from './held-list.ts'
import type { Layers } from './layers.ts'
import { createListLoads, groupsOf, type ListLoads } from './list-loads.ts'
import { bypass, covered, createMergedNow, type MergedNow } from './merged-now.ts'
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
  one(user: UserId, ref: Ref<ResourceId>, context: ReadContext): Promise<FoundResource>
  effectiveGroups(user: UserId, context: ReadContext): Promise<FoundGroups>
  counts(user: UserId, context: ReadContext): Promise<Counts>
  /**
   * Decides something about users by the groups that count for them and the catalogue, all at one position of the log.
   * Needs no list: where a user's list is not held, the groups are vouched for by a read of the log.
   */
  decide<T extends object>(users: readonly UserId[], context: ReadContext, decision: Decision<T>): Promise<Decided<T>>
}

type FoundResource = { readonly resource: VisibleResource | null; readonly cache: CacheStatus }
type FoundGroups = { readonly groups: readonly GroupNode[]; readonly cache: CacheStatus }
type Counts = { readonly groups: number; readonly resources: number; readonly cache: CacheStatus }

export type Decided<T> = T & { readonly cache: CacheStatus }

/** What was merged by the groups of the user's list. */
interface Continued<T> {
  readonly list: LayerRead<HeldList>
  readonly value: T
  readonly until: number | null
}

/** @returns the reads of one process: all of them merge from its catalogue */
export function createVisibleResources(options: VisibleResourcesOptions): VisibleResources {
  return new CachedVisibleResources(options)
}

class CachedVisibleResources implements VisibleResources {
  readonly #options: VisibleResourcesOptions
  readonly #direct: DirectReads
  readonly #mergedNow: MergedNow
  readonly #loads: ListLoads
  readonly #decisions: Decide

  constructor(options: VisibleResourcesOptions) {
    this.#options = options
    this.#direct = createDirectReads(options)
    this.#mergedNow = createMergedNow(options)
    this.#loads = createListLoads({ ...options, mergedNow: this.#mergedNow })
    this.#decisions = createDecisions({
      ...options,
      mergedNow: this.#mergedNow,
      groupsWanted: (user) => this.#groupsWanted(user),
      listWanted: (user) => this.#listWanted(user),
    })
  }

  page(user: UserId, query: ResourceQuery, context: ReadContext): Promise<ResourcePage> {
    return this.#cachedOr<ResourcePage>(
      context,
      () => this.#cachedPage(user, query),
      async (detail) => ({ ...(await this.#direct.page(user, query)), cache: { kind: 'bypass', detail } }),
    )
  }

  one(user: UserId, ref: Ref<ResourceId>, context: ReadContext): Promise<FoundResource> {
    const { catalogue, source } = this.#options
    return this.#cachedOr<FoundResource>(
      context,
      async () => {
        const list = await this.#readList(user)
        const found = await this.#continued(list, (groups, at) => catalogue.visibleOne(groups, ref, at))
        if (isBypass(found)) return found
        const resource = found.value && (JSON.parse(found.value.json.toString()) as VisibleResource)
        return { resource, cache: statusOf(found.list) }
      },
      async (detail) => ({ resource: await source.visibleOne(user, ref), cache: { kind: 'bypass', detail } }),
    )
  }

  effectiveGroups(user: UserId, context: ReadContext): Promise<FoundGroups> {
    return this.#cachedOr<FoundGroups>(
      context,
      async () => {
        const read = await this.#options.reads.tryRead(this.#groupsWanted(user), new StoreWait())
        return read.outcome === 'bypass' ? read : { groups: read.value, cache: statusOf(read) }
      },
      async (detail) => ({ groups: await this.#direct.groups(user), cache: { kind: 'bypass', detail } }),
    )
  }

  counts(user: UserId, context: ReadContext): Promise<Counts> {
    const { catalogue, source } = this.#options
    return this.#cachedOr<Counts>(
      context,
      async () => {
        const list = await this.#readList(user)
        const found = await this.#continued(list, (groups, at) => catalogue.count(groups, at))
        if (isBypass(found)) return found
        return { groups: groupsOf(found.list).length, resources: found.value, cache: statusOf(found.list) }
      },
      async (detail) => ({ ...(await source.counts(user)), cache: { kind: 'bypass', detail } }),
    )
  }

  decide<T extends object>(users: readonly UserId[], context: ReadContext, decision: Decision<T>): Promise<Decided<T>> {
    return this.#cachedOr<Decided<T>>(
      context,
      async () => {
        const made = await this.#decisions(users, decision)
        return isBypass(made) ? made : { ...made.value, cache: statusOfAll(made.reads) }
      },
      async (detail) => ({ ...(await decision.fromDatabase()), cache: { kind: 'bypass', detail } }),
    )
  }

  /** Answers from the cache where the reader allows it and it can; else directly, saying why. */
  async #cachedOr<T extends object>(
    context: ReadContext,
    cached: () => Promise<T | Bypass>,
    bySql: (detail: string) => Promise<T>,
  ): Promise<T> {
    // Nearly every read asks for nothing special. To await what is known costs a turn of the queue.
    if (context.after !== undefined || context.bypass) {
      const why = await this.#options.freshness.reasonToBypass(context)
      if (why) return this.#directly(why, bySql)
    }
    const answered = await cached()
    return isBypass(answered) ? this.#directly(answered.detail, bySql) : answered
  }

  #directly<T>(detail: string, bySql: (detail: string) => Promise<T>): Promise<T> {
    this.#options.bypassed?.(detail)
    return bySql(detail)
  }

  async #cachedPage(user: UserId, query: ResourceQuery): Promise<ResourcePage | Bypass> {
    const { catalogue, follower, pages } = this.#options
    const isFirst = isFirstPage(query)
    // A forged cursor is refused on every path alike.
    const after = isFirst ? undefined : pages.positionOf(user, query)
    const list = await this.#readList(user)
    if (isBypass(list)) return list
    const held = isFirst ? list.value.pageNow(follower.time) : null
    if (held) return answer(held, list)
    const found = await this.#continued(list, (groups, at) => catalogue.visible(groups, visibleQuery(query, after), at))
    if (isBypass(found)) return found
    const page = pages.assemble(user, query, found.value)
    if (isFirst) found.list.value.renew(page, found.until)
    return answer(page, found.list)
  }

  #readList(user: UserId): Promise<LayerRead<HeldList> | Bypass> {
    return this.#options.reads.tryRead(this.#listWanted(user), new StoreWait())
  }

  /**
   * What is merged by the groups of the user's list from the catalogue at a position that covers it, in the same step as
   * it is judged there.
   */
  async #continued<T>(
    list: LayerRead<HeldList> | Bypass,
    merge: (groups: readonly GroupId[], at: Present) => Merged<T> | null,
  ): Promise<Continued<T> | Bypass> {
    const { follower, layers } = this.#options
    if (isBypass(list)) return list
    if (!(await covered(follower, list.stamp))) return bypass('log-behind')
    const groups = groupsOf(list)
    const made = await this.#mergedNow({
      merge: (at) => merge(groups, at),
      isServable: () => layers.lists.judge(list) === 'servable',
    })
    return isBypass(made) ? made : { list, value: made.value, until: made.until }
  }

  #listWanted(user: UserId): Wanted<HeldList, readonly GroupNode[]> {
    return {
      layer: this.#options.layers.lists,
      key: userResourcesKey(user),
      input: this.#groupsWanted(user),
      load: (readGroups) => this.#loads.list(user, readGroups),
    }
  }

  #groupsWanted(user: UserId): Wanted<readonly GroupNode[]> {
    return {
      layer: this.#options.layers.groups,
      key: userGroupsKey(user),
      load: () => this.#loads.groups(user),
    }
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
