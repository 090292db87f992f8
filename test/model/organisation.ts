/** A small organisation as numbers, what users see in it, and the table of what each change invalidates. */
export const USERS = 2
export const GROUPS = 3
/** One resource in each bucket of the catalogue. */
export const BUCKETS = 2

/** Immutable; bits of `member` are user × group, bits of `grants[bucket]` are groups. */
export interface Organisation {
  readonly member: number
  /** Parent of each group, -1 at the top; always a lower number, so never a cycle. */
  readonly parent: readonly number[]
  readonly grants: readonly number[]
}

export type Change =
  | { readonly kind: 'membership'; readonly user: number; readonly group: number }
  | { readonly kind: 'grant'; readonly group: number; readonly bucket: number }
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

/** What the user may see, as bits of buckets: the oracle and the derivation. */
export function filterCatalogue(groups: number, grants: readonly number[]): number {
  let visible = 0
  for (let bucket = 0; bucket < BUCKETS; bucket++) if (grants[bucket]! & groups) visible |= 1 << bucket
  return visible
}

export const visibleTo = (state: Organisation, user: number) =>
  filterCatalogue(effectiveGroups(state, user), state.grants)

/** Changes flip what they find, so none is without effect. */
export function apply(state: Organisation, change: Change): Organisation {
  switch (change.kind) {
    case 'membership':
      return { ...state, member: state.member ^ (1 << (change.user * GROUPS + change.group)) }
    case 'grant':
      return { ...state, grants: state.grants.map((g, at) => (at === change.bucket ? g ^ (1 << change.group) : g)) }
    case 'move': {
      const to = state.parent[change.group] === change.parent ? -1 : change.parent
      return { ...state, parent: state.parent.map((p, at) => (at === change.group ? to : p)) }
    }
    case 'import':
      return { ...state, member: ~state.member & ((1 << (USERS * GROUPS)) - 1), grants: state.grants.map((g) => g ^ 1) }
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
  layer: (layer: number) => 1 << (16 + layer),
}

/** Keys are numbers in the order of removal: inputs before derived, buckets before the manifest that names them. */
export const key = {
  bucket: (bucket: number) => bucket,
  manifest: BUCKETS,
  userGroups: (user: number) => BUCKETS + 1 + user,
  userResources: (user: number) => BUCKETS + 1 + USERS + user,
}
export const KEYS = BUCKETS + 1 + 2 * USERS

export function layerOf(at: number): number {
  if (at <= key.manifest) return LAYER.resources
  return at < key.userResources(0) ? LAYER.userGroups : LAYER.userResources
}

export function nameOf(at: number): string {
  if (at < key.manifest) return `resources:all:${at}`
  if (at === key.manifest) return 'resources:all'
  const user = (at - key.userGroups(0)) % USERS
  return layerOf(at) === LAYER.userGroups ? `user:groups:{${user}}` : `resources:{${user}}`
}

/** What an invalidation names; a widened one names layers instead of too many users. */
export interface Invalidation {
  readonly tags: number
  readonly keys: number
  readonly layers: number
}

export function invalidatedBy(state: Organisation, change: Change, widened: boolean): Invalidation {
  switch (change.kind) {
    case 'membership':
      return { tags: tag.user(change.user), keys: userKeys(change.user, true), layers: 0 }
    case 'grant': {
      const catalogue = (1 << key.bucket(change.bucket)) | (1 << key.manifest)
      const tags = tag.grants(change.group) | tag.bucket(change.bucket)
      if (widened)
        return { tags: tags | tag.layer(LAYER.userResources), keys: catalogue, layers: 1 << LAYER.userResources }
      return { tags, keys: catalogue | membersBelow(state, change.group, false), layers: 0 }
    }
    case 'move': {
      let tags = 0
      for (let group = 0; group < GROUPS; group++) if (isBelow(state, group, change.group)) tags |= tag.place(group)
      const layers = (1 << LAYER.userGroups) | (1 << LAYER.userResources)
      if (widened) return { tags: tags | tag.layer(LAYER.userGroups) | tag.layer(LAYER.userResources), keys: 0, layers }
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
