/**
 * What goes stale when what changes: the whole table on one page. Each rule names the tags every instance judges by and
 * the keys removed at once; rules are evaluated inside the transaction, before and after the write.
 */
import { type Invalidation, inPieces, type LayerKey, NOTHING_INVALIDATED, type Rule } from '../cache/index.ts'
import { bucketOf, bucketTag, grantsTag, layerKey, layerTag, placeTag, userTag } from './keys.ts'
import type { GroupId, ResourceId, UserId } from './model.ts'
import type { Transaction } from './transaction.ts'

type DomainRule<Input> = Rule<Transaction, Input>
/** Where in the input, or through it in the database, the rule finds what it names; null when there is none (yet, or any more). */
type Find<Input, Found> = (input: Input, tx: Transaction) => Found | null | Promise<Found | null>

/** `resources:{user}` of one user. */
export function userResources<Input>(find: Find<Input, UserId>): DomainRule<Input> {
  return forFound(find, (user) => ({
    ...NOTHING_INVALIDATED,
    tags: [userTag(user)],
    keys: [layerKey.userResources(user)],
  }))
}

/** `user:groups:{user}` of one user. */
export function userGroups<Input>(find: Find<Input, UserId>): DomainRule<Input> {
  return forFound(find, (user) => ({
    ...NOTHING_INVALIDATED,
    tags: [userTag(user)],
    keys: [layerKey.userGroups(user)],
  }))
}

/** `user:groups:{user}` and `resources:{user}` of each of these users: one invalidation for a whole list. */
export function everythingOfUsers<Input>(find: Find<Input, readonly UserId[]>): DomainRule<Input> {
  return forFound(find, (users, tx) => {
    const layers = ['user-groups', 'user-resources'] as const
    if (!tx.affected.canName(users.length)) return { ...widened(layers), tags: layers.map(layerTag) }
    const keys = users.flatMap((user) => [layerKey.userGroups(user), layerKey.userResources(user)])
    return { ...NOTHING_INVALIDATED, tags: users.map(userTag), keys }
  })
}

/** `resources:all`, with the buckets of these resources. */
export function allResources<Input>(find: Find<Input, readonly ResourceId[]>): DomainRule<Input> {
  return forFound(find, (resources) => {
    const buckets = [...new Set(resources.map(bucketOf))]
    if (buckets.length === 0) return NOTHING_INVALIDATED
    // The manifest last: while it is there, it vouches for copies of every bucket it names.
    const keys = [...buckets.map(layerKey.catalogueBucket), layerKey.catalogue()]
    return { ...NOTHING_INVALIDATED, tags: buckets.map(bucketTag), keys }
  })
}

/** `resources:{user}` of everybody below groups whose grants, or whose granted resources, change. */
export function resourcesOfMembersBelow<Input>(find: Find<Input, readonly GroupId[]>): DomainRule<Input> {
  const namedMembers = membersNamedBy((user) => [layerKey.userResources(user)])
  return forFound(find, async (groups, tx) => {
    const named = await namedMembers(tx, groups)
    return {
      ...(named ?? widened(['user-resources'])),
      tags: tagged(named === null, groups.map(grantsTag), ['user-resources']),
    }
  })
}

/** `user:groups:{user}` and `resources:{user}` of everybody below a group that comes, goes or moves in the tree. */
export function everythingOfMembersBelow<Input>(find: Find<Input, GroupId>): DomainRule<Input> {
  const namedMembers = membersNamedBy((user) => [layerKey.userGroups(user), layerKey.userResources(user)])
  return forFound(find, async (group, tx) => {
    const subtree = await tx.affected.subtree(group)
    const named = await namedMembers(tx, [group])
    const layers = ['user-groups', 'user-resources'] as const
    return { ...(named ?? widened(layers)), tags: tagged(named === null, subtree.map(placeTag), layers) }
  })
}

/** Every entry of every layer: one invalidation for a whole batch. */
export function everything<Input>(): DomainRule<Input> {
  return async () => {
    const layers = ['resources', 'user-groups', 'user-resources'] as const
    return { tags: layers.map(layerTag), keys: [], layers }
  }
}

function forFound<Input, Found>(
  find: Find<Input, Found>,
  invalidate: (found: Found, tx: Transaction) => Invalidation | Promise<Invalidation>,
): DomainRule<Input> {
  return async (tx, input) => {
    const found = await find(input, tx)
    return found === null ? NOTHING_INVALIDATED : invalidate(found, tx)
  }
}

type NamedMembers = Pick<Invalidation, 'keys' | 'layers'>

/** Nobody has joined or left between before the write and after it: then it is the same list, and named once. */
function membersNamedBy(keysOf: (user: UserId) => LayerKey[]) {
  const named = new WeakMap<readonly UserId[], NamedMembers>()
  return async (tx: Transaction, groups: readonly GroupId[]): Promise<NamedMembers | null> => {
    const users = await tx.affected.membersBelow(groups)
    if (users === null) return null
    const known = named.get(users)
    if (known) return known
    const keys: LayerKey[] = []
    await inPieces(users, (user) => keys.push(...keysOf(user)))
    const naming: NamedMembers = { keys, layers: [] }
    named.set(users, naming)
    return naming
  }
}

/** Too many users to name: their layers are invalidated as a whole, and the log says so. */
function widened(layers: Invalidation['layers']): Pick<Invalidation, 'keys' | 'layers'> {
  return { keys: [], layers }
}

function tagged(isWidened: boolean, tags: Invalidation['tags'], layers: Invalidation['layers']): Invalidation['tags'] {
  return isWidened ? [...tags, ...layers.map(layerTag)] : tags
}
