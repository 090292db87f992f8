/** The three layers: what each holds, under which keys and tags, in which form, and for how long. */
import {
  type Clock,
  createCopies,
  createLayer,
  createPartitionedLayer,
  type EntryCodec,
  type EntryStore,
  type InvalidationIndex,
  type Layer,
  type LayerEvents,
  type PartitionedLayer,
} from '../cache/index.ts'
import type { Catalogue } from './catalogue.ts'
import { bucketOfItems, type CatalogueBucket, decodeBucket, encodeBucket } from './catalogue-bucket.ts'
import { bucketTag, CATALOGUE_BUCKETS, catalogueBucketKey, catalogueKey, layerTag } from './keys.ts'
import type { CacheSource, GroupNode } from './source.ts'
import { type VisibleList, visibleListCodec } from './visible-list.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** The promised lives of the three layers. */
export const TTL_MS = { resources: 12 * HOUR_MS, userGroups: 15 * MINUTE_MS, userResources: 15 * MINUTE_MS } as const
/** An entry is filled a little after its load; what it could have missed is remembered that much longer. */
const MARGIN_MS = 2 * MINUTE_MS
/** How long an invalidation must be remembered: as long as an entry that it concerns may live. */
export const RETENTION_MS = {
  volatile: TTL_MS.userResources + MARGIN_MS,
  lasting: TTL_MS.resources + MARGIN_MS,
} as const
/** How long a dead lease holder can delay others: longer than a load takes, shorter than anybody's patience. */
const LEASE_MS = 1000
const CATALOGUE_LEASE_MS = 10_000
const COPIES_MAX_BYTES = { groups: 16 * 1024 * 1024, lists: 64 * 1024 * 1024 } as const

export interface LayersOptions {
  readonly store: EntryStore
  readonly entries: EntryCodec
  readonly index: InvalidationIndex
  readonly clock: Clock
  readonly events: LayerEvents
  readonly source: CacheSource
  /** Kept up with the buckets as they come. */
  readonly catalogue: Catalogue
  /** Into how many parts the first layer is cut; fewer where a test has a handful of resources. */
  readonly catalogueBuckets?: number
}

export interface Layers {
  /** All resources, 12 h, in buckets. */
  readonly partition: PartitionedLayer
  /** A user's effective groups, 15 min. */
  readonly groups: Layer<readonly GroupNode[]>
  /** A user's filtered list, 15 min. */
  readonly lists: Layer<VisibleList>
}

export function createLayers({ source, catalogue, catalogueBuckets, ...shared }: LayersOptions): Layers {
  return {
    partition: createPartitionedLayer<CatalogueBucket>({
      ...shared,
      name: 'resources',
      manifestKey: catalogueKey,
      bucketCount: catalogueBuckets ?? CATALOGUE_BUCKETS,
      bucketKey: catalogueBucketKey,
      tagsOf: (bucket) => [bucketTag(bucket), layerTag('resources')],
      async load(numbers) {
        const { stamp, values } = await source.catalogueBuckets(numbers)
        return { stamp, values: new Map([...values].map(([number, items]) => [number, bucketOfItems(items)])) }
      },
      encode: encodeBucket,
      decode: decodeBucket,
      onBucket: catalogue.replace,
      ttlMs: TTL_MS.resources,
      leaseMs: CATALOGUE_LEASE_MS,
    }),
    groups: createLayer<readonly GroupNode[]>({
      ...shared,
      name: 'user-groups',
      retention: 'volatile',
      ttlMs: TTL_MS.userGroups,
      leaseMs: LEASE_MS,
      codec: {
        encode: (nodes) => ({ body: Buffer.from(JSON.stringify(nodes)) }),
        decode: ({ body }) => JSON.parse(body.toString()) as GroupNode[],
      },
      copies: createCopies({ maxBytes: COPIES_MAX_BYTES.groups }),
    }),
    lists: createLayer({
      ...shared,
      name: 'user-resources',
      retention: 'volatile',
      ttlMs: TTL_MS.userResources,
      leaseMs: LEASE_MS,
      codec: visibleListCodec,
      copies: createCopies<VisibleList>({ maxBytes: COPIES_MAX_BYTES.lists }),
    }),
  }
}
