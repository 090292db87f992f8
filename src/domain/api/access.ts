/** May this user do that, and which others may: questions by names, as other services ask them. */
import type { UserId } from '../model.ts'
import type { CacheStatus, ReadContext } from './reads.ts'

export interface ResourceName {
  readonly kind: string
  readonly name: string
}

/** `action` is the name of a permission, or of what the configuration maps to one. */
export interface AccessQuestion {
  readonly user: UserId
  readonly action: string
  readonly resource: ResourceName
}

export interface AccessDecision {
  readonly decision: boolean
  /**
   * Unless something is changed, the decision holds at least until then: the first end among its inputs. Null: it does
   * not change by itself.
   */
  readonly until: Date | null
}

export interface SearchPage {
  /** At most this many results, capped at the largest page. */
  readonly limit?: number | undefined
  /** The `nextToken` of the page before. */
  readonly token?: string | undefined
  /** The scope of the token: the caller and the whole question. */
  readonly scope: readonly string[]
}

export interface SearchResults<T> {
  readonly results: readonly T[]
  /** Null at the end. */
  readonly nextToken: string | null
  readonly cache: CacheStatus
}

export interface Access {
  /**
   * In the order of the questions, all at one state; false for an action, a user or a resource that does not exist.
   * @param questions null stands for a question about something that cannot exist
   */
  decisions(
    questions: readonly (AccessQuestion | null)[],
    context: ReadContext,
  ): Promise<{ decisions: readonly AccessDecision[]; cache: CacheStatus }>
  /** Users who may, ordered by id. @throws DomainError `invalid-input` for a token of another question */
  users(question: Omit<AccessQuestion, 'user'>, page: SearchPage, context: ReadContext): Promise<SearchResults<UserId>>
  /** Names of resources of the kind, ordered. @throws DomainError as for users */
  resources(
    question: { readonly user: UserId; readonly action: string; readonly kind: string },
    page: SearchPage,
    context: ReadContext,
  ): Promise<SearchResults<string>>
  /** Names of permissions, then of the configured actions. @throws DomainError as for users */
  actions(
    question: Omit<AccessQuestion, 'action'>,
    page: SearchPage,
    context: ReadContext,
  ): Promise<SearchResults<string>>
  /** Whether the user is disabled, from the cache where it can say. */
  isDisabled(user: UserId, context: ReadContext): Promise<boolean>
}
