/** The main job: one user's list, from the cache where its evidence allows, else from one statement. */
import { copiesOf, grantsHeld, refreshCatalogue, servable } from './catalogue-read.ts'
import type { Snapshot } from './database.ts'
import type { Instance } from './instance.ts'
import { type Loaded, readLayer } from './layer-read.ts'
import { effectiveGroups, filterCatalogue, GROUPS, key, LAYER, tag, visibleTo } from './organisation.ts'
import { Unavailable } from './shared-store.ts'
import type { Steps, World } from './world.ts'

export interface Token {
  readonly database: number
  readonly xid: number
}

const ATTEMPTS = 3

/** @returns the visible resources as bits; null when the token is of another database (409) */
export function* readList(world: World, i: Instance, user: number, token: Token | null): Steps<number | null> {
  if (token && historyOf(token) !== historyOf(i.position())) return null
  if (token && !covered(world, i, token)) {
    yield* i.poll()
    // Waiting is bounded; what is not covered by then bypasses.
    if (!covered(world, i, token)) return (yield* direct(world, i, user)).value
  }
  try {
    return (yield* readLayer(world, i, key.userResources(user), () => derive(world, i, user))).value
  } catch (error) {
    if (error instanceof Unavailable) return (yield* direct(world, i, user)).value
    throw error
  }
}

export const historyOf = ({ database }: { readonly database: number }) => Math.floor(database / 100)

/**
 * An id means something within one incarnation only: a position of an older one may have seen the id's first bearer
 * roll back. What committed in an older incarnation than the position's is covered: it was durable.
 */
function covered({ db, off }: World, i: Instance, { database, xid }: Token): boolean {
  const position = i.position()
  if (off['token without incarnation'] || database === position.database) return db.sees(position, xid)
  return database < position.database
}

/** Without the store a reader joins the next load, never the running one. */
function direct(world: World, i: Instance, user: number): Steps<{ value: number }> {
  const load = function* () {
    const { value } = yield* i.select((state) => visibleTo(state, user))
    world.trace?.push(`      ${i.id}: list of ${user} from the database: ${value}`)
    return { value, shareable: () => false }
  }
  return i.flights.run(`direct:${user}`, load, load, world.off)
}

/**
 * The stamp of a derived list is the position P, not the intersection of its inputs' snapshots. That is sound: each
 * input, loaded at S ≤ P, is judged at P, so no transaction visible in P and not in S touched its tags; its value at S
 * is therefore its value at P, and a value derived from inputs that are all exact at P is what one statement at P
 * would return. The validity interval of TxCache, closed by the log. Inputs newer than P are what catching up excludes.
 */
function* derive(world: World, i: Instance, user: number): Steps<Loaded> {
  const { off } = world
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const groupsFirst = world.chooser.pick(2) === 0
    if (!groupsFirst) yield* refreshCatalogue(world, i)
    const member = yield* readLayer(world, i, key.userGroups(user), () => loadGroups(i, user))
    if (groupsFirst) yield* refreshCatalogue(world, i)
    const caughtUp = !off['newest input as stamp'] && !off['no catch-up before deriving']
    if (caughtUp) for (const { stamp } of [member, ...copiesOf(i)]) yield* i.catchUp(stamp)
    const stamp = off['newest input as stamp'] ? newest(world, [member, ...copiesOf(i)]) : i.position()
    const unjudged = off['newest input as stamp'] && grantsHeld(i).length === copiesOf(i).length
    if (unjudged || (servable(i) && i.judgeServable(member))) {
      const value = filterCatalogue(member.value, grantsHeld(i))
      world.trace?.push(`      ${i.id}: list of ${user} derived: ${value}`)
      return { value, stamp, tags: listTags(user, member.value) }
    }
  }
  const { value, stamp } = yield* i.select((state) => ({
    list: visibleTo(state, user),
    groups: effectiveGroups(state, user),
  }))
  return { value: value.list, stamp, tags: listTags(user, value.groups) }
}

function* loadGroups(i: Instance, user: number): Steps<Loaded> {
  const { value, stamp } = yield* i.select((state) => effectiveGroups(state, user))
  return { value, stamp, tags: tag.user(user) | tag.layer(LAYER.userGroups) | tagsOf(value, tag.place) }
}

function listTags(user: number, groups: number): number {
  return tag.user(user) | tag.layer(LAYER.userResources) | tagsOf(groups, tag.place) | tagsOf(groups, tag.grants)
}

function tagsOf(groups: number, of: (group: number) => number): number {
  let tags = 0
  for (let group = 0; group < GROUPS; group++) if ((groups >> group) & 1) tags |= of(group)
  return tags
}

function newest(world: World, inputs: readonly { stamp: Snapshot }[]): Snapshot {
  return inputs.map(({ stamp }) => stamp).reduce((a, b) => (world.db.covers(b, a) ? b : a))
}
