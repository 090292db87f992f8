/** Pages of lists, as every read gives them. */
import type { UserId } from '../model.ts'

export interface Page<T> {
  readonly data: readonly T[]
  readonly nextCursor: string | null
}

export interface PageQuery {
  /** 1 to 200. */
  readonly limit: number
  readonly cursor?: string
  /** The caller: a cursor works only for the user it was given to. */
  readonly reader?: UserId
}

/** A page of a list that can be replaced as a whole. */
export interface ReplaceablePage<T> extends Page<T> {
  /** The first page also has the state of the whole list. */
  readonly state?: string
}
