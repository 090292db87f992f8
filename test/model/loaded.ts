/** What was loaded or found, its evidence, and how it stands in the store: in the shape of a release. */
import type { Instance } from './instance.ts'
import type { Stamped } from './invalidation-index.ts'
import type { Entry } from './shared-store.ts'
import type { World } from './world.ts'

export interface Loaded extends Stamped {
  readonly value: number
  /** Of a list: when the first of what it shows stops being held; what it was derived from may last longer. */
  readonly shownUntil: number
}

/** Wide enough for a bucket's grants with their ends. */
const VALUE = 0x3fff_ffff

/** Two releases do not understand each other: here each reads the complement of what the other wrote. */
export const inShape = (value: number, shape: number) => (shape % 2 === 0 ? value : ~value & VALUE)

export function entryOf(world: World, i: Instance, { value, ...loaded }: Loaded): Entry {
  const shaped = inShape(value, i.release)
  return { fillId: world.store.fresh(), generation: 0, shape: i.release, value: shaped, ...loaded }
}

export const loadedFrom = (i: Instance, { value, stamp, tags, until, shownUntil }: Entry): Loaded => ({
  value: inShape(value, i.release),
  stamp,
  tags,
  until,
  shownUntil,
})
