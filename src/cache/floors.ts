/** Floors follow the past positions: invalidations that every living entry has seen are forgotten. */
import type { InvalidationIndex, RetentionClass } from './invalidation-index.ts'
import type { Snapshot } from './snapshot.ts'

interface Checkpoint {
  readonly atMs: number
  readonly position: Snapshot
}

export interface FloorsOptions {
  readonly index: InvalidationIndex
  /** How long entries of each class can live, in milliseconds. */
  readonly retentionMs: Readonly<Record<RetentionClass, number>>
}

export interface Floors {
  /**
   * Called when the position has moved. From time to time it is recorded, and the floors rise to positions that are old
   * enough.
   */
  follow(nowMs: number): void
  /** The position started over. */
  reset(): void
}

const CHECKPOINT_EVERY_MS = 15_000

export function createFloors({ index, retentionMs }: FloorsOptions): Floors {
  const keptMs = Math.max(...Object.values(retentionMs)) + 2 * CHECKPOINT_EVERY_MS
  let checkpoints: Checkpoint[] = []

  function follow(nowMs: number): void {
    const last = checkpoints.at(-1)
    if (!index.position || (last && nowMs - last.atMs < CHECKPOINT_EVERY_MS)) return
    checkpoints.push({ atMs: nowMs, position: index.position.snapshot })
    for (const retention of ['volatile', 'lasting'] as const) {
      const old = checkpoints.findLast(({ atMs }) => nowMs - atMs > retentionMs[retention])
      if (old) index.raiseFloor(retention, old.position)
    }
    checkpoints = checkpoints.filter(({ atMs }) => nowMs - atMs <= keptMs)
  }

  return {
    follow,
    reset() {
      checkpoints = []
    },
  }
}
