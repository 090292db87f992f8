/** Follows the log: one read at a time moves index and catalogue in one step; the barrier waits for a read of its own. */
import { type Catalogue, type Delta, EVERY_BUCKET } from './catalogue.ts'
import type { LogRow, Snapshot } from './database.ts'
import type { KnownClock } from './ends.ts'
import type { InvalidationIndex } from './invalidation-index.ts'
import { BUCKETS, bucketOf, LAYER, RESOURCES, tag } from './organisation.ts'
import type { Steps, World } from './world.ts'

/** A read brings the states of so many resources; what more was named makes buckets behind. */
const STATES_PER_READ = 1

interface FollowerOptions {
  readonly id: number
  readonly index: InvalidationIndex
  readonly catalogue: Catalogue
  readonly time: KnownClock
}

export function createFollower(world: World, { id, index, catalogue, time }: FollowerOptions) {
  const { db, off } = world
  let highest = Math.max(0, ...db.log().map(({ xid }) => xid))
  let started = 0
  let running = false
  /** Number of the last read that succeeded, and of the last that ended. */
  let succeeded = 0
  let ended = 0
  /** When the last read began that succeeded. */
  let followedAt = world.now
  /** What the database's clock showed at the position. */
  let positionAt = db.clock()

  function* read(): Steps<void> {
    running = true
    const number = ++started
    const [beganAt, asked] = [world.now, db.clock()]
    yield null
    if (!db.logLocked()) {
      yield* readRows(asked)
      succeeded = number
      followedAt = beganAt
      world.trace?.push(`      ${id}: position ${textOf(index.position())}, catalogue ${catalogue.grants()}`)
    }
    ended = number
    running = false
  }

  /** One statement: the snapshot, the rows it shows beyond the position, and the states of what these name. */
  function* readRows(asked: number): Steps<void> {
    let found = db.log()
    if (off['rows before the position']) yield null
    let at = db.snapshot()
    const shownAt = db.clock()
    const since = index.position()
    if (off['follower by highest id']) {
      found = found.filter(({ xid }) => xid > highest)
      highest = Math.max(highest, ...found.map(({ xid }) => xid))
      at = { ...at, xmin: highest + 1, xmax: highest + 1, inProgress: [] }
    } else found = found.filter(({ xid }) => !db.sees(since, xid))
    if (off['state and position in two statements']) yield null
    const delta = deltaOf(found)
    const horizon = db.horizon()
    const gap = horizon !== null && !index.reaches(since, horizon) && !off['gap unnoticed']
    if (world.repliesTravel) yield null
    if (index.isLost() || at.database !== since.database || gap) return yield* reset()
    tell(asked, shownAt)
    index.advance(at, found)
    if (off['delta after the index']) yield null
    catalogue.apply(delta)
  }

  /** The time comes with the position, in the step in which that moves. */
  function tell(asked: number, shownAt: number): void {
    positionAt = shownAt
    time.read({ asked, answered: db.clock(), at: shownAt })
  }

  function* reset(): Steps<void> {
    const asked = db.clock()
    yield null
    const [at, past, horizon, shownAt] = [db.snapshot(), db.log(), db.horizon(), db.clock()]
    if (world.repliesTravel) yield null
    tell(asked, shownAt)
    index.reset(at, past, horizon)
    if (!off['reset without marks']) catalogue.apply({ states: new Map(), behind: EVERY_BUCKET })
  }

  function deltaOf(found: readonly LogRow[]): Delta {
    const named = resourcesIn(found)
    const tooMany = named.length > STATES_PER_READ
    const left = tooMany && !off['too many names not marked'] ? named.map(bucketOf) : []
    const whole = off['whole buckets not marked'] ? [] : wholeBucketsIn(found)
    const { grants } = db.latest()
    const states = new Map(tooMany ? [] : named.map((resource) => [resource, grants[resource]!]))
    return { states, behind: [...left, ...whole] }
  }

  /** @returns whether a read of the log that began after the call has succeeded */
  function* barrier(): Steps<boolean> {
    const needed = running && off['barrier joins a running read'] ? started : started + 1
    while (ended < needed) {
      if (running) yield () => !running
      else yield* read()
    }
    return succeeded >= needed || off['failed barrier passed'] === true
  }

  return {
    barrier,
    followedAt: () => followedAt,
    positionAt: () => positionAt,
    /** @returns false where the log cannot be read, or is of another database by now */
    *catchUp(target: Snapshot): Steps<boolean> {
      // A snapshot taken now covers the target; only a weakened follower does not get there.
      for (let reads = 0; reads < 3; reads++) {
        const position = index.position()
        if (target.database === position.database && db.covers(position, target)) return true
        if (!(yield* barrier())) return false
      }
      return false
    },
  }
}

function resourcesIn(rows: readonly LogRow[]): number[] {
  const tags = rows.reduce((all, row) => all | row.tags, 0)
  return Array.from({ length: RESOURCES }, (_, resource) => resource).filter((each) => tags & tag.resource(each))
}

/** A row that names buckets and no resource means all of these buckets. */
function wholeBucketsIn(rows: readonly LogRow[]): number[] {
  let anyResource = 0
  for (let resource = 0; resource < RESOURCES; resource++) anyResource |= tag.resource(resource)
  return rows.flatMap(({ tags }) => {
    if (tags & tag.layer(LAYER.resources)) return EVERY_BUCKET
    if (tags & anyResource) return []
    return Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter((bucket) => tags & tag.bucket(bucket))
  })
}

export function textOf({ xmin, xmax, inProgress, database, seq }: Snapshot): string {
  return `${xmin}:${xmax}:${inProgress.join(',')} of database ${database} (state ${seq})`
}
