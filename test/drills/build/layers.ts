/** The layer table of another release, whose shape versions are higher, where the build says so. */
import { LAYER_TABLE } from '../../../src/domain/visibility/layers.ts'
import { has } from './parts.ts'

export * from '../../../src/domain/visibility/layers.ts'

if (has('other-release') && !has('shapes-ignored')) {
  for (const layer of Object.values<{ shape: number }>(LAYER_TABLE)) layer.shape++
}
