/** The form in which the values of the layers are stored. */
import { createCopies, createLayer, type Layer, type LayerDependencies } from '../../cache/index.ts'
import { LAYERS, type LayerName } from '../layers.ts'
import type { GroupNode } from '../source.ts'
import { HeldList } from './held-list.ts'

export interface Layers {
  readonly groups: Layer<readonly GroupNode[]>
  readonly lists: Layer<HeldList>
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
    lists: createLayer<HeldList>({ ...optionsOf<HeldList>('user-resources'), codec: HeldList.codec }, dependencies),
  }
}

function optionsOf<V>(name: LayerName) {
  const { copiesMaxBytes, ...declared } = LAYERS.row(name)
  return { ...declared, copies: createCopies<V>({ maxBytes: copiesMaxBytes }) }
}
