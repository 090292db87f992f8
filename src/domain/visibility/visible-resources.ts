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
  type LayerRead,
  type Loaded,
  type LogFollower,
  type ReadThrough,
  RequestWait,
  type Stamp,
  type Wanted,
} from '../../cache/index.ts'
import type { CacheStatus, ReadContext, ResourcePage, ResourceQuery } from '../api.ts'
import { DomainError } from '../errors.ts'
import type { Freshness } from '../freshness.ts'
import { grantsGroupIn, grantsTag, layerTag, placeTag, userGroupsKey, userResourcesKey, userTag } from '../keys.ts'
import type { GroupId, Ref, ResourceId, UserId, VisibleResource } from '../model.ts'
import type { CacheSource, GroupNode } from '../source.ts'
import type { Catalogue } from './catalogue.ts'
import { createDirectReads, visibleQuery } from './direct-reads.ts'
import type { FollowedCatalogue } from './followed-catalogue.ts'
import type { Layers } from './layers.ts'
import { DEFAULT_LIMIT, type RenderedPage, type ResourcePages, readyItem } from './resource-page.ts'

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
  /** The longest a request waits for the shared store, over all its commands, in milliseconds. */
  readonly storeBudgetMs: number
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

export interface Decision<T> {
  /** In one step, in which nothing may be waited for. Null where it would look at too much. */
  fromCatalogue(groupsOf: (user: UserId) => readonly GroupId[]): T | null
  fromDatabase(): Promise<T>
}

export type Decided<T> = T & { readonly cache: CacheStatus }

/** The groups that count for a user, for as long as what they come from is servable. */
interface Vouched {
  readonly read: LayerRead<unknown>
  readonly groups: readonly GroupId[]
  isServable(): boolean
}

/** The user's list, and the groups by which the rest of it is merged from the catalogue. */
interface Continued {
  readonly list: LayerRead<RenderedPage>
  readonly groups: readonly GroupId[]
}

/** Of many users asked about in one request. */
const USERS_AT_ONCE = 16
/** Decisions by the same groups after which a list is worth its load: it is vouched for without a read of the log. */
const DECISIONS_PER_LIST = 16

/** How often inputs that change under a derivation are read again before it is left to one statement. */
const ATTEMPTS = 3

