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
  earliest,
  type InvalidationIndex,
  type LayerRead,
  type Loaded,
  type LogFollower,
  type Present,
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
  fromCatalogue(
    groupsOf: (user: UserId) => readonly GroupId[],
    at: Present,
    /** When the first ends of what the groups were read from, in milliseconds since the epoch. */
    endOf: (user: UserId) => number | null,
  ): Merged<T> | null
  fromDatabase(): Promise<T>
}

export type Decided<T> = T & { readonly cache: CacheStatus }

/** The groups that count for a user, for as long as what they come from is servable. */
interface Vouched {
  readonly read: LayerRead<unknown>
  readonly groups: readonly GroupId[]
  isServable(): boolean
}

/** What is merged from the catalogue by something that is judged: in one step, in which nothing may be waited for. */
interface Merging<T> {
  merge(at: Present): Merged<T> | null
  /** Whether what it is merged by may be served, and so could be at every instant up to now. */
  isServable(): boolean
}

/** The position of which the catalogue was. */
type Placed<T> = Merged<T> & { readonly position: Stamp }

/** What was merged by the groups of the user's list. */
interface Continued<T> {
  readonly list: LayerRead<RenderedPage>
  readonly value: T
}

const bypass = (detail: string): Bypass => ({ outcome: 'bypass', detail })
const CHANGED = bypass('changed-meanwhile')
const isBypass = (found: object): found is Bypass => 'outcome' in found && found.outcome === 'bypass'

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
        return { value, stamp, tags: groupsTags(user, value), until: firstEndOf(value) }
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
      const made = await mergedNow({
        merge: (at) => catalogue.visible(member.value.map(idOf), { count: DEFAULT_LIMIT + 1 }, at),
        isServable: () => layers.groups.judge(member) === 'servable',
      })
      if (made === CHANGED) continue
      if (isBypass(made)) return null
      const value = pages.assemble(user, { limit: DEFAULT_LIMIT }, made.value)
      // What was left of the groups was said before the log was read.
      const ttlMs = member.ttlMs - (clock.monotonicMs() - startedMs)
      return { value, stamp: made.position, tags: listTags(user, member.value), until: made.until, ttlMs }
    }
    return null
  }

  /**
   * What is true now, at the position and by the groups as they are judged in the same step. Where something may have ended
   * this very moment, the log is read once more: of its position the time is known exactly, and what the groups were
   * loaded at is before that.
   */
  async function mergedNow<T>({ merge, isServable }: Merging<T>): Promise<Placed<T> | Bypass> {
    let at = presentOf(follower)
    for (;;) {
      const { position } = index
      if (!position || !followed.isWhole()) return bypass('catalogue-behind')
      const made = merge(at)
      // After the merge: what ended meanwhile had not when it was made.
      if (!isServable()) return CHANGED
      if (made === null) return bypass('long-scan')
      if (!made.isUnsettled) return { ...made, position }
      if (!(await follower.barrier())) return bypass('log-behind')
      const positionMs = follower.positionMs()
      if (positionMs === null) return bypass('clock-unknown')
      at = { earliestMs: positionMs, latestMs: positionMs }
    }
  }

  /** Groups and first page in one snapshot. */
  async function loadedBySql(user: UserId): Promise<Loaded<RenderedPage>> {
    const { value, stamp } = await source.visibleList(user, DEFAULT_LIMIT + 1)
    const page = pages.assemble(user, { limit: DEFAULT_LIMIT }, value.items.map(readyItem))
    const until = earliest(firstEndOf(value.groups), value.until)
    return { value: page, stamp, tags: listTags(user, value.groups), until }
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
   * What is merged by the groups of the user's list from the catalogue at a position that covers it, in the same step as
   * it is judged there.
   */
  async function continued<T>(
    user: UserId,
    merge: (groups: readonly GroupId[], at: Present) => Merged<T> | null,
  ): Promise<Continued<T> | Bypass> {
    const list = await readList(user)
    if (isBypass(list)) return list
    if (!(await covered(list.stamp))) return bypass('log-behind')
    const groups = groupsOf(list)
    const made = await mergedNow({
      merge: (at) => merge(groups, at),
      isServable: () => layers.lists.judge(list) === 'servable',
    })
    return isBypass(made) ? made : { list, value: made.value }
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
      if (!(await covered(list.stamp))) return bypass('log-behind')
      return { read: list, groups: groupsOf(list), isServable: () => layers.lists.judge(list) === 'servable' }
    }
    const begun = logRead()
    const member = await reads.tryRead(groupsWanted(user), wait)
    if (member.outcome === 'bypass') return member
    if (!(await begun) || !(await covered(member.stamp))) return bypass('log-behind')
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
          if (isBypass(each)) return each
          known.set(user, each)
        }
      }
      const all = [...known.values()]
      const made = await mergedNow({
        merge: (at) =>
          fromCatalogue(
            (user) => known.get(user)?.groups ?? [],
            at,
            (user) => known.get(user)?.read.until ?? null,
          ),
        isServable: () => all.every((each) => each.isServable()),
      })
      if (made === CHANGED) continue
      return isBypass(made) ? made : { ...made.value, cache: statusOfAll(all) }
    }
    return CHANGED
  }

  async function cachedPage(user: UserId, query: ResourceQuery): Promise<ResourcePage | Bypass> {
    if (isFirstPage(query)) {
      const list = await readList(user)
      return list.outcome === 'bypass' ? list : answer(list.value, list)
    }
    // A forged cursor is refused on every path alike.
    const after = pages.positionOf(user, query)
    const found = await continued(user, (groups, at) => catalogue.visible(groups, visibleQuery(query, after), at))
    return isBypass(found) ? found : answer(pages.assemble(user, query, found.value), found.list)
  }

  /** Answers from the cache where the reader allows it and it can; else directly, saying why. */
  async function cachedOr<T extends object>(
    context: ReadContext,
    cached: () => Promise<T | Bypass>,
    bySql: (detail: string) => Promise<T>,
  ): Promise<T> {
    const reason = freshness.reasonToBypass(context)
    // Waiting for what is there already takes a turn of the queue each time.
    const why = reason instanceof Promise ? await reason : reason
    if (why) return directly(why, bySql)
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
          const found = await continued(user, (groups, at) => catalogue.visibleOne(groups, ref, at))
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
          const read = await reads.tryRead(groupsWanted(user), new RequestWait(options.storeBudgetMs))
          return read.outcome === 'bypass' ? read : { groups: read.value, cache: statusOf(read) }
        },
        async (detail) => ({ groups: await direct.groups(user), cache: { kind: 'bypass', detail } }),
      ),

    counts: (user, context) =>
      cachedOr<{ groups: number; resources: number; cache: CacheStatus }>(
        context,
        async () => {
          const found = await continued(user, (groups, at) => catalogue.count(groups, at))
          if (isBypass(found)) return found
          return { groups: groupsOf(found.list).length, resources: found.value, cache: statusOf(found.list) }
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

/** When the first of the user's own memberships ends. */
const firstEndOf = (groups: readonly GroupNode[]): number | null =>
  groups.reduce<number | null>((first, { until }) => earliest(first, until), null)

function presentOf({ time }: LogFollower): Present {
  return { earliestMs: time.earliestMs(), latestMs: time.latestMs() }
}

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
