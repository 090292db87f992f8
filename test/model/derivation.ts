/** A user's list from groups and catalogue at the position behind a barrier; from one snapshot where that cannot be. */
import type { Instance } from './instance.ts'
import type { Loaded } from './loaded.ts'
import { effectiveGroups, LAYER, tag, tagsOf } from './organisation.ts'
import { answerIn, firstPageOf, merge, type Question } from './question.ts'
import type { Steps, World } from './world.ts'

export interface Derived {
  readonly list: Loaded
  readonly groups: Loaded
}

const ATTEMPTS = 3

/**
 * The stamp of a derived list is the position P. That is sound: the groups, loaded at S ≤ P, are judged at P, so no
 * transaction visible in P and not in S touched them, and the catalogue is the state at P; what is merged from both in
 * one step is what one statement at P would return. Groups newer than P are what catching up excludes.
 */
export function* derive(world: World, i: Instance, user: number, found: Loaded | null): Steps<Derived> {
  const { off } = world
  let known = found
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { groups, passed } = yield* besideTheBarrier(world, i, user, known)
    if (!passed) break
    if (!off['position behind the groups'] && !(yield* i.follower.catchUp(groups.stamp))) break
    if (i.catalogue.isBehind() && !off['derived from a bucket behind']) break
    if (i.judgeServable(groups) || off['groups not judged']) {
      const value = merge(firstPageOf(user), groups.value, i.catalogue.grants())
      world.trace?.push(`      ${i.id}: list of ${user} derived: ${value}`)
      return { groups, list: { value, stamp: i.position(), tags: listTags(user, groups.value) } }
    }
    known = null
  }
  return yield* loadBoth(i, user)
}

/** At the same time; which of the two is done first is up to the schedule. */
function* besideTheBarrier(world: World, i: Instance, user: number, known: Loaded | null) {
  const barrierFirst = !known && world.chooser.pick(2) === 1
  const passedFirst = barrierFirst && (yield* i.follower.barrier())
  const groups = known ?? (yield* loadGroups(i, user))
  const passed = barrierFirst ? passedFirst : yield* i.follower.barrier()
  return { groups, passed }
}

function* loadGroups(i: Instance, user: number): Steps<Loaded> {
  const { value, stamp } = yield* i.select((state) => effectiveGroups(state, user))
  return { value, stamp, tags: groupTags(user, value) }
}

/** One REPEATABLE READ transaction. */
function* loadBoth(i: Instance, user: number): Steps<Derived> {
  const { value, stamp } = yield* i.select((state) => ({
    list: answerIn(state, firstPageOf(user)),
    groups: effectiveGroups(state, user),
  }))
  return {
    list: { value: value.list, stamp, tags: listTags(user, value.groups) },
    groups: { value: value.groups, stamp, tags: groupTags(user, value.groups) },
  }
}

/** The plain statement. Without the store a reader joins the next load, never the running one. */
export function* fromDatabase(world: World, i: Instance, question: Question): Steps<number> {
  const load = function* () {
    const { value } = yield* i.select((state) => answerIn(state, question))
    world.trace?.push(`      ${i.id}: ${JSON.stringify(question)} from the database: ${value}`)
    return { value, shareable: () => false }
  }
  return (yield* i.flights.run(`database:${JSON.stringify(question)}`, load, world.off)).value
}

function groupTags(user: number, groups: number): number {
  return tag.user(user) | tag.layer(LAYER.userGroups) | tagsOf(groups, tag.place)
}

function listTags(user: number, groups: number): number {
  return tag.user(user) | tag.layer(LAYER.userResources) | tagsOf(groups, tag.place) | tagsOf(groups, tag.grants)
}
