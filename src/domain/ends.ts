/** Until when a membership or a grant lasts: the ends that a request gives. */
import { DomainError, PROBLEMS_MAX } from './errors.ts'
import type { Transaction } from './transaction.ts'

export interface GivenEnd {
  /** Where the request has it: a JSON pointer. */
  readonly path: string
  /** Undefined or null where it has none. */
  readonly expiresAt: Date | null | undefined
}

/**
 * By PostgreSQL's clock, which also decides when they have come. Behind the locks of the mutation, so that the time for
 * which it waited counts.
 * @throws DomainError `end-in-the-past` with every such end by JSON pointer
 */
export async function checkEnds(tx: Transaction, given: readonly GivenEnd[]): Promise<void> {
  if (given.some(({ expiresAt }) => expiresAt instanceof Date)) refusePast(given, await tx.clock())
}

/** @throws DomainError `end-in-the-past` */
export function refusePast(given: readonly GivenEnd[], now: Date): void {
  const past = given.filter(({ expiresAt }) => expiresAt instanceof Date && expiresAt <= now)
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
