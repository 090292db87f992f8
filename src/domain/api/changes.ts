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
   * Names of the groups and resources above, by id: the present ones, or the last ones of objects that this change
   * deleted. Objects that were deleted later or in another way have no name here, nor do those beyond the first
   * thousands of a backlog.
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
  /** Null at the end. Called only when the previous events have been sent: a slow reader's events stay in the log. */
  next(): Promise<readonly ChangeEvent[] | null>
  close(): void
}

export interface ChangeFeed {
  /**
   * Starts after an event's id, or at the present. A client that resumes misses nothing, but may see an event twice.
   * @throws DomainError `invalid-input` for an invalid id, `overloaded` when there are too many streams
   */
  open(lastEventId?: string): Promise<ChangeStream>
  /** Ends every stream and starts no more. */
  close(): void
}
