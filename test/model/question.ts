/** What a reader asks: the first page, which an entry holds, or something that is merged from the catalogue. */
import { livingAt } from './ends.ts'
import { effectiveGroups, type Organisation, RESOURCES } from './organisation.ts'

export interface Question {
  readonly user: number
  /** The cursor: only resources behind it; -1 for the beginning. */
  readonly after: number
  /** Whether one page is wanted or all that follows, as for a count. */
  readonly extent: 'page' | 'all'
}

export const firstPageOf = (user: number): Question => ({ user, after: -1, extent: 'page' })

export const isFirstPage = ({ after, extent }: Question) => after < 0 && extent === 'page'

/** One resource: with three of them a list has up to three pages. */
const PAGE = 1

/** @param grants at one time: ends are left out. @returns resources as bits, from the user's groups and the groups each resource is granted to */
export function merge({ after, extent }: Question, groups: number, grants: readonly number[]): number {
  let found = 0
  let left = extent === 'page' ? PAGE : RESOURCES
  for (let resource = after + 1; resource < RESOURCES && left > 0; resource++) {
    if (!(grants[resource]! & groups)) continue
    found |= 1 << resource
    left--
  }
  return found
}

/** The oracle. */
export function answerIn(state: Organisation, question: Question, now: number): number {
  const living = livingAt(state, now)
  return merge(question, effectiveGroups(living, question.user), living.grants)
}

/** The cursor that a page comes with: its last resource, -1 where it is empty. */
export const cursorOf = (page: number) => 31 - Math.clz32(page)
