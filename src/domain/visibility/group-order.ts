/**
 * The resources that one group is granted, in the order in which they are listed. A change of one resource moves one
 * place; after a bulk load the whole is put in order once, when somebody asks.
 */
import type { GroupId } from '../model.ts'
import type { Position } from '../source.ts'
import { comparePositions } from './resource-page.ts'

export interface Placed extends Position {
  /** False once it is no longer part of the catalogue, or no longer granted to any group. */
  readonly current: boolean
}

/** Of a list. Fewer are not worth a pass over all of it. */
const GONE_SHARE_MAX = 0.25

export class GroupOrder<Resource extends Placed> {
  readonly group: GroupId
  /** The holders of a resource that no other group holds, which is most of them: one list for all. */
  readonly alone: readonly GroupOrder<Resource>[] = [this]
  #granted: Resource[] = []
  /** Whether all of it is current and in order. */
  #tidy = true
  /** How many of it are no longer current. */
  #gone = 0
  /** Those whose grant to this group has an end; few have one. */
  #ending: Set<Resource> | undefined

  constructor(group: GroupId) {
    this.group = group
  }

  /** In order. */
  get granted(): readonly Resource[] {
    if (!this.#tidy) {
      this.#sweep()
      this.#granted.sort(comparePositions)
      this.#tidy = true
    }
    return this.#granted
  }

  /** Those whose grant to this group has an end. */
  get ending(): ReadonlySet<Resource> {
    return this.#ending ?? NONE
  }

  /** Whether its grant to this group has an end. */
  mark(resource: Resource, ends: boolean): void {
    if (ends) {
      this.#ending ??= new Set()
      this.#ending.add(resource)
    } else if (this.#ending?.delete(resource) && this.#ending.size === 0) this.#ending = undefined
  }

  /** Whether it is among them, under the name that it has. */
  has(resource: Resource): boolean {
    if (!this.#tidy) return this.#granted.includes(resource)
    return this.#granted[firstFrom(this.#granted, resource)] === resource
  }

  /** Removes many at once, given in their order: the cost is that of the part of the list that contains them. */
  drop(gone: readonly Resource[]): void {
    const [first, last] = [gone[0], gone.at(-1)]
    const ordered = this.granted
    if (!first || !last) return
    const [from, to] = [firstFrom(ordered, first), firstAfter(ordered, last)]
    const going = new Set(gone)
    const left = ordered.slice(from, to).filter((resource) => !going.has(resource))
    this.#granted = ordered.slice(0, from).concat(left, ordered.slice(to))
    for (const resource of gone) this.mark(resource, false)
  }

  /** A changed resource: it moves to its place at once. */
  insert(resource: Resource): void {
    if (this.#tidy) this.#granted.splice(firstFrom(this.#granted, resource), 0, resource)
    else this.#granted.push(resource)
  }

  /** Takes one out that still has the name it was inserted with. */
  remove(resource: Resource): void {
    const at = this.#tidy ? firstFrom(this.#granted, resource) : this.#granted.indexOf(resource)
    if (this.#granted[at] === resource) this.#granted.splice(at, 1)
  }

  /** One of many: the order is restored when it is next needed. */
  append(resource: Resource): void {
    this.#granted.push(resource)
    this.#tidy = false
  }

  /** One of them is no longer current. A list that nobody asks for must not keep all that was ever in it. */
  loosen(): void {
    this.#tidy = false
    if (++this.#gone > this.#granted.length * GONE_SHARE_MAX) this.#sweep()
  }

  #sweep(): void {
    this.#granted = this.#granted.filter(({ current }) => current)
    this.#gone = 0
  }
}

const NONE: ReadonlySet<never> = new Set()

/** The first place at which the position, or one after it, stands. */
export function firstFrom(ordered: readonly Position[], position: Position): number {
  return lowest(ordered, (each) => comparePositions(each, position) >= 0)
}

/** The first place after the position. */
export function firstAfter(ordered: readonly Position[], position: Position): number {
  return lowest(ordered, (each) => comparePositions(each, position) > 0)
}

/** The first place for which the condition holds, which holds for all places behind it. */
function lowest(ordered: readonly Position[], holds: (each: Position) => boolean): number {
  let [low, high] = [0, ordered.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const each = ordered[middle]
    if (each && holds(each)) high = middle
    else low = middle + 1
  }
  return low
}
