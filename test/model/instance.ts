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
  /** Own commits that no position shows yet. */
  let own: { row: LogRow; database: number }[] = []
  /** An own commit has shown that the position is of a database that is no more. */
  let lost = false
  /** The catalogue's buckets in this process, and the manifest that proved them current. */
  const catalogue: { held: (Entry | null)[]; manifestFillId: number } = { held: [], manifestFillId: 0 }

  function judgeServable({ stamp, tags }: Stamped): boolean {
    if (off['no stamps']) return true
    if (lost) return false
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
    move(at)
    rows = [...past]
    floor = off['start without a floor'] ? null : horizon
    if (!off['own commits not kept']) for (const { row } of own) remember(row)
  }

  function move(to: Snapshot): void {
    position = to
    lost = false
    own = own.filter(({ row, database }) => database === to.database && !db.sees(to, row.xid))
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
    if (lost || at.database !== position.database || gap) yield* reset()
    else {
      move(at)
      for (const row of found) remember(row)
    }
    world.trace?.push(`      ${id}: position ${textOf(position)}`)
    polling = false
  }

  function remember(row: LogRow): void {
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
    /** This instance's own commit; of another database, nothing is known until that one's log was read. */
    note(row: LogRow, database: number): void {
      own.push({ row, database })
      if (database === position.database) remember(row)
      else if (!off['own commits not kept']) lost = true
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
