/** What a recovery does, depending on how long no instance of the fleet had an answer from Redis. */
import { LAYERS, type LayerName } from './layers.ts'

/**
 * `short`: nothing happened that the log does not cover. `log`: longer, still nothing but the log. `volatile`: the
 * volatile layers are flushed. `full`: everything is.
 */
export type Tier = 'short' | 'log' | 'volatile' | 'full'

export interface TierThresholds {
  /** From here on an outage is no longer short, in milliseconds. */
  readonly shortMs: number
  /** From here on the volatile layers are flushed, in milliseconds. */
  readonly volatileMs: number
  /** From here on everything is flushed, in milliseconds. */
  readonly fullMs: number
}

export const TIER_LAYERS: Readonly<Record<Tier, readonly LayerName[]>> = {
  short: [],
  log: [],
  volatile: LAYERS.volatile,
  full: LAYERS.names,
}

export function tierOf(outageMs: number, { shortMs, volatileMs, fullMs }: TierThresholds): Tier {
  if (outageMs >= fullMs) return 'full'
  if (outageMs >= volatileMs) return 'volatile'
  return outageMs >= shortMs ? 'log' : 'short'
}
