/** The main job: one page of one user's list, from the cache where its evidence allows, else from one statement. */
import { answerFrom } from './continuation.ts'
import { fromDatabase } from './derivation.ts'
import type { Instance } from './instance.ts'
import { readEntry } from './miss.ts'
import type { Question } from './question.ts'
import { readWithoutStore } from './read-without-store.ts'
import { Unavailable } from './shared-store.ts'
import type { Steps, World } from './world.ts'

export interface Token {
  readonly database: number
  readonly xid: number
}

export interface Answer {
  /** The visible resources as bits. */
  readonly value: number
  readonly storeWasAway: boolean
}

const ATTEMPTS = 3

/** @returns null when the token is of another database (409) */
export function* readList(world: World, i: Instance, question: Question, token: Token | null): Steps<Answer | null> {
  if (token && historyOf(token) !== historyOf(i.position())) return null
  if (token && !covered(world, i, token)) {
    yield* i.follower.barrier()
    // Waiting is bounded; what is not covered by then bypasses.
    if (!covered(world, i, token)) return { value: yield* fromDatabase(world, i, question), storeWasAway: false }
  }
  try {
    return { value: yield* readWithStore(world, i, question), storeWasAway: false }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    return { value: yield* readWithoutStore(world, i, question), storeWasAway: true }
  }
}

function* readWithStore(world: World, i: Instance, question: Question): Steps<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = yield* answerFrom(world, i, question, yield* readEntry(world, i, question.user))
    if (answer !== null) return answer
  }
  return yield* fromDatabase(world, i, question)
}

export const historyOf = ({ database }: { readonly database: number }) => Math.floor(database / 100)

/**
 * An id means something within one incarnation only: a position of an older one may have seen the id's first bearer
 * roll back. What committed in an older incarnation than the position's is covered: it was durable.
 */
function covered({ db, off }: World, i: Instance, { database, xid }: Token): boolean {
  const position = i.position()
  if (off['token without incarnation'] || database === position.database) return db.sees(position, xid)
  return database < position.database
}
