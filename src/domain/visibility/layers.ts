/** The three layers: what each holds, in which form, and for how long. */
import {
  createCopies,
  createLayer,
  type Layer,
  type LayerDependencies,
  type LayerName,
  type RetentionClass,
} from '../../cache/index.ts'
import type { GroupNode } from '../source.ts'
import type { RenderedPage } from './resource-page.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const MEGABYTE = 1024 * 1024

interface LayerDeclaration {
  /** The promised life of an entry, in milliseconds. */
  readonly ttlMs: number
  /** How long invalidations that concern its entries are remembered. */
  readonly retention: RetentionClass
  /** How long a dead lease holder can delay others, in milliseconds: longer than a load takes, shorter than a request. */
  readonly leaseMs: number
  /** To be raised whenever the form of the values changes: entries of another release's form are misses. */
  readonly shape: number
  /** What this process holds of its entries at most; the catalogue is held whole, by other means. */
  readonly copiesMaxBytes: number
}

export const LAYER_TABLE = {
  /** All resources, in buckets: a checkpoint for instances that start. */
  resources: { ttlMs: 12 * HOUR_MS, retention: 'lasting', leaseMs: 10_000, shape: 2, copiesMaxBytes: 0 },
  /** A user's effective groups. */
  'user-groups': {
    ttlMs: 15 * MINUTE_MS,
    retention: 'volatile',
    leaseMs: 1000,
    shape: 1,
    copiesMaxBytes: 16 * MEGABYTE,
  },
  /** The first page of what a user may see; the groups in its tags are what the rest is continued with. */
  'user-resources': {
    ttlMs: 15 * MINUTE_MS,
    retention: 'volatile',
    leaseMs: 1000,
    shape: 2,
    copiesMaxBytes: 64 * MEGABYTE,
  },
} as const satisfies Record<LayerName, LayerDeclaration>

/** An entry is filled a little after its load; what it could have missed is remembered that much longer. */
const MARGIN_MS = 2 * MINUTE_MS

/** How long an invalidation must be remembered: as long as an entry that it concerns may live. */
export const RETENTION_MS: Readonly<Record<RetentionClass, number>> = {
  volatile: longestLife('volatile') + MARGIN_MS,
  lasting: longestLife('lasting') + MARGIN_MS,
}

function longestLife(retention: RetentionClass): number {
  const lives = Object.values(LAYER_TABLE).filter((layer) => layer.retention === retention)
  return Math.max(...lives.map(({ ttlMs }) => ttlMs))
}

export interface Layers {
  readonly groups: Layer<readonly GroupNode[]>
  readonly lists: Layer<RenderedPage>
}

export function createLayers(dependencies: LayerDependencies): Layers {
  return {
    groups: createLayer<readonly GroupNode[]>(
      {
        ...optionsOf<readonly GroupNode[]>('user-groups'),
        codec: {
          encode: (nodes) => ({ body: Buffer.from(JSON.stringify(nodes)) }),
          decode: ({ body }) => JSON.parse(body.toString()) as GroupNode[],
        },
      },
      dependencies,
    ),
    lists: createLayer<RenderedPage>(
      {
        ...optionsOf<RenderedPage>('user-resources'),
        codec: {
          encode: ({ body, etag, nextCursor }) => ({ body, meta: { etag, nextCursor } }),
          decode({ body, meta: { etag, nextCursor } }) {
            if (typeof etag !== 'string' || !isTextOrNull(nextCursor)) throw new TypeError('not the page of a list')
            return { body, etag, nextCursor }
          },
        },
      },
      dependencies,
    ),
  }
}

function optionsOf<V>(name: LayerName) {
  const { copiesMaxBytes, ...declared } = LAYER_TABLE[name]
  return { name, ...declared, copies: createCopies<V>({ maxBytes: copiesMaxBytes }) }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
