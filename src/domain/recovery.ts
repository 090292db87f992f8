/**
 * The three recovery tiers. An outage is a fact of the fleet: it began when anybody last had an answer from Redis and
 * ends with the first answer anybody has again. The instance that has it asks the database, under a lock, so that a
 * recovery is decided once, however many instances notice it, and an instance that restarted meanwhile decides the same
 * way.
 */
import { type Clock, type MutationRunner, mutation } from '../cache/index.ts'
import type { MutationContext } from './api.ts'
import { layerTag } from './keys.ts'
import type { UserId } from './model.ts'
import { TIER_LAYERS, type Tier, type TierThresholds, tierOf } from './outage-tiers.ts'
import type { Transaction } from './transaction.ts'

export interface Outage {
  readonly startedAt: Date
  readonly endedAt: Date
  readonly tier: Tier
}

interface Recovered {
  readonly thresholds: TierThresholds
  /** How long this instance has had answers without interruption, in milliseconds. */
  readonly healthyForMs: number
  readonly by: string
}

/** Shorter gaps between two healthy moments are how often the fleet reports, not an outage; in milliseconds. */
const REPORT_GAP_MS = 5000

export const recoverFromOutage = mutation<Transaction, Recovered>('recoverFromOutage')
  .on(async (tx, { thresholds, healthyForMs }: Recovered) => {
    // Under this lock one instance decides; the others then find a report of this moment.
    const { lastHealthyAt, now } = await tx.health.lock()
    return { outage: lastHealthyAt && outageEnding(lastHealthyAt, now, { thresholds, healthyForMs }) }
  })
  .invalidates((_tx, { outage }) => {
    const layers = TIER_LAYERS[outage?.tier ?? 'short']
    return { tags: layers.map(layerTag), keys: [], layers }
  })
  .write(
    (tx, { outage }, { by }): Outage | null => {
      if (outage) tx.health.recordOutage({ ...outage, recoveredBy: by })
      tx.health.reportHealthy()
      return outage
    },
    (outage) => outage !== null,
  )
  .audited({ target: () => 'cache:outage', before: ({ outage }) => outage })

/** Null when some instance had answers throughout, or has already reported the recovery. */
function outageEnding(
  lastHealthyAt: Date,
  now: Date,
  { thresholds, healthyForMs }: Omit<Recovered, 'by'>,
): Outage | null {
  // Answers may have come for a while before the database could be told.
  const endedAt = new Date(now.getTime() - healthyForMs)
  const durationMs = endedAt.getTime() - lastHealthyAt.getTime()
  if (durationMs < REPORT_GAP_MS) return null
  return { startedAt: lastHealthyAt, endedAt, tier: tierOf(durationMs, thresholds) }
}

export interface Recovery {
  /** Redis answered this instance. Cheap to call often; asks the database at most once per report interval. */
  healthy(): void
  /** Redis did not answer this instance. */
  unhealthy(): void
  /** How long Redis has not answered this instance, in milliseconds; 0 while it does. */
  outageMs(): number
  /** Resolves when all reports so far have been processed. */
  settled(): Promise<void>
}

/** The port to what the fleet knows, for the report that changes nothing. */
export interface FleetHealth {
  /** True when the last report of anybody is less than `gapMs` old; renews it when it is more than `everyMs` old. */
  reportContinuous(interval: { readonly everyMs: number; readonly gapMs: number }): Promise<boolean>
}

export interface RecoveryOptions {
  readonly fleet: FleetHealth
  readonly runner: MutationRunner<Transaction, MutationContext>
  readonly clock: Clock
  readonly thresholds: TierThresholds
  /** This instance's name in the history. */
  readonly instance: string
  readonly onRecovered: (outage: Outage) => void
  readonly onFailed: (cause: unknown) => void
}

/** How often a healthy instance tells the fleet, in milliseconds. */
const REPORT_EVERY_MS = 1000

export function createRecovery(options: RecoveryOptions): Recovery {
  const { runner, fleet, clock, thresholds, instance } = options
  const context: MutationContext = { actor: `instance:${instance}` as UserId, reason: 'recovery tier' }
  let healthySinceMs: number | null = null
  let unhealthySinceMs: number | null = clock.monotonicMs()
  let reportedMs = Number.NEGATIVE_INFINITY
  let reporting: Promise<void> | null = null

  async function report(since: number): Promise<void> {
    const startedMs = clock.monotonicMs()
    try {
      if (await fleet.reportContinuous({ everyMs: REPORT_EVERY_MS, gapMs: REPORT_GAP_MS })) {
        reportedMs = startedMs
        return
      }
      const input = { thresholds, healthyForMs: startedMs - since, by: instance }
      const { value } = await runner.run(recoverFromOutage, input, context)
      reportedMs = startedMs
      if (value) options.onRecovered(value)
    } catch (cause) {
      // The database is away: the next healthy moment reports, and still knows since when answers have come.
      options.onFailed(cause)
    }
  }

  return {
    healthy() {
      const nowMs = clock.monotonicMs()
      healthySinceMs ??= nowMs
      unhealthySinceMs = null
      if (reporting || nowMs - reportedMs < REPORT_EVERY_MS) return
      reporting = report(healthySinceMs).finally(() => {
        reporting = null
      })
    },
    unhealthy() {
      healthySinceMs = null
      unhealthySinceMs ??= clock.monotonicMs()
    },
    outageMs: () => (unhealthySinceMs === null ? 0 : clock.monotonicMs() - unhealthySinceMs),
    settled: () => reporting ?? Promise.resolve(),
  }
}
