/** What an instance remembers of the log, and what it judges entries by. */
import type { Database, LogRow, Snapshot } from './database.ts'
import { TAGS } from './organisation.ts'
import type { Off } from './protections.ts'

/** What is judged: anything with the evidence of its load. */
export interface Stamped {
  readonly stamp: Snapshot
  readonly tags: number
  /** When it stops being true by itself; infinite where it does not. */
  readonly until: number
}

interface Fence {
  readonly at: Snapshot
  readonly highestDropped: number
}

export interface IndexOptions {
  readonly db: Database
  readonly off: Off
  /** More ids of one tag are not kept; a fence stands for them. */
  readonly idsPerTag: number
}

export function createInvalidationIndex({ db, off, idsPerTag }: IndexOptions) {
  // Nothing is served before the past has been read, in one statement with the position.
  let position: Snapshot = db.snapshot()
  let rows: LogRow[] = [...db.log()]
  let floor: Snapshot | null = off['start without a floor'] ? null : db.horizon()
  let fences: (Fence | undefined)[] = []
  /** Own commits that no position shows yet. */
  let own: { row: LogRow; database: number }[] = []
  /** An own commit has shown that the position is of a database that is no more. */
  let lost = false

  /** Snapshots as such, of whichever incarnation: a floor outlives a crash. */
  const reaches = (later: Snapshot, earlier: Snapshot) => db.covers(later, { ...earlier, database: later.database })

  function move(to: Snapshot): void {
    position = to
    lost = false
    own = own.filter(({ row, database }) => database === to.database && !db.sees(to, row.xid))
  }

  function remember(row: LogRow): void {
    if (!rows.some(({ xid }) => xid === row.xid)) rows = [...rows, row]
  }

  function passes(stamp: Snapshot, fence: Fence | undefined): boolean {
    if (!fence) return true
    return off['fence as a number'] ? stamp.xmax > fence.highestDropped : reaches(stamp, fence.at)
  }

  /** Only ids that the position shows are dropped, so the position is the fence. */
  function dropHotIds(): void {
    for (let bit = 0; bit < TAGS; bit++) {
      const dropped = rows.filter(({ xid, tags }) => (tags >> bit) & 1 && db.sees(position, xid))
      if (dropped.length <= idsPerTag) continue
      const highestDropped = Math.max(fences[bit]?.highestDropped ?? 0, ...dropped.map(({ xid }) => xid))
      fences[bit] = { at: position, highestDropped }
      rows = rows.map((row) => (dropped.includes(row) ? { ...row, tags: row.tags & ~(1 << bit) } : row))
    }
  }

  return {
    position: () => position,
    isLost: () => lost,
    reaches,
    judge({ stamp, tags }: Omit<Stamped, 'until'>): boolean {
      if (off['no stamps']) return true
      if (lost || stamp.database !== position.database) return false
      if (floor && !off['no floor'] && !reaches(stamp, floor)) return false
      for (let bit = 0; bit < TAGS; bit++) if ((tags >> bit) & 1 && !passes(stamp, fences[bit])) return false
      return rows.every((row) => (row.tags & tags) === 0 || db.sees(stamp, row.xid))
    },
    advance(to: Snapshot, found: readonly LogRow[]): void {
      move(to)
      for (const row of found) remember(row)
      dropHotIds()
    },
    reset(to: Snapshot, past: readonly LogRow[], horizon: Snapshot | null): void {
      move(to)
      rows = [...past]
      fences = []
      floor = off['start without a floor'] ? null : horizon
      if (!off['own commits not kept']) for (const { row } of own) remember(row)
    },
    /** This instance's own commit; of another database, nothing is known until that one's log was read. */
    note(row: LogRow, database: number): void {
      own.push({ row, database })
      if (database === position.database) remember(row)
      else if (!off['own commits not kept']) lost = true
    },
    /** Old invalidations go together with a floor: only what has seen them all is served from now on. */
    forget(): void {
      const at = position
      floor = at
      rows = rows.filter(({ xid }) => !db.sees(at, xid))
    },
  }
}

export type InvalidationIndex = ReturnType<typeof createInvalidationIndex>
