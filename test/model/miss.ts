/** A user's entry while the store answers: a hit, or one script that asks and leases, a derivation, one that fills. */
import { type Derived, derive } from './derivation.ts'
import type { Instance } from './instance.ts'
import { entryOf, type Loaded, loadedFrom } from './loaded.ts'
import { key, nameOf } from './organisation.ts'
import { type Entry, type Fill, type Lease, type Opened, Unavailable } from './shared-store.ts'
import type { Steps, World } from './world.ts'

export interface EntryRead extends Loaded {
  readonly shareable: () => boolean
}

/** How often a waiter looks again before it derives for itself without storing: the life of a dead holder's lease. */
const LOOKS = 2

export function* readEntry(world: World, i: Instance, user: number): Steps<Loaded> {
  const at = key.userResources(user)
  const copy = i.copies.get(at)
  if (world.off['copies unchecked'] && copy && i.isServable(copy)) return loadedFrom(i, copy)
  const entry = yield* i.ask((commands) => commands.read(at))
  if (entry && isServable(world, i, at, entry)) return keep(i, at, entry)
  return yield* i.flights.run(nameOf(at), (seal) => readThrough(world, i, user, seal), world.off)
}

function* readThrough(world: World, i: Instance, user: number, seal: () => void): Steps<EntryRead> {
  const early = world.off['lease after the load'] ? yield* derive(world, i, user, null) : null
  const { list, groups } = yield* openBoth(world, i, user, seal)
  if (list.entry) return shareable(i, keep(i, key.userResources(user), list.entry))
  const leases = [list.lease, groups.lease]
  try {
    const found = groups.entry && loadedFrom(i, groups.entry)
    const derived = early ?? (yield* derive(world, i, user, found))
    seal()
    const stored = yield* fill(world, i, user, derived, leases)
    return stored ? shareable(i, derived.list) : notStored(derived.list)
  } catch (error) {
    yield* releaseQuietly(i, user, leases)
    throw error
  }
}

/** What this instance does not serve counts as absent; what another is loading is waited for. */
function* openBoth(world: World, i: Instance, user: number, seal: () => void) {
  const [listAt, groupsAt] = [key.userResources(user), key.userGroups(user)]
  const refused = new Set<number>()
  const refuses = (entry: Entry) =>
    refused.has(entry.fillId) || (entry.shape !== i.release && !world.off['other shape served'])
  for (let look = 0; ; look++) {
    seal()
    const opened = yield* i.ask((commands) => commands.open(listAt, groupsAt, refuses))
    const { list } = opened
    if (list.entry && !isServable(world, i, listAt, list.entry)) refused.add(list.entry.fillId)
    else if (list.entry || list.lease || look >= LOOKS) return opened
  }
}

function isServable(world: World, i: Instance, at: number, entry: Entry): boolean {
  const servable = i.isServable(entry)
  world.trace?.push(`      ${i.id}: ${nameOf(at)} ${servable ? `is ${loadedFrom(i, entry).value}` : 'is refused'}`)
  return servable
}

/** Both in one script, each only under its own lease. A fill that cannot reach the store loses nothing but a hit. */
function* fill(world: World, i: Instance, user: number, derived: Derived, leases: readonly Opened['lease'][]) {
  const all = [
    { at: key.userResources(user), entry: entryOf(world, i, derived.list), lease: leases[0] },
    { at: key.userGroups(user), entry: entryOf(world, i, derived.groups), lease: leases[1] },
  ]
  // Good for a time without the store, whether it is accepted or not.
  for (const { at, entry } of all) i.copies.set(at, entry)
  if (world.off['no leases']) {
    yield* i.ask((commands) => all.map(({ at, entry }) => commands.put(at, entry)))
    return true
  }
  const leased = all.filter((each): each is Fill => !!each.lease)
  if (leased.length === 0) return false
  try {
    const accepted = yield* i.ask((commands) => commands.fill(leased))
    for (const [index, { at }] of leased.entries()) {
      world.trace?.push(`      ${i.id}: fill of ${nameOf(at)} ${accepted[index] ? 'accepted' : 'refused'}`)
    }
    return leased[0]?.at === all[0]?.at && accepted[0] === true
  } catch (error) {
    if (error instanceof Unavailable) return false
    throw error
  }
}

function* releaseQuietly(
  i: Instance,
  user: number,
  [list, groups]: readonly (Lease | null | undefined)[],
): Steps<void> {
  try {
    if (list) yield* i.ask((commands) => commands.release(key.userResources(user), list))
    if (groups) yield* i.ask((commands) => commands.release(key.userGroups(user), groups))
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
  }
}

function keep(i: Instance, at: number, entry: Entry): Loaded {
  i.copies.set(at, entry)
  return loadedFrom(i, entry)
}

/** Stored under a lease that nothing took away: those that joined may have it, as long as it is servable. */
const shareable = (i: Instance, loaded: Loaded): EntryRead => ({ ...loaded, shareable: () => i.judgeServable(loaded) })

/** Right for the reader that loaded, which arrived before; nobody else is answered with it. */
const notStored = (loaded: Loaded): EntryRead => ({ ...loaded, shareable: () => false })
