/** The catalogue of one process: the state at its position, but for buckets that are behind and loaded beside. */
import type { Snapshot } from './database.ts'
import { BUCKETS, bucketOf, RESOURCES_OF } from './organisation.ts'
import type { Off } from './protections.ts'

/** What a read of the log says of the catalogue: the states of what its rows name, and buckets of which it has none. */
export interface Delta {
  readonly states: ReadonlyMap<number, number>
  readonly behind: readonly number[]
}

export interface BucketLoad {
  readonly kept: Map<number, number>
  outdated: boolean
}

export const EVERY_BUCKET = Array.from({ length: BUCKETS }, (_, bucket) => bucket)

export function createCatalogue(initial: readonly number[] | null, off: Off) {
  const grants = initial ? [...initial] : [0, 0, 0]
  const behind = new Set<number>(initial ? [] : EVERY_BUCKET)
  const loads = new Map<number, BucketLoad>()

  return {
    /** By resource: the groups it is granted to. */
    grants: () => grants,
    isBehind: () => behind.size > 0,
    nextBehind: () => EVERY_BUCKET.find((bucket) => behind.has(bucket)),
    apply({ states, behind: marked }: Delta): void {
      for (const [resource, state] of states) {
        grants[resource] = state
        loads.get(bucketOf(resource))?.kept.set(resource, state)
      }
      for (const bucket of marked) {
        behind.add(bucket)
        const load = loads.get(bucket)
        if (load) load.outdated = true
      }
    },
    beginLoad(bucket: number): BucketLoad {
      const load = { kept: new Map<number, number>(), outdated: false }
      loads.set(bucket, load)
      return load
    },
    /** Once the position covers the content's snapshot. @returns false where it has to be loaded again */
    install(bucket: number, content: readonly number[], load: BucketLoad): boolean {
      loads.delete(bucket)
      if (load.outdated && !off['second mark ignored']) return false
      for (const [at, resource] of RESOURCES_OF[bucket]!.entries()) {
        const kept = off['install without kept states'] ? undefined : load.kept.get(resource)
        grants[resource] = kept ?? content[at]!
      }
      behind.delete(bucket)
      return true
    },
  }
}

export type Catalogue = ReturnType<typeof createCatalogue>

/** A bucket as it was loaded. */
export interface BucketContent {
  readonly stamp: Snapshot
  readonly grants: readonly number[]
}
