/** A read through one key: ask, judge, and on a miss lease first, then load and fill. */
import type { Instance, Stamped } from './instance.ts'
import { nameOf } from './organisation.ts'
import { type Entry, type Lease, Unavailable } from './shared-store.ts'
import type { Steps, World } from './world.ts'

export interface Loaded extends Stamped {
  readonly value: number
}

export interface LayerRead extends Loaded {
  readonly shareable: () => boolean
}

/** How often a waiter looks again before he loads for himself without storing: the life of a dead holder's lease. */
const LOOKS = 2

export function* readLayer(world: World, i: Instance, at: number, load: () => Steps<Loaded>): Steps<Loaded> {
  const found = yield* lookUp(world, i, at)
  if (found) return found
  return yield* i.flights.run<LayerRead>(
    nameOf(at),
    (seal) => readThrough(world, i, at, load, seal),
    function* (seal) {
      seal()
      const stored = yield* lookUp(world, i, at)
      return stored ? shareable(i, stored) : yield* readThrough(world, i, at, load, seal)
    },
    world.off,
  )
}

function* lookUp(world: World, i: Instance, at: number): Steps<Entry | null> {
  const entry = yield* i.ask((commands) => commands.read(at))
  const served = entry && i.judgeServable(entry) ? entry : null
  world.trace?.push(
    `      ${i.id}: ${nameOf(at)} ${served ? `is ${served.value}` : entry ? 'is refused by its stamp' : 'is absent'}`,
  )
  return served
}

function* readThrough(
  world: World,
  i: Instance,
  at: number,
  load: () => Steps<Loaded>,
  seal: () => void,
): Steps<LayerRead> {
  if (world.off['no leases']) {
    const loaded = yield* load()
    yield* i.ask((commands) => commands.put(at, entryOf(world, loaded, 0)))
    return shareable(i, loaded)
  }
  const early = world.off['lease after the load'] ? yield* load() : null
  const lease = yield* leaseOrEntry(world, i, at, seal)
  if (lease && 'value' in lease) return shareable(i, lease)
  if (!lease) return notStored(early ?? (yield* load()))
  try {
    const loaded = early ?? (yield* load())
    seal()
    const accepted = yield* fill(world, i, at, loaded, lease)
    return accepted ? shareable(i, loaded) : notStored(loaded)
  } catch (error) {
    yield* releaseQuietly(i, at, lease)
    throw error
  }
}

function* leaseOrEntry(world: World, i: Instance, at: number, seal: () => void): Steps<Lease | Entry | null> {
  for (let look = 0; ; look++) {
    const lease = yield* i.ask((commands) => commands.takeLease(at))
    if (lease || look === LOOKS) return lease
    seal()
    const found = yield* lookUp(world, i, at)
    if (found) return found
  }
}

/** A fill that cannot reach the store loses nothing but a hit. */
function* fill(world: World, i: Instance, at: number, loaded: Loaded, lease: Lease): Steps<boolean> {
  try {
    const accepted = yield* i.ask((commands) => commands.fill(at, entryOf(world, loaded, lease.generation), lease))
    world.trace?.push(`      ${i.id}: fill of ${nameOf(at)} with ${loaded.value} ${accepted ? 'accepted' : 'refused'}`)
    return accepted
  } catch (error) {
    if (error instanceof Unavailable) return false
    throw error
  }
}

export function* releaseQuietly(i: Instance, at: number, lease: Lease): Steps<void> {
  try {
    yield* i.ask((commands) => commands.release(at, lease))
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
  }
}

function entryOf(world: World, { value, stamp, tags }: Loaded, generation: number): Entry {
  return { fillId: world.store.fresh(), generation, value, stamp, tags }
}

/** Stored under a lease that nothing took away: those who joined may have it, as long as it is servable. */
function shareable(i: Instance, { value, stamp, tags }: Loaded): LayerRead {
  return { value, stamp, tags, shareable: () => i.judgeServable({ stamp, tags }) }
}

/** Right for the one who loaded, who arrived before; nobody else is answered with it. */
function notStored({ value, stamp, tags }: Loaded): LayerRead {
  return { value, stamp, tags, shareable: () => false }
}
