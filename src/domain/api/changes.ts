/** The invalidation log as a feed that other services follow. */

/** What one committed mutation made invalid, in words that other services can use. */
export interface Change {
  /** The mutation's name. */
  readonly event: string
  readonly at: string
  /** Users that changed, or whose memberships did. */
  readonly users: readonly string[]
  /** Groups that were created, deleted or moved in the tree. */
  readonly places: readonly string[]
  /** Groups whose grants, or whose granted resources, changed. */
  readonly grants: readonly string[]
  /** Ids of resources that changed, or whose grants did; empty where there are too many to name. */
  readonly resources: readonly string[]
  /** First bytes (two hex digits) of the ids of all resources that changed. */
  readonly buckets: readonly string[]
  /** Whole layers, where naming users would be too many. */
  readonly layers: readonly string[]
  /**
   * Names of the groups and resources above, by id: those of now, or the last ones of what this change deleted. Without
   * a name: what was deleted since, or in another way, and in a backlog what is beyond the first thousands.
   */
  readonly names: Readonly<Record<string, string>>
}

/** Without `change`, only the position moved; with `reset`, changes may be missing: discard everything cached. */
export interface ChangeEvent {
  /** Opaque: the position at which a client resumes. */
  readonly id: string
  /** Of a change: the same whenever it is sent again, and of no other change of this database. */
  readonly key?: string
  readonly change?: Change
  readonly reset?: true
}

export interface ChangeStream {
  /** Null at the end. Asked only when the former are on their way: what a slow reader does not take stays in the log. */
  next(): Promise<readonly ChangeEvent[] | null>
  close(): void
}

export interface ChangeFeed {
  /**
   * From an event's id on, or from now on. A client that resumes misses nothing; it may see an event twice.
   * @throws DomainError `invalid-input` for an invalid id, `overloaded` when there are too many streams
   */
  open(lastEventId?: string): Promise<ChangeStream>
  /** Ends every stream and starts no more. */
  close(): void
}
