/** The loads of the two entries of a user: the groups from PostgreSQL, the list from the catalogue by the groups or from PostgreSQL. */
import { type Clock, isBypass, type LayerRead, type Loaded, type LogFollower } from '../../cache/index.ts'
import { DomainError } from '../errors.ts'
import { grantsGroupIn, grantsTag, layerTag, placeTag, userTag } from '../keys.ts'
import type { UserId } from '../model.ts'
import type { CacheSource, GroupNode } from '../source.ts'
import type { Catalogue } from './catalogue.ts'
import type { FollowedCatalogue } from './followed-catalogue.ts'
import { HeldList } from './held-list.ts'
import type { Layers } from './layers.ts'
import { ATTEMPTS, CHANGED, covered, type MergedNow } from './merged-now.ts'
import { DEFAULT_LIMIT, type ResourcePages, readyItem } from './resource-page.ts'
import { firstEndOf } from './standing.ts'

export interface ListLoadsOptions {
  readonly layers: Pick<Layers, 'groups'>
  readonly catalogue: Pick<Catalogue, 'visible'>
  readonly followed: Pick<FollowedCatalogue, 'isWhole'>
  readonly follower: LogFollower
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly source: Pick<CacheSource, 'effectiveGroups' | 'visibleList'>
  readonly pages: ResourcePages
  readonly mergedNow: MergedNow
}

type ReadGroups = () => Promise<LayerRead<readonly GroupNode[]>>

export interface ListLoads {
  groups(user: UserId): Promise<Loaded<readonly GroupNode[]>>
  list(user: UserId, readGroups: ReadGroups): Promise<Loaded<HeldList>>
}

export function createListLoads(options: ListLoadsOptions): ListLoads {
  return new MergedListLoads(options)
}

class MergedListLoads implements ListLoads {
  readonly #options: ListLoadsOptions

  constructor(options: ListLoadsOptions) {
    this.#options = options
  }

  async groups(user: UserId): Promise<Loaded<readonly GroupNode[]>> {
    this.#refuseInGrace()
    const { value, stamp } = await this.#options.source.effectiveGroups(user)
    return { value, stamp, tags: groupsTags(user, value), until: firstEndOf(value) }
  }

  async list(user: UserId, readGroups: ReadGroups): Promise<Loaded<HeldList>> {
    this.#refuseInGrace()
    return (this.#options.followed.isWhole() && (await this.#derived(user, readGroups))) || this.#loadedBySql(user)
  }

  /**
   * Merges the list from the catalogue by the groups. Read at different times they could show a state that never was (the
   * old membership with the new grant). So the log is read after the request came, the position covers what the groups
   * were loaded at, and they are judged there: what is valid there is exactly what a load at that position would return,
   * and the list carries that position. Null where that does not come about.
   */
  async #derived(user: UserId, readGroups: ReadGroups): Promise<Loaded<HeldList> | null> {
    const { layers, catalogue, follower, clock, pages, mergedNow } = this.#options
    const barrier = follower.barrier()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const startedMs = clock.monotonicMs()
      const member = await readGroups()
      if (!(await barrier) || !(await covered(follower, member.stamp))) return null
      const groups = member.value.map(({ id }) => id)
      const made = await mergedNow({
        merge: (at) => catalogue.visible(groups, { count: DEFAULT_LIMIT + 1 }, at),
        isServable: () => layers.groups.judge(member) === 'servable',
      })
      if (made === CHANGED) continue
      if (isBypass(made)) return null
      const page = pages.assemble(user, { limit: DEFAULT_LIMIT }, made.value)
      const value = new HeldList(page, made.until)
      // What was left of the groups was said before the log was read.
      const ttlMs = member.ttlMs - (clock.monotonicMs() - startedMs)
      return { value, stamp: made.position, tags: listTags(user, member.value), ttlMs }
    }
    return null
  }

  /** Groups and first page in one snapshot. */
  async #loadedBySql(user: UserId): Promise<Loaded<HeldList>> {
    const { value, stamp } = await this.#options.source.visibleList(user, DEFAULT_LIMIT + 1)
    const page = this.#options.pages.assemble(user, { limit: DEFAULT_LIMIT }, value.items.map(readyItem))
    const list = new HeldList(page, value.until)
    return { value: list, stamp, tags: listTags(user, value.groups), until: firstEndOf(value.groups) }
  }

  /** In grace the database is known to be gone: waiting for it to refuse would only delay the answer. */
  #refuseInGrace(): void {
    if (this.#options.follower.trust() === 'grace')
      throw new DomainError('database-unavailable', 'the database cannot be reached', { retryAfterSeconds: 1 })
  }
}

function groupsTags(user: UserId, groups: readonly GroupNode[]) {
  return [userTag(user), layerTag('user-groups'), ...groups.map(({ id }) => placeTag(id))]
}

function listTags(user: UserId, groups: readonly GroupNode[]) {
  return [userTag(user), layerTag('user-resources'), ...groups.flatMap(({ id }) => [placeTag(id), grantsTag(id)])]
}

/** Named by the list's tags. */
export const groupsOf = ({ tags }: LayerRead<HeldList>) => tags.flatMap((tag) => grantsGroupIn(tag) ?? [])
