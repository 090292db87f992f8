/** From a user's entry to the page that was asked for. */
import { fromDatabase, mergedNow } from './derivation.ts'
import type { Instance } from './instance.ts'
import type { Loaded } from './loaded.ts'
import { groupsIn } from './organisation.ts'
import { isFirstPage, type Question } from './question.ts'
import type { Steps, World } from './world.ts'

/**
 * The first page is in the entry, until something that it shows ends. Anything else is merged from the groups in its tags and the catalogue, in one step
 * with the judgement, at a position that covers the entry. @returns null when the entry does not hold there
 */
export function* answerFrom(world: World, i: Instance, question: Question, entry: Loaded): Steps<number | null> {
  const { off } = world
  const lasts = entry.shownUntil > i.present().latest || off['page kept beyond its end'] === true
  if (isFirstPage(question) && lasts) return entry.value
  const covering = off['position behind the entry'] || (yield* i.follower.catchUp(entry.stamp))
  if (!covering || i.catalogue.isBehind()) return yield* fromDatabase(world, i, question)
  const isServable = () => i.judgeServable(entry) || off['continuation not judged'] === true
  const made = yield* mergedNow(world, i, { question, groups: groupsIn(entry.tags), isServable })
  if (made === 'changed') return null
  if (made === 'impossible') return yield* fromDatabase(world, i, question)
  world.trace?.push(`      ${i.id}: ${JSON.stringify(question)} merged: ${made.value}`)
  return made.value
}
