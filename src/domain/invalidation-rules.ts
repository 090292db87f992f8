/**
 * What goes stale when what changes: the whole table on one page. Each rule names the tags every instance judges by and
 * the keys removed at once, from the subject that the mutation has resolved and locked. It is evaluated before and after
 * the write; the locks make both alike (transaction.ts says which), so neither asks the database.
 */
import {
  type EntryKey,
  type Invalidation,
  type KeyList,
  type LayerKey,
  NOTHING_INVALIDATED,
  type Rule,
} from '../cache/index.ts'
import { bucketOf, bucketTag, grantsTag, layerKey, layerTag, placeTag, resourceTag, userTag } from './keys.ts'
import { LAYERS, type LayerName } from './layers.ts'
import type { ResourceId, UserId } from './model.ts'
import type { Holders, Transaction } from './transaction.ts'
import { type UserIds, userIdsIn } from './user-ids.ts'

type DomainRule<Subject> = Rule<Transaction, Subject>
/** The part of the subject that the rule is about; null when there is none. */
type Find<Subject, Found> = (subject: Subject) => Found | null

/** A user's entries that hold what the user may see: `resources:{user}`, and what is derived from it. */
const LIST_LAYERS = LAYERS.closureOf('user-resources')
/** All entries of a user. */
const USER_LAYERS = LAYERS.closureOf('user-groups')
/** A user's entries that know nothing of grants: `user:groups:{user}`, and what is derived from it alone. */
const GROUP_LAYERS = USER_LAYERS.filter((layer) => !LIST_LAYERS.includes(layer))

/** `resources:{user}` of one user. */
export function userResources<Subject>(find: Find<Subject, UserId>): DomainRule<Subject> {
  return forFound(find, (user) => ({ ...NOTHING_INVALIDATED, tags: [userTag(user)], keys: keysIn(LIST_LAYERS, user) }))
}

/** `user:groups:{user}` of one user. */
export function userGroups<Subject>(find: Find<Subject, UserId>): DomainRule<Subject> {
  return forFound(find, (user) => ({ ...NOTHING_INVALIDATED, tags: [userTag(user)], keys: keysIn(GROUP_LAYERS, user) }))
}

/** `user:groups:{user}` and `resources:{user}` of each of these users: one invalidation for a whole list. */
export function everythingOfUsers<Subject>(find: Find<Subject, readonly UserId[]>): DomainRule<Subject> {
  return forFound(find, (users, tx) => {
    if (!tx.canName(users.length)) return { ...widened(USER_LAYERS), tags: USER_LAYERS.map(layerTag) }
    const keys = users.flatMap((user) => keysIn(USER_LAYERS, user))
    return { ...NOTHING_INVALIDATED, tags: users.map(userTag), keys }
  })
}

/** Above this many, a log row names the buckets that resources are in, and not the resources. */
export const NAMED_RESOURCES_MAX = 1000

/** `resources:all`, with the buckets of these resources; each resource by name, unless they are too many. */
export function allResources<Subject>(find: Find<Subject, readonly ResourceId[]>): DomainRule<Subject> {
  return forFound(find, (resources) => {
    const distinct = [...new Set(resources)]
    const buckets = [...new Set(distinct.map(bucketOf))]
    if (buckets.length === 0) return NOTHING_INVALIDATED
    // The checkpoint's list last: while it is there, it vouches for every bucket it names.
    const keys = [...buckets.map(layerKey.catalogueBucket), layerKey.catalogue()]
    const named = distinct.length > NAMED_RESOURCES_MAX ? [] : distinct.map(resourceTag)
    return { ...NOTHING_INVALIDATED, tags: [...buckets.map(bucketTag), ...named], keys }
  })
}

/** `resources:{user}` of everybody below groups whose grants, or whose granted resources, change. */
export function resourcesOfHolders<Subject>(find: Find<Subject, Holders>): DomainRule<Subject> {
  return forFound(find, ({ groups, users }) => ({
    ...naming(users, LIST_LAYERS),
    tags: tagged(users === null, groups.map(grantsTag), LIST_LAYERS),
  }))
}

/** `user:groups:{user}` and `resources:{user}` of everybody in a subtree that is created, deleted or moved. */
export function everythingOfMembersBelow<Subject>(find: Find<Subject, Holders>): DomainRule<Subject> {
  return forFound(find, ({ groups, users }) => ({
    ...naming(users, USER_LAYERS),
    tags: tagged(users === null, groups.map(placeTag), USER_LAYERS),
  }))
}

/** `resources:{user}` of everybody. */
export function allUserResources<Subject>(): DomainRule<Subject> {
  return () => ({ ...widened(LIST_LAYERS), tags: LIST_LAYERS.map(layerTag) })
}

/** Every entry of these layers: one invalidation for a whole batch. */
export function wholeLayers<Subject>(find: Find<Subject, readonly LayerName[]>): DomainRule<Subject> {
  return forFound(find, (layers) => ({ tags: layers.map(layerTag), keys: [], layers }))
}

function forFound<Subject, Found>(
  find: Find<Subject, Found>,
  invalidate: (found: Found, tx: Transaction) => Invalidation,
): DomainRule<Subject> {
  return (tx, subject) => {
    const found = find(subject)
    return found === null ? NOTHING_INVALIDATED : invalidate(found, tx)
  }
}

function keysIn(layers: readonly LayerName[], user: UserId): LayerKey[] {
  return layers.map((layer) => ({ layer, key: LAYERS.keyOf(layer, user) }))
}

/** Many are not written out before they are removed: see {@link KeyList}. */
const WRITTEN_OUT_MAX = 1000

function naming(users: UserIds | null, layers: readonly LayerName[]): Omit<Invalidation, 'tags'> {
  if (users === null) return widened(layers)
  if (users.size > WRITTEN_OUT_MAX)
    return { ...NOTHING_INVALIDATED, lists: layers.map((layer) => keyListOf(users, layer)) }
  const keys = [...users].flatMap((user) => keysIn(layers, user))
  return { ...NOTHING_INVALIDATED, keys }
}

/** If nobody joined or left during the write, both lists are the same, and it is removed once. */
function keyListOf({ lines, size }: UserIds, layer: LayerName): KeyList {
  return { layer, size, identity: lines, keys: () => keysOf(userIdsIn(lines, size), layer) }
}

function* keysOf(users: UserIds, layer: LayerName): Generator<EntryKey> {
  for (const user of users) yield LAYERS.keyOf(layer, user)
}

/** Too many users to name: their layers are invalidated as a whole, and the log says so. */
function widened(layers: Invalidation['layers']): Omit<Invalidation, 'tags'> {
  return { keys: [], layers }
}

function tagged(isWidened: boolean, tags: Invalidation['tags'], layers: readonly LayerName[]): Invalidation['tags'] {
  return isWidened ? [...tags, ...layers.map(layerTag)] : tags
}
