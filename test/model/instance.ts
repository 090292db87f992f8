/** One process of the service: its index, its catalogue, its follower, its loads in flight, its copies. */
import { createCatalogue } from './catalogue.ts'
import type { Snapshot } from './database.ts'
import { createKnownClock } from './ends.ts'
import { createFlights } from './flights.ts'
import { createFollower } from './follower.ts'
import { createInvalidationIndex, type Stamped } from './invalidation-index.ts'
import type { Organisation } from './organisation.ts'
import type { Command, Entry, ReplicaCommand } from './shared-store.ts'
import type { Steps, World } from './world.ts'

export interface InstanceOptions {
  readonly id: number
  /** Of two releases, each has a shape of its own. */
  readonly release: number
  /** What it has loaded before the schedule begins; null for one that starts during it. */
  readonly loaded: readonly number[] | null
}

export function createInstance(world: World, { id, release, loaded }: InstanceOptions) {
  const { db, off, store } = world
  const index = createInvalidationIndex({ db, off, idsPerTag: world.idsPerTag })
  const catalogue = createCatalogue(loaded, off)
  // Wall clocks of instances differ by two ticks.
  const time = createKnownClock(db.clock, { wallAhead: id % 2 === 0 ? -2 : 2, off })
  const follower = createFollower(world, { id, index, catalogue, time })
  const trusted = () =>
    world.now - follower.followedAt() <= world.trustSteps || off['trust left to the caller'] === true

  const hasEnded = ({ until }: Stamped) => !off['until ignored'] && until <= time.present().latest

  const judgeServable = (stamped: Stamped) => trusted() && index.judge(stamped) && !hasEnded(stamped)

  /** A command on its way, its effect, its reply on the way back. */
  function* travel<T>(effect: () => T): Steps<T> {
    yield null
    const answer = effect()
    if (world.repliesTravel) yield null
    return answer
  }

  return {
    id,
    release,
    index,
    catalogue,
    follower,
    present: time.present,
    flights: createFlights(),
    /** Entries by key, as the store holds them. */
    copies: new Map<number, Entry>(),
    position: index.position,
    judgeServable,
    isServable: (entry: Entry) =>
      (entry.shape === release || off['other shape served'] === true) && judgeServable(entry),
    /** @throws Unavailable */
    ask: <T>(command: Command<T>) => travel(() => store.execute(id, command, world.chooser.pick)),
    /** @throws Unavailable */
    askReplica: <T>(command: ReplicaCommand<T>) => travel(() => store.askReplica(command, world.chooser.pick)),
    /** A statement that reads: its value and its snapshot are of one moment. */
    *select<T>(read: (state: Organisation, now: number) => T): Steps<{ value: T; stamp: Snapshot }> {
      yield null
      const value = read(db.latest(), db.clock())
      if (off['stamp and load in two statements']) yield null
      const stamp = db.snapshot()
      if (world.repliesTravel) yield null
      return { value, stamp }
    },
  }
}

export type Instance = ReturnType<typeof createInstance>