export function createVisibleResources(options: VisibleResourcesOptions): VisibleResources {
  const { reads, layers, catalogue, followed, index, follower, clock, freshness, source, pages } = options
  const direct = createDirectReads({ source, pages })
  /** Forgotten with the copy of the groups. */
  const decisionsBy = new WeakMap<readonly GroupNode[], number>()

  function groupsWanted(user: UserId): Wanted<readonly GroupNode[]> {
    return {
      layer: layers.groups,
      key: userGroupsKey(user),
      async load() {
        refuseInGrace()
        const { value, stamp } = await source.effectiveGroups(user)
        return { value, stamp, tags: groupsTags(user, value) }
      },
    }
  }

  function listWanted(user: UserId): Wanted<RenderedPage, readonly GroupNode[]> {
    return {
      layer: layers.lists,
      key: userResourcesKey(user),
      input: groupsWanted(user),
      async load(readGroups) {
        refuseInGrace()
        return (followed.isWhole() && (await derived(user, readGroups))) || loadedBySql(user)
      },
    }
  }

  /**
   * Merges the list from the catalogue by the groups. Read at different times they could show a state that never was (the
   * old membership with the new grant). So the log is read after the request came, the position covers what the groups
   * were loaded at, and they are judged there: what is valid there is exactly what a load at that position would return,
   * and the list carries that position. Null where that does not come about.
   */
  async function derived(
    user: UserId,
    readGroups: () => Promise<LayerRead<readonly GroupNode[]>>,
  ): Promise<Loaded<RenderedPage> | null> {
    const barrier = follower.barrier()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const startedMs = clock.monotonicMs()
      const member = await readGroups()
      if (!(await barrier) || !(await covered(member.stamp))) return null
      const position = index.position
      if (!position || !followed.isWhole()) return null
      if (layers.groups.judge(member) !== 'servable') continue
      const items = catalogue.visible(member.value.map(idOf), { count: DEFAULT_LIMIT + 1 })
      if (!items) return null
      const value = pages.assemble(user, { limit: DEFAULT_LIMIT }, items)
      // What was left of the groups was said before the log was read.
      const ttlMs = member.ttlMs - (clock.monotonicMs() - startedMs)
      return { value, stamp: position, tags: listTags(user, member.value), ttlMs }
    }
    return null
  }

  /** Groups and first page in one snapshot. */
  async function loadedBySql(user: UserId): Promise<Loaded<RenderedPage>> {
    const { value, stamp } = await source.visibleList(user, DEFAULT_LIMIT + 1)
    const page = pages.assemble(user, { limit: DEFAULT_LIMIT }, value.items.map(readyItem))
    return { value: page, stamp, tags: listTags(user, value.groups) }
  }

  /** Until the position covers the stamp; false when the log cannot be read. */
  async function covered(stamp: Stamp): Promise<boolean> {
    return follower.catchUp(stamp).then(
      () => true,
      () => false,
    )
  }

  /** In grace the database is known to be gone: waiting for it to refuse would only delay the answer. */
  function refuseInGrace(): void {
    if (follower.trust() === 'grace')
      throw new DomainError('database-unavailable', 'the database cannot be reached', { retryAfterSeconds: 1 })
  }

  function readList(user: UserId): Promise<LayerRead<RenderedPage> | Bypass> {
    return reads.tryRead(listWanted(user), new RequestWait(options.storeBudgetMs))
  }

  /**
   * The user's list with the catalogue at a position that covers it, in the same step as it is judged there; null where
   * the catalogue cannot continue it.
   */
  async function continued(user: UserId): Promise<Continued | Bypass> {
    const list = await readList(user)
    if (list.outcome === 'bypass') return list
    if (!(await covered(list.stamp))) return { outcome: 'bypass', detail: 'log-behind' }
    if (!followed.isWhole()) return { outcome: 'bypass', detail: 'catalogue-behind' }
    if (layers.lists.judge(list) !== 'servable') return { outcome: 'bypass', detail: 'changed-meanwhile' }
    return { list, groups: groupsOf(list) }
  }

  /** A user who is asked about again and again is given a list, beside the answer; if that fails, nothing is lost. */
  function countDecision(user: UserId, groups: readonly GroupNode[]): void {
    const count = (decisionsBy.get(groups) ?? 0) + 1
    decisionsBy.set(groups, count)
    if (count % DECISIONS_PER_LIST === 0) readList(user).catch(() => {})
  }

  /** @param logRead begun after the request came: it shows what was granted and taken, of which the groups know nothing */
  async function vouched(user: UserId, logRead: () => Promise<boolean>): Promise<Vouched | Bypass> {
    const wait = new RequestWait(options.storeBudgetMs)
    const list = await reads.held(listWanted(user), wait)
    if (list) {
      if (!(await covered(list.stamp))) return { outcome: 'bypass', detail: 'log-behind' }
      return { read: list, groups: groupsOf(list), isServable: () => layers.lists.judge(list) === 'servable' }
    }
    const begun = logRead()
    const member = await reads.tryRead(groupsWanted(user), wait)
    if (member.outcome === 'bypass') return member
    if (!(await begun) || !(await covered(member.stamp))) return { outcome: 'bypass', detail: 'log-behind' }
    countDecision(user, member.value)
    const isServable = () => layers.groups.judge(member) === 'servable'
    return { read: member, groups: member.value.map(idOf), isServable }
  }

  async function decided<T extends object>(
    users: readonly UserId[],
    { fromCatalogue }: Decision<T>,
  ): Promise<Decided<T> | Bypass> {
    let begun: Promise<boolean> | undefined
    const logRead = () => {
      begun ??= follower.barrier()
      return begun
    }
    const known = new Map<UserId, Vouched>()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const missing = users.filter((user) => !known.get(user)?.isServable())
      for (let from = 0; from < missing.length; from += USERS_AT_ONCE) {
        const some = missing.slice(from, from + USERS_AT_ONCE)
        const found = await Promise.all(some.map(async (user) => [user, await vouched(user, logRead)] as const))
        for (const [user, each] of found) {
          if ('outcome' in each) return each
          known.set(user, each)
        }
      }
      if (!followed.isWhole()) return { outcome: 'bypass', detail: 'catalogue-behind' }
      const all = [...known.values()]
      if (!all.every((each) => each.isServable())) continue
      const made = fromCatalogue((user) => known.get(user)?.groups ?? [])
      return made ? { ...made, cache: statusOfAll(all) } : { outcome: 'bypass', detail: 'long-scan' }
    }
    return { outcome: 'bypass', detail: 'changed-meanwhile' }
  }

  async function cachedPage(user: UserId, query: ResourceQuery): Promise<ResourcePage | Bypass> {
    if (isFirstPage(query)) {
      const list = await readList(user)
      return list.outcome === 'bypass' ? list : answer(list.value, list)
    }
    // A forged cursor is refused on every path alike.
    const after = pages.positionOf(user, query)
    const found = await continued(user)
    if ('outcome' in found) return found
    const items = catalogue.visible(found.groups, visibleQuery(query, after))
    return items === null
      ? { outcome: 'bypass', detail: 'long-scan' }
      : answer(pages.assemble(user, query, items), found.list)
  }

  /** Answers from the cache where the reader allows it and it can; else directly, saying why. */
  async function cachedOr<T extends object>(
    context: ReadContext,
    cached: () => Promise<T | Bypass>,
    bySql: (detail: string) => Promise<T>,
  ): Promise<T> {
    const reason = freshness.reasonToBypass(context)
    // Waiting for what is there already takes a turn of the queue each time.
    const bypass = reason instanceof Promise ? await reason : reason
    if (bypass) return directly(bypass, bySql)
    const answered = await cached()
    return 'outcome' in answered ? directly(answered.detail, bySql) : answered
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
          const found = await continued(user)
          if ('outcome' in found) return found
          const item = catalogue.visibleOne(found.groups, ref)
          const resource = item && (JSON.parse(item.json.toString()) as VisibleResource)
          return { resource, cache: statusOf(found.list) }
        },
        async (detail) => ({ resource: await source.visibleOne(user, ref), cache: { kind: 'bypass', detail } }),
      ),

    effectiveGroups: (user, context) =>
      cachedOr<{ groups: readonly GroupNode[]; cache: CacheStatus }>(
        context,
        async () => {
          const read = await reads.tryRead(groupsWanted(user), new RequestWait(options.storeBudgetMs))
          return read.outcome === 'bypass' ? read : { groups: read.value, cache: statusOf(read) }
        },
        async (detail) => ({ groups: await direct.groups(user), cache: { kind: 'bypass', detail } }),
      ),

    counts: (user, context) =>
      cachedOr<{ groups: number; resources: number; cache: CacheStatus }>(
        context,
        async () => {
          const found = await continued(user)
          if ('outcome' in found) return found
          const { groups } = found
          return { groups: groups.length, resources: catalogue.count(groups), cache: statusOf(found.list) }
        },
        async (detail) => ({ ...(await source.counts(user)), cache: { kind: 'bypass', detail } }),
      ),

    decide: (users, context, decision) =>
      cachedOr(
        context,
        () => decided(users, decision),
        async (detail) => ({ ...(await decision.fromDatabase()), cache: { kind: 'bypass', detail } }),
      ),
  }
}

const idOf = ({ id }: GroupNode): GroupId => id

/** Named by the list's tags. */
const groupsOf = ({ tags }: LayerRead<RenderedPage>) => tags.flatMap((tag) => grantsGroupIn(tag) ?? [])

function groupsTags(user: UserId, groups: readonly GroupNode[]) {
  return [userTag(user), layerTag('user-groups'), ...groups.map(({ id }) => placeTag(id))]
}

function listTags(user: UserId, groups: readonly GroupNode[]) {
  return [userTag(user), layerTag('user-resources'), ...groups.flatMap(({ id }) => [placeTag(id), grantsTag(id)])]
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
function statusOfAll(all: readonly Vouched[]): CacheStatus {
  const missed = all.find(({ read }) => read.outcome !== 'hit')
  const first = missed ?? all.toSorted((a, b) => a.read.ttlMs - b.read.ttlMs)[0]
  return first ? statusOf(first.read) : { kind: 'hit' }
}
