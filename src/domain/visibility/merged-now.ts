/** Merges from this process's catalogue at the position of the log, by groups that are judged there in the same step. */
import type { Bypass, InvalidationIndex, LogFollower, Present, Stamp } from '../../cache/index.ts'
import type { FollowedCatalogue } from './followed-catalogue.ts'
import type { Merged } from './standing.ts'

export interface MergedNowOptions {
  readonly followed: Pick<FollowedCatalogue, 'isWhole'>
  readonly index: InvalidationIndex
  readonly follower: LogFollower
}

/** A merge from the catalogue by the groups of some entries, which are judged in the same step: nothing may be awaited in it. */
export interface Merging<T> {
  merge(at: Present): Merged<T> | null
  /** Whether those entries may be served, and could be at every instant up to now. */
  isServable(): boolean
}

/** With the position that the catalogue was at. */
export type Placed<T> = Merged<T> & { readonly position: Stamp }

export type MergedNow = <T>(merging: Merging<T>) => Promise<Placed<T> | Bypass>

/** How often inputs that change during a merge are read again, before one SQL statement answers instead. */
export const ATTEMPTS = 3

export const bypass = (detail: string): Bypass => ({ outcome: 'bypass', detail })
export const CHANGED = bypass('changed-meanwhile')

export function createMergedNow({ followed, index, follower }: MergedNowOptions): MergedNow {
  /**
   * What is true now, at the position and by the groups as they are judged in the same step. Where something may have ended
   * this very moment, the log is read once more: of its position the time is known exactly, and what the groups were
   * loaded at is before that.
   */
  return async function mergedNow<T>({ merge, isServable }: Merging<T>): Promise<Placed<T> | Bypass> {
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
}

/** Until the position covers the stamp; false when the log cannot be read. */
export async function covered(follower: LogFollower, stamp: Stamp): Promise<boolean> {
  return follower.catchUp(stamp).then(
    () => true,
    () => false,
  )
}

function presentOf({ time }: LogFollower): Present {
  return { earliestMs: time.earliestMs(), latestMs: time.latestMs() }
}
