/**
 * What an instance remembers of the invalidation log, and the judgement of every entry by it: an entry is served only
 * if every transaction that invalidated one of its tags is visible in the snapshot it was loaded at. Deletes in the
 * shared store may be lost, late or undone; this does not depend on them. (Snapshot-tagged entries: TxCache, OSDI 2010.)
 */
import { covers, isVisible, type Snapshot, type Stamp, type Xid } from './snapshot.ts'
import type { Tag } from './tags.ts'

/** How long entries that depend on a tag can live; what is older need not be remembered. */
export type RetentionClass = 'volatile' | 'lasting'

/** Whether an entry may be served, or why not. */
export type Verdict =
  | 'servable'
  | 'invalidated'
  | 'other-database'
  | 'below-floor'
  | 'no-position'
  | 'log-lost'
  /** By the database's clock it may have ended. */
  | 'ended'

/** One transaction of the log, and the tags that it invalidated. */
export interface LogRow {
  readonly xid: Xid
  readonly tags: readonly Tag[]
}

interface TagHistory {
  /** Entries must cover it: stands for ids that were dropped to keep a hot tag small. A snapshot, as a floor is. */
  fence: Snapshot | null
  xids: Xid[]
}

/** Beyond this many remembered transactions for one tag, those that the position shows become a fence. */
const XIDS_PER_TAG = 64

/** With more own commits than this beyond the position, the log has been unread for so long that starting over costs nothing. */
const OWN_MAX = 10_000

export interface InvalidationIndexOptions {
  /** Null for a tag that no entry carries: it is not remembered. */
  readonly retentionOf: (tag: Tag) => RetentionClass | null
  /** Above this many tags the volatile floor is raised to the present, and where that is not enough the other: what is older is loaded again. */
  readonly maxTags: number
}

export interface InvalidationIndex {
  /** Grows with everything that could change a verdict; equal revisions mean equal verdicts. */
  readonly revision: number
  /** The snapshot up to which the log is known; null before the first `reset`. */
  readonly position: Stamp | null
  /** How many tags are remembered. */
  readonly size: number
  /** Starts over from a past that is complete above `floor`. */
  reset(past: { position: Stamp; floor: Snapshot; rows: readonly LogRow[] }): void
  /** Adds what the log shows beyond the current position; the rows and the position come from one snapshot. */
  advance(position: Snapshot, rows: readonly LogRow[]): void
  /**
   * This instance's own commit, known before the log is read again. In another database than the position's, nothing is
   * known any more: the position is given up until that database's log has been read.
   */
  note(row: LogRow, database: string): void
  /** Forgets, for one class, what is visible in `floor`; from now on entries must cover it. */
  raiseFloor(retention: RetentionClass, floor: Snapshot): void
  /** @param stamp the snapshot that the entry was loaded at, and its database */
  judge(stamp: Stamp, tags: readonly Tag[], retention: RetentionClass): Verdict
}

/** @returns an empty index, which judges nothing servable before its first `reset` */
export function createInvalidationIndex(options: InvalidationIndexOptions): InvalidationIndex {
  return new TagIndex(options)
}

class TagIndex implements InvalidationIndex {
  revision = 0
  position: Stamp | null = null
  readonly #options: InvalidationIndexOptions
  readonly #histories = new Map<Tag, TagHistory>()
  readonly #floors: Record<RetentionClass, Snapshot | null> = { volatile: null, lasting: null }
  /** Own commits that no position shows yet: a past that is read meanwhile may be from before them. */
  #own: readonly { readonly row: LogRow; readonly database: string }[] = []

  constructor(options: InvalidationIndexOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#histories.size
  }

  reset(past: { position: Stamp; floor: Snapshot; rows: readonly LogRow[] }): void {
    this.#histories.clear()
    for (const row of past.rows) this.#remember(row, past.position.snapshot)
    this.#floors.volatile = past.floor
    this.#floors.lasting = past.floor
    this.#move(past.position)
    for (const { row } of this.#own) this.#remember(row)
    this.revision++
  }

  advance(snapshot: Snapshot, rows: readonly LogRow[]): void {
    if (!this.position) throw new Error('an index without a past cannot advance; reset it first')
    for (const row of rows) this.#remember(row, snapshot)
    this.#move({ database: this.position.database, snapshot })
    if (rows.length > 0) this.revision++
    const { maxTags } = this.#options
    if (this.size > maxTags) this.raiseFloor('volatile', snapshot)
    // Without volatile tags that forgets nothing.
    if (this.size > maxTags) this.raiseFloor('lasting', snapshot)
  }

  note(row: LogRow, database: string): void {
    this.#own = [...this.#own.slice(-OWN_MAX), { row, database }]
    if (this.position?.database === database && this.#own.length <= OWN_MAX) this.#remember(row)
    else this.#giveUp()
    this.revision++
  }

  /** Never lowers it: the index has forgotten invalidations below a higher floor, and they stay forgotten. */
  raiseFloor(retention: RetentionClass, floor: Snapshot): void {
    const before = this.#floors[retention]
    if (before && covers(before, floor)) return
    this.#floors[retention] = floor
    this.#forget(retention, floor)
    this.revision++
  }

  judge(stamp: Stamp, tags: readonly Tag[], retention: RetentionClass): Verdict {
    if (!this.position) return 'no-position'
    if (stamp.database !== this.position.database) return 'other-database'
    const floor = this.#floors[retention]
    if (floor && !covers(stamp.snapshot, floor)) return 'below-floor'
    for (const each of tags) {
      const history = this.#histories.get(each)
      if (history && !seesAll(stamp.snapshot, history)) return 'invalidated'
    }
    return 'servable'
  }

  #move(to: Stamp): void {
    this.position = to
    this.#own = this.#own.filter(({ row, database }) => database === to.database && !isVisible(row.xid, to.snapshot))
  }

  /** Nothing is served until a past is read again. */
  #giveUp(): void {
    this.position = null
    this.#histories.clear()
  }

  /** @param shown what the position that the row was read with shows; absent for an own commit that no position shows yet */
  #remember({ xid, tags }: LogRow, shown?: Snapshot): void {
    for (const each of tags) {
      if (this.#options.retentionOf(each) === null) continue
      const history = this.#histories.get(each)
      if (!history) this.#histories.set(each, { fence: null, xids: [xid] })
      else {
        if (!history.xids.includes(xid)) history.xids.push(xid)
        // At once: a past may name one tag in each of its rows, and each is looked for among those before it.
        if (shown && history.xids.length > XIDS_PER_TAG) condense(history, shown)
      }
    }
  }

  #forget(retention: RetentionClass, floor: Snapshot): void {
    for (const [each, history] of this.#histories) {
      if (this.#options.retentionOf(each) !== retention) continue
      history.xids = history.xids.filter((xid) => !isVisible(xid, floor))
      if (history.fence && covers(floor, history.fence)) history.fence = null
      if (history.xids.length === 0 && history.fence === null) this.#histories.delete(each)
    }
  }
}

/**
 * Ids are not commit-ordered, so what is dropped is replaced by a snapshot that shows all of it. An entry that was
 * loaded later covers that snapshot, also beside a transaction that has been open all along.
 */
function condense(history: TagHistory, shown: Snapshot): void {
  history.xids = history.xids.filter((xid) => !isVisible(xid, shown))
  history.fence = shown
}

function seesAll(snapshot: Snapshot, { fence, xids }: TagHistory): boolean {
  if (fence && !covers(snapshot, fence)) return false
  return xids.every((xid) => isVisible(xid, snapshot))
}
