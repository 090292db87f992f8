/** Decisions about users by their groups and the catalogue, all at one position of the log. */
import {
  type Bypass,
  isBypass,
  type LayerRead,
  type LogFollower,
  type Present,
  type ReadThrough,
  StoreWait,
  type Wanted,
} from '../../cache/index.ts'

import type { GroupId, UserId } from '../model.ts'
import type { GroupNode } from '../source.ts'
import type { HeldList } from './held-list.ts'
import type { Layers } from './layers.ts'
import { groupsOf } from './list-loads.ts'
import { ATTEMPTS, bypass, CHANGED, covered, type MergedNow } from './merged-now.ts'
import type { Merged } from './standing.ts'

export interface Decision<T> {
  /** In one step: nothing may be awaited in it. Null if it would examine too much. */
  fromCatalogue(
    groupsOf: (user: UserId) => readonly GroupId[],
    at: Present,
    /** When the first ends of what the groups were read from, in milliseconds since the epoch. */
    endOf: (user: UserId) => number | null,
  ): Merged<T> | null
  fromDatabase(): Promise<T>
}

/** The decision, and the reads of the groups that it is based on. */
export interface DecidedBy<T> {
  readonly value: T
  readonly reads: readonly LayerRead<unknown>[]
}

export interface DecisionsOptions {
  readonly reads: ReadThrough
  readonly layers: Layers
  readonly follower: LogFollower
  readonly mergedNow: MergedNow
  readonly groupsWanted: (user: UserId) => Wanted<readonly GroupNode[]>
  readonly listWanted: (user: UserId) => Wanted<HeldList, readonly GroupNode[]>
}

/** The groups that count for a user, for as long as what they come from is servable. */
interface Vouched {
  readonly read: LayerRead<unknown>
  readonly groups: readonly GroupId[]
  isServable(): boolean
}

/** Of the log, once for all users of one request. Begun after the request came, it shows what was granted and taken, of which the groups know nothing. */
type LogRead = () => Promise<boolean>

/** Of many users asked about in one request. */
const USERS_AT_ONCE = 16
/**
 * After this many decisions by the same groups, loading the list pays off: a list can be trusted without a read of the
 * log.
 */
const DECISIONS_PER_LIST = 16

export type Decide = <T>(
  users: readonly UserId[],
  decision: Pick<Decision<T>, 'fromCatalogue'>,
) => Promise<DecidedBy<T> | Bypass>

/** @returns decides by the groups of these users, read where they are not held */
export function createDecisions(options: DecisionsOptions): Decide {
  const vouching = new GroupVouching(options)

  return async function decide(users, { fromCatalogue }) {
    let begun: Promise<boolean> | undefined
    const logRead = () => {
      begun ??= options.follower.barrier()
      return begun
    }
    const known = new Map<UserId, Vouched>()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const missing = users.filter((user) => !known.get(user)?.isServable())
      const refused = await vouching.addTo(known, missing, logRead)
      if (refused) return refused
      const all = [...known.values()]
      const made = await options.mergedNow({
        merge: (at) =>
          fromCatalogue(
            (user) => known.get(user)?.groups ?? [],
            at,
            (user) => known.get(user)?.read.until ?? null,
          ),
        isServable: () => all.every((each) => each.isServable()),
      })
      if (made === CHANGED) continue
      return isBypass(made) ? made : { value: made.value, reads: all.map(({ read }) => read) }
    }
    return CHANGED
  }
}

/** Finds the groups of users, by their lists where those are held. */
class GroupVouching {
  readonly #options: DecisionsOptions
  /** Forgotten with the copy of the groups. */
  readonly #decisionsBy = new WeakMap<readonly GroupNode[], number>()

  constructor(options: DecisionsOptions) {
    this.#options = options
  }

  /** @returns why it cannot be done, if so */
  async addTo(known: Map<UserId, Vouched>, users: readonly UserId[], logRead: LogRead): Promise<Bypass | undefined> {
    for (let from = 0; from < users.length; from += USERS_AT_ONCE) {
      const some = users.slice(from, from + USERS_AT_ONCE)
      const found = await Promise.all(some.map(async (user) => [user, await this.#vouched(user, logRead)] as const))
      for (const [user, each] of found) {
        if (isBypass(each)) return each
        known.set(user, each)
      }
    }
    return undefined
  }

  async #vouched(user: UserId, logRead: LogRead): Promise<Vouched | Bypass> {
    const { reads, layers, follower, groupsWanted, listWanted } = this.#options
    const wait = new StoreWait()
    const list = await reads.held(listWanted(user), wait)
    if (list) {
      if (!(await covered(follower, list.stamp))) return bypass('log-behind')
      return { read: list, groups: groupsOf(list), isServable: () => layers.lists.judge(list) === 'servable' }
    }
    const begun = logRead()
    const member = await reads.tryRead(groupsWanted(user), wait)
    if (member.outcome === 'bypass') return member
    if (!(await begun) || !(await covered(follower, member.stamp))) return bypass('log-behind')
    this.#countDecision(user, member.value)
    const isServable = () => layers.groups.judge(member) === 'servable'
    return { read: member, groups: member.value.map(({ id }) => id), isServable }
  }

  /**
   * If there are repeated questions about a user, the list is loaded in the background; if that fails, nothing is lost.
   */
  #countDecision(user: UserId, groups: readonly GroupNode[]): void {
    const count = (this.#decisionsBy.get(groups) ?? 0) + 1
    this.#decisionsBy.set(groups, count)
    if (count % DECISIONS_PER_LIST !== 0) return
    this.#options.reads.tryRead(this.#options.listWanted(user), new StoreWait()).catch(() => {})
  }
}
