/** Counts per layer since this instance started, for administrators who have no metrics at hand. */
import type { LayerEvents, LayerName } from '../cache/index.ts'
import { LAYERS } from './layers.ts'
import type { JsonObject } from './model.ts'

interface Counts {
  hits: number
  /** Of the hits, those that came from a replica, and those from this process alone. */
  replicaHits: number
  memoryHits: number
  misses: number
  loads: number
  fillsRefused: number
  rejections: Record<string, number>
}

export interface LayerCounters {
  readonly events: Required<LayerEvents>
  snapshot(): JsonObject
}

/** How often reads were answered by SQL, by the reason that `Cache-Status` gives. */
export function createBypassCounters() {
  const counts: Record<string, number> = {}
  return {
    bypassed: (detail: string) => {
      counts[detail] = (counts[detail] ?? 0) + 1
    },
    snapshot: (): JsonObject => ({ ...counts }),
  }
}

export function createLayerCounters(): LayerCounters {
  const counts = new Map<LayerName, Counts>(
    LAYERS.names.map((layer) => [
      layer,
      { hits: 0, replicaHits: 0, memoryHits: 0, misses: 0, loads: 0, fillsRefused: 0, rejections: {} },
    ]),
  )
  const update = (layer: LayerName, change: (counts: Counts) => void) => {
    const found = counts.get(layer)
    if (found) change(found)
  }
  return {
    events: {
      hit: (layer, from) =>
        update(layer, (each) => {
          each.hits++
          if (from === 'replica') each.replicaHits++
          if (from === 'memory') each.memoryHits++
        }),
      miss: (layer) => update(layer, (each) => each.misses++),
      loaded: (layer) => update(layer, (each) => each.loads++),
      fillRefused: (layer) => update(layer, (each) => each.fillsRefused++),
      rejected: (layer, why) =>
        update(layer, ({ rejections }) => {
          rejections[why] = (rejections[why] ?? 0) + 1
        }),
      leaseWaited: () => {},
    },
    snapshot: () => structuredClone(Object.fromEntries(counts)) as unknown as JsonObject,
  }
}

/** Reports to both. */
export function tee(first: Required<LayerEvents>, second: Required<LayerEvents>): Required<LayerEvents> {
  return {
    hit(layer, from) {
      first.hit(layer, from)
      second.hit(layer, from)
    },
    miss(layer) {
      first.miss(layer)
      second.miss(layer)
    },
    rejected(layer, why) {
      first.rejected(layer, why)
      second.rejected(layer, why)
    },
    loaded(layer, ms) {
      first.loaded(layer, ms)
      second.loaded(layer, ms)
    },
    fillRefused(layer) {
      first.fillRefused(layer)
      second.fillRefused(layer)
    },
    leaseWaited(layer, ms) {
      first.leaseWaited(layer, ms)
      second.leaseWaited(layer, ms)
    },
  }
}
