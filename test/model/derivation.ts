/** A user's list from groups and catalogue at the position behind a barrier; from one snapshot where that cannot be. */
import type { Snapshot } from './database.ts'
import { exactly, grantedAt, groupsEnd, isUnsettled, listEnd, livingAt, NEVER } from './ends.ts'
import type { Instance } from './instance.ts'
import type { Loaded } from './loaded.ts'
import { effectiveGroups, LAYER, type Organisation, tag, tagsOf } from './organisation.ts'
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
    const isServable = () => i.judgeServable(groups) || off['groups not judged'] === true
    const made = yield* mergedNow(world, i, { question: firstPageOf(user), groups: groups.value, isServable })
    if (made === 'impossible') break
    if (made !== 'changed') {
      world.trace?.push(`      ${i.id}: list of ${user} derived: ${made.value}`)
      const until = off['until not taken from the input'] ? NEVER : groups.until
      const { value, position: stamp, until: shownUntil } = made
      return { groups, list: { value, stamp, tags: listTags(user, groups.value), until, shownUntil } }
    }
    known = null
  }
  return yield* loadBoth(i, user)
}

export interface Merging {
  readonly question: Question
  readonly groups: number
  readonly isServable: () => boolean
}

interface Merged {
  readonly value: number
  readonly until: number
  readonly position: Snapshot
}

/**
 * What is true now, in one step with the judgement of the groups. Where something may have ended this very moment, the log
 * is read once more: at its position the time is known exactly, and the groups were had before that.
 */
export function* mergedNow(
  world: World,
  i: Instance,
  { question, groups, isServable }: Merging,
): Steps<Merged | 'changed' | 'impossible'> {
  const { off } = world
  for (let at = i.present(); ; at = exactly(i.follower.positionAt())) {
    if (i.catalogue.isBehind() && !off['derived from a bucket behind']) return 'impossible'
    if (!isServable()) return 'changed'
    const all = i.catalogue.grants()
    const now = off['catalogue unfiltered'] ? 0 : at.latest
    if (off['what may have ended is left out'] || !isUnsettled(all, groups, at)) {
      const granted = all.map((packed) => grantedAt(packed, now))
      const value = merge(question, groups, granted)
      return { value, until: listEnd(value, all, groups, now), position: i.position() }
    }
    if (!(yield* i.follower.barrier())) return 'impossible'
  }
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
  const { value, stamp } = yield* i.select((state, now) => groupsAt(state, user, now))
  return { ...value, stamp, tags: groupTags(user, value.value), shownUntil: NEVER }
}

/** One REPEATABLE READ transaction. */
function* loadBoth(i: Instance, user: number): Steps<Derived> {
  const { value, stamp } = yield* i.select((state, now) => {
    const groups = groupsAt(state, user, now)
    const list = answerIn(state, firstPageOf(user), now)
    return { list, groups, shownUntil: listEnd(list, state.grants, groups.value, now) }
  })
  const { list, groups, shownUntil } = value
  return {
    list: { value: list, stamp, tags: listTags(user, groups.value), until: groups.until, shownUntil },
    groups: { ...groups, stamp, tags: groupTags(user, groups.value), shownUntil: NEVER },
  }
}

function groupsAt(state: Organisation, user: number, now: number) {
  return { value: effectiveGroups(livingAt(state, now), user), until: groupsEnd(state, user, now) }
}

/** The plain statement. Without the store a reader joins the next load, never the running one. */
export function* fromDatabase(world: World, i: Instance, question: Question): Steps<number> {
  const load = function* () {
    const { value } = yield* i.select((state, now) => answerIn(state, question, now))
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
