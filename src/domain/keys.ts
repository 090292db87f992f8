/** The names of entries and of the tags they depend on: the only place where either is spelled. */
import {
  createMemo,
  type EntryKey,
  type LayerKey,
  type RetentionClass,
  type Tag,
  tag,
  tagKind,
} from '../cache/index.ts'
import { LAYERS, type LayerName } from './layers.ts'
import type { GroupId, ResourceId, UserId } from './model.ts'

/** The catalogue is kept in this many buckets, by the first byte of the resource's id. */
export const CATALOGUE_BUCKETS = 256

const MEMBERS_OF_USER = tagKind('u')
const PLACE_OF_GROUP = tagKind('t')
const GRANTS_OF_GROUP = tagKind('g')
const CATALOGUE_BUCKET = tagKind('c')
const RESOURCE = tagKind('r')
const WHOLE_LAYER = tagKind('l')

/** The user's memberships, and whether the user is enabled. */
export const userTag = (user: UserId): Tag => tag(MEMBERS_OF_USER, user)
/** The group's place in the tree. */
export const placeTag = (group: GroupId): Tag => tag(PLACE_OF_GROUP, group)
/** The group's grants and the resources granted to it. */
export const grantsTag = (group: GroupId): Tag => tag(GRANTS_OF_GROUP, group)
export const bucketTag = (bucket: number): Tag => tag(CATALOGUE_BUCKET, hex(bucket))
/** The resource itself or its grants: what an instance brings up to date in its catalogue. */
export const resourceTag = (resource: ResourceId): Tag => tag(RESOURCE, resource)
export const layerTag = (layer: LayerName): Tag => tag(WHOLE_LAYER, layer)

/** Made once: a start checks each tag of the log. */
const [RESOURCE_BEGINS, BUCKET_BEGINS] = [`${RESOURCE}:`, `${CATALOGUE_BUCKET}:`]

export const isResourceTag = (each: Tag): boolean => each.startsWith(RESOURCE_BEGINS)

/** The bucket that a tag names; undefined where it names something else. */
export function bucketIn(each: Tag): number | undefined {
  return each.startsWith(BUCKET_BEGINS) ? Number.parseInt(each.slice(2), 16) : undefined
}

/** The group whose grants an entry depends on; undefined where the tag names something else. */
export function grantsGroupIn(each: Tag): GroupId | undefined {
  return each.startsWith(`${GRANTS_OF_GROUP}:`) ? (each.slice(2) as GroupId) : undefined
}

const RETENTION_OF_LAYER = new Map(LAYERS.names.map((name) => [layerTag(name), LAYERS.row(name).retention]))

/** As long as the entries that depend on it can live; none depends on a resource by name. */
export function retentionOf(each: Tag): RetentionClass | null {
  if (isResourceTag(each)) return null
  if (each.startsWith(BUCKET_BEGINS)) return LAYERS.row('resources').retention
  return RETENTION_OF_LAYER.get(each) ?? 'volatile'
}

export function bucketOf(resource: ResourceId): number {
  return Number.parseInt(resource.slice(0, 2), 16)
}

export const catalogueKey = LAYERS.keyOf('resources')
export const catalogueBucketKey = (bucket: number): EntryKey => `${catalogueKey}:${hex(bucket)}` as EntryKey
/** Made once for each reader, because every read asks. An invalidation names thousands of users who may never read, and makes its own keys. */
export const userGroupsKey = createMemo((user: UserId): EntryKey => LAYERS.keyOf('user-groups', user))
export const userResourcesKey = createMemo((user: UserId): EntryKey => LAYERS.keyOf('user-resources', user))

export const layerKey = {
  catalogue: (): LayerKey => ({ layer: 'resources', key: catalogueKey }),
  catalogueBucket: (bucket: number): LayerKey => ({ layer: 'resources', key: catalogueBucketKey(bucket) }),
}

function hex(bucket: number): string {
  return bucket.toString(16).padStart(2, '0')
}
