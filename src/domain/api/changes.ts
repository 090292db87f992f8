/** The invalidation log as a feed that other services follow. */

/** What one committed mutation made invalid, in words that other services can use. */
export interface Change {
  /** The mutation's name. */
  readonly event: string
  readonly at: string
  /** Users whose memberships, or who themselves, changed. */
  readonly users: readonly string[]
  /** Groups that came, went or moved in the tree. */
  readonly places: readonly string[]
  /** Groups whose grants, or whose granted resources, changed. */
  readonly grants: readonly string[]
  /** Ids of resources that changed, or whose grants did; empty where they are too many to name. */
  readonly resources: readonly string[]
  /** First bytes (two hex digits) of the ids of all resources that changed. */
  readonly buckets: readonly string[]
  /** Whole layers, where naming users would be too many. */
  readonly layers: readonly string[]
}

/** Without `change` only the position moved on; with `reset`, changes may be missing and whatever is held is worthless. */
export interface ChangeEvent {
  /** Opaque: where a client comes back to. */
  readonly id: string
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
   * From an event's id on, or from now on. A client that comes back misses nothing; it may see something twice.
   * @throws DomainError `invalid-input` for an id that is none, `overloaded` when there are too many streams
   */
  open(lastEventId?: string): Promise<ChangeStream>
  /** Ends every stream and begins none. */
  close(): void
}
