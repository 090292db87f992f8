/** A small organisation as numbers, what users see in it, and the table of what each change invalidates. */
import { GROUPS, RESOURCES, USERS } from './dimensions.ts'
import { putGrant, putMember } from './ends.ts'

export { GROUPS, RESOURCES, USERS }
export const BUCKETS = 2
export const bucketOf = (resource: number) => (resource < 2 ? 0 : 1)
export const RESOURCES_OF = [[0, 1], [2]] as const

/** Immutable; bits of `member` are user × group, bits of `grants[resource]` are groups; above them their ends (ends.ts). */
export interface Organisation {
  readonly member: number
  /** Parent of each group, -1 at the top; always a lower number, so never a cycle. */
  readonly parent: readonly number[]
  readonly grants: readonly number[]
}

export type Change =
  | { readonly kind: 'membership'; readonly user: number; readonly group: number; readonly until?: number }
  | { readonly kind: 'grant'; readonly group: number; readonly resource: number; readonly until?: number }
  | { readonly kind: 'move'; readonly group: number; readonly parent: number }
  | { readonly kind: 'import' }

/** The user's own groups and all their ancestors, as bits. */
export function effectiveGroups({ member, parent }: Organisation, user: number): number {
  let groups = 0
  for (let group = 0; group < GROUPS; group++) {
    if ((member >> (user * GROUPS + group)) & 1) for (let at = group; at >= 0; at = parent[at]!) groups |= 1 << at
  }
  return groups
}

/** Without an end, changes flip what exists at that time, so none is without effect; with one they give or prolong. */
export function apply(state: Organisation, change: Change, now: number): Organisation {
  switch (change.kind) {
    case 'membership':
      return { ...state, member: putMember(state.member, change.user * GROUPS + change.group, change.until, now) }
    case 'grant':
      return {
        ...state,
        grants: state.grants.map((g, at) =>
          at === change.resource ? putGrant(g, change.group, change.until, now) : g,
        ),
      }
    case 'move': {
      const to = state.parent[change.group] === change.parent ? -1 : change.parent
      return { ...state, parent: state.parent.map((p, at) => (at === change.group ? to : p)) }
    }
    case 'import':
      return {
        ...state,
        member: ~state.member & ((1 << (USERS * GROUPS)) - 1),
        grants: state.grants.map((g) => putGrant(g, 0, undefined, now)),
      }
  }
}

export const LAYER = { resources: 0, userGroups: 1, userResources: 2 } as const
export const LAYERS = 3

/** Tags are bits, so that a set of tags is a number. */
export const tag = {
  user: (user: number) => 1 << user,
  place: (group: number) => 1 << (4 + group),
  grants: (group: number) => 1 << (8 + group),
  bucket: (bucket: number) => 1 << (12 + bucket),
  resource: (resource: number) => 1 << (15 + resource),
  layer: (layer: number) => 1 << (20 + layer),
}
export const TAGS = 20 + LAYERS

export function tagsOf(groups: number, of: (group: number) => number): number {
  let tags = 0
  for (let group = 0; group < GROUPS; group++) if ((groups >> group) & 1) tags |= of(group)
  return tags
}

/** The groups a list was derived from stand in its tags: all that is needed to continue it. */
export function groupsIn(tags: number): number {
  let groups = 0
  for (let group = 0; group < GROUPS; group++) if (tags & tag.place(group)) groups |= 1 << group
  return groups
}

/** Keys are numbers: the buckets of the checkpoint, then the users' groups, then their lists. */
export const key = {
  bucket: (bucket: number) => bucket,
  userGroups: (user: number) => BUCKETS + user,
  userResources: (user: number) => BUCKETS + USERS + user,
}
export const KEYS = BUCKETS + 2 * USERS

export function layerOf(at: number): number {
  if (at < BUCKETS) return LAYER.resources
  return at < key.userResources(0) ? LAYER.userGroups : LAYER.userResources
}

export function nameOf(at: number): string {
  if (at < BUCKETS) return `resources:all:${at}`
  const user = (at - key.userGroups(0)) % USERS
  return layerOf(at) === LAYER.userGroups ? `user:groups:{${user}}` : `resources:{${user}}`
}

/** What an invalidation names. */
export interface Invalidation {
  readonly tags: number
  readonly keys: number
  readonly layers: number
}

/** A wide one has too many users to name and says the layer; a crowded one too many resources and says their buckets. */
export interface Extent {
  readonly wide: boolean
  readonly crowded: boolean
}

export function invalidatedBy(state: Organisation, change: Change, { wide, crowded }: Extent): Invalidation {
  switch (change.kind) {
    case 'membership':
      return { tags: tag.user(change.user), keys: userKeys(change.user, true), layers: 0 }
    case 'grant': {
      const bucket = bucketOf(change.resource)
      const named = crowded ? 0 : tag.resource(change.resource)
      const tags = tag.grants(change.group) | tag.bucket(bucket) | named
      const catalogue = 1 << key.bucket(bucket)
      if (wide)
        return { tags: tags | tag.layer(LAYER.userResources), keys: catalogue, layers: 1 << LAYER.userResources }
      return { tags, keys: catalogue | membersBelow(state, change.group, false), layers: 0 }
    }
    case 'move': {
      let tags = 0
      for (let group = 0; group < GROUPS; group++) if (isBelow(state, group, change.group)) tags |= tag.place(group)
      const layers = (1 << LAYER.userGroups) | (1 << LAYER.userResources)
      if (wide) return { tags: tags | tag.layer(LAYER.userGroups) | tag.layer(LAYER.userResources), keys: 0, layers }
      return { tags, keys: membersBelow(state, change.group, true), layers: 0 }
    }
    case 'import':
      return { tags: tag.layer(0) | tag.layer(1) | tag.layer(2), keys: 0, layers: 7 }
  }
}

export function isBelow({ parent }: Organisation, group: number, ancestor: number): boolean {
  for (let at = group; at >= 0; at = parent[at]!) if (at === ancestor) return true
  return false
}

function membersBelow(state: Organisation, group: number, withGroups: boolean): number {
  let keys = 0
  for (let user = 0; user < USERS; user++) {
    if ((effectiveGroups(state, user) >> group) & 1) keys |= userKeys(user, withGroups)
  }
  return keys
}

function userKeys(user: number, withGroups: boolean): number {
  return (1 << key.userResources(user)) | (withGroups ? 1 << key.userGroups(user) : 0)
}
