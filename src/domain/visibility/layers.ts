/** The form in which the values of the layers are stored. */
import { createCopies, createLayer, type Layer, type LayerDependencies } from '../../cache/index.ts'
import { LAYERS, type LayerName } from '../layers.ts'
import type { GroupNode } from '../source.ts'
import type { RenderedPage } from './resource-page.ts'

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
  const { copiesMaxBytes, ...declared } = LAYERS.row(name)
  return { ...declared, copies: createCopies<V>({ maxBytes: copiesMaxBytes }) }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
