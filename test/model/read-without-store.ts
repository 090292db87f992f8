/** A read while the store is away: from the process's own copy, a replica's entry or a derivation, behind the barrier. */

import { answerFrom } from './continuation.ts'
import { derive, fromDatabase } from './derivation.ts'
import type { Instance } from './instance.ts'
import { entryOf, loadedFrom } from './loaded.ts'
import { key } from './organisation.ts'
import type { Question } from './question.ts'
import { type Entry, Unavailable } from './shared-store.ts'
import type { Steps, World } from './world.ts'

export function* readWithoutStore(world: World, i: Instance, question: Question): Steps<number> {
  const { off } = world
  const at = key.userResources(question.user)
  if (off['replica without a barrier']) {
    const early = yield* heldByReplica(i, at)
    if (early) return yield* answered(world, i, question, early)
  }
  if (!off['memory without a barrier'] && !(yield* i.follower.barrier())) {
    return yield* fromDatabase(world, i, question)
  }
  const held = heldHere(i, at) ?? (yield* heldByReplica(i, at))
  if (held) return yield* answered(world, i, question, held)
  const load = function* () {
    const groups = heldHere(i, key.userGroups(question.user))
    const { list, groups: used } = yield* derive(world, i, question.user, groups && loadedFrom(i, groups))
    i.copies.set(at, entryOf(world, i, list))
    i.copies.set(key.userGroups(question.user), entryOf(world, i, used))
    return { list, shareable: () => false }
  }
  const { list } = yield* i.flights.run(`away:${question.user}`, load, off)
  return (yield* answerFrom(world, i, question, list)) ?? (yield* fromDatabase(world, i, question))
}

function* answered(world: World, i: Instance, question: Question, entry: Entry): Steps<number> {
  const answer = yield* answerFrom(world, i, question, loadedFrom(i, entry))
  return answer ?? (yield* fromDatabase(world, i, question))
}

function heldHere(i: Instance, at: number): Entry | null {
  const copy = i.copies.get(at)
  return copy && i.isServable(copy) ? copy : null
}

function* heldByReplica(i: Instance, at: number): Steps<Entry | null> {
  try {
    const entry = yield* i.askReplica((commands) => commands.read(at))
    return entry && i.isServable(entry) ? entry : null
  } catch (error) {
    if (error instanceof Unavailable) return null
    throw error
  }
}
