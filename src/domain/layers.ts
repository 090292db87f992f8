/** The table of the three layers; every list of layers is derived from it. */
import { defineLayers } from '../cache/index.ts'
import type { UserId } from './model.ts'

const MEGABYTE = 1024 * 1024

export const LAYERS = defineLayers({
  /**
   * All resources, in buckets: a checkpoint for instances that start. The catalogue itself is held whole, and not as
   * entries.
   */
  resources: {
    key: () => 'resources:all',
    ttl: { hours: 12 },
    retention: 'lasting',
    lease: { seconds: 10 },
    shape: 3,
    copiesMaxBytes: 0,
  },
  /** A user's effective groups. */
  'user-groups': {
    key: (user: UserId) => `user:groups:{${user}}`,
    ttl: { minutes: 15 },
    shape: 2,
    copiesMaxBytes: 16 * MEGABYTE,
  },
  /** The first page of what a user may see; the rest of the list is merged by the groups in its tags. */
  'user-resources': {
    // The braces keep one user's keys in one slot, and a user called `all` from being the catalogue.
    key: (user: UserId) => `resources:{${user}}`,
    ttl: { minutes: 15 },
    from: ['resources', 'user-groups'],
    shape: 4,
    copiesMaxBytes: 64 * MEGABYTE,
  },
})

export type LayerName = (typeof LAYERS.names)[number]
