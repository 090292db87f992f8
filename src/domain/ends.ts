/** Until when a membership or a grant lasts: the ends that a request gives. */
import { DomainError, PROBLEMS_MAX } from './errors.ts'
import type { Transaction } from './transaction.ts'

export interface GivenEnd {
  /** Its place in the request: a JSON pointer. */
  readonly path: string
  /** Undefined or null if it has none. */
  readonly expiresAt: Date | null | undefined
}

/** Those of a list, by its name in the request. */
export function endsIn(list: string, items: readonly { readonly expiresAt?: Date | null }[]): GivenEnd[] {
  return items.map(({ expiresAt }, position) => ({ path: `/${list}/${position}/expiresAt`, expiresAt }))
}

/**
 * By PostgreSQL's clock, which also decides whether an end has come. To be called after the locks are taken, so that the
 * wait for them counts.
 * @throws DomainError `end-in-the-past` with every such end by JSON pointer
 */
export async function checkEnds(tx: Transaction, given: readonly GivenEnd[]): Promise<void> {
  const ends = given.flatMap(({ path, expiresAt }) => (expiresAt ? [{ path, expiresAt }] : []))
  if (ends.length === 0) return
  const now = await tx.clock()
  const past = ends.filter(({ expiresAt }) => expiresAt <= now)
  if (past.length === 0) return
  const message = `is not after ${now.toISOString()}, the time by the clock of the database`
  throw new DomainError('end-in-the-past', 'an end must be in the future; nothing was written', {
    problems: past.slice(0, PROBLEMS_MAX).map(({ path }) => ({ path, message })),
  })
}

interface Ending {
  readonly expiresAt: Date | null
}

export function endsAlike({ expiresAt: one }: Ending, { expiresAt: other }: Ending): boolean {
  return one?.getTime() === other?.getTime()
}
