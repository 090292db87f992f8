/** One process of the service: what it remembers of the log, its position, its loads in flight, its copies. */
import type { LogRow, Snapshot } from './database.ts'
import { createFlights } from './flights.ts'
import type { Command, Entry } from './shared-store.ts'
import type { Steps, World } from './world.ts'

/** What is judged: anything with the evidence of its load. */
export interface Stamped {
  readonly stamp: Snapshot
  readonly tags: number
}

export function createInstance(world: World, id: number) {
  const { db, off, store } = world
  let position: Snapshot = db.snapshot()
  // Nothing is served before the past has been read, in one statement with the position.
  let rows: LogRow[] = [...db.log()]
  let floor: Snapshot | null = off['start without a floor'] ? null : db.horizon()
  let highest = Math.max(0, ...rows.map(({ xid }) => xid))
  let polling = false
  /** The catalogue's buckets in this process, and the manifest that proved them current. */
  const catalogue: { held: (Entry | null)[]; manifestFillId: number } = { held: [], manifestFillId: 0 }

  function judgeServable({ stamp, tags }: Stamped): boolean {
    if (off['no stamps']) return true
    if (stamp.database !== position.database) return false
    if (floor && !off['no floor'] && !reaches(stamp, floor)) return false
    return rows.every((row) => (row.tags & tags) === 0 || db.sees(stamp, row.xid))
  }

  /** Snapshots as such, of whichever incarnation: a floor outlives a crash. */
  const reaches = (later: Snapshot, earlier: Snapshot) => db.covers(later, { ...earlier, database: later.database })

  function* reset(): Steps<void> {
    yield null
    const [at, past, horizon] = [db.snapshot(), db.log(), db.horizon()]
    if (world.repliesTravel) yield null
    position = at
    rows = [...past]
    floor = off['start without a floor'] ? null : horizon
  }

  /** One statement returns the snapshot and the rows it shows beyond the position; one read at a time. */
  function* poll(): Steps<void> {
    yield () => !polling
    polling = true
    let found = db.log()
    if (off['rows before the position']) yield null
    let at = db.snapshot()
    const since = position
    if (off['follower by highest id']) {
      found = found.filter(({ xid }) => xid > highest)
      highest = Math.max(highest, ...found.map(({ xid }) => xid))
      at = { ...at, xmin: highest + 1, xmax: highest + 1, inProgress: [] }
    } else found = found.filter(({ xid }) => !db.sees(since, xid))
    const horizon = db.horizon()
    const gap = horizon !== null && !reaches(since, horizon) && !off['gap unnoticed']
    if (world.repliesTravel) yield null
    if (at.database !== position.database || gap) yield* reset()
    else {
      position = at
      for (const row of found) note(row)
    }
    world.trace?.push(`      ${id}: position ${textOf(position)}`)
    polling = false
  }

  function note(row: LogRow): void {
    if (!rows.some(({ xid }) => xid === row.xid)) rows = [...rows, row]
  }

  return {
    id,
    catalogue,
    flights: createFlights(),
    dead: false,
    position: () => position,
    judgeServable,
    poll,
    /** This instance's own commit; of another database it means nothing to this index. */
    note(row: LogRow, database: number): boolean {
      if (database === position.database) note(row)
      return database === position.database
    },
    *catchUp(target: Snapshot): Steps<void> {
      if (target.database === position.database && db.covers(position, target)) return
      yield* poll()
      // A snapshot taken now covers the target; only a weakened follower does not get there.
      for (let more = 0; more < 2 && target.database === position.database; more++) {
        if (db.covers(position, target)) return
        yield* poll()
      }
    },
    /** Old invalidations go together with a floor: only what has seen them all is served from now on. */
    forget(): void {
      const at = position
      floor = at
      rows = rows.filter(({ xid }) => !db.sees(at, xid))
    },
    /** A command on its way, its effect, its reply on the way back. @throws Unavailable */
    *ask<T>(command: Command<T>): Steps<T> {
      yield null
      const answer = store.execute(id, command, world.chooser.pick)
      if (world.repliesTravel) yield null
      return answer
    },
    /** A statement that reads: its value and its snapshot are of one moment. */
    *select<T>(read: (state: ReturnType<typeof db.latest>) => T): Steps<{ value: T; stamp: Snapshot }> {
      yield null
      const value = read(db.latest())
      if (off['stamp and load in two statements']) yield null
      const stamp = db.snapshot()
      if (world.repliesTravel) yield null
      return { value, stamp }
    },
  }
}

export type Instance = ReturnType<typeof createInstance>

export function textOf({ xmin, xmax, inProgress, database, seq }: Snapshot): string {
  return `${xmin}:${xmax}:${inProgress.join(',')} of database ${database} (state ${seq})`
}
