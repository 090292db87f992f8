/** The outages on a time axis: when, for how long, and by which tier the cache recovered. */
import type { Outage } from '../../../src/client/index.ts'
import { ageOf, useNow } from './states.tsx'

interface OutageTimelineProps {
  /** Newest first. */
  readonly history: readonly Outage[]
  readonly currentMs: number
  readonly tierOf: (tier: string) => string
}

const WIDTH = 600
const HEIGHT = 34
/** Keeps a short outage visible on a long axis. */
const NARROWEST = 4
const SHORTEST_AXIS_MS = 600_000
const STEPS_MS = [60_000, 300_000, 900_000, 3_600_000, 4 * 3_600_000, 86_400_000, 7 * 86_400_000]

export function OutageTimeline({ history, currentMs, tierOf }: OutageTimelineProps) {
  const now = useNow()
  const past = history.map((outage) => ({
    from: Date.parse(outage.startedAt),
    until: Date.parse(outage.endedAt),
    tier: outage.tier,
  }))
  const all = currentMs > 0 ? [{ from: now - currentMs, until: now, tier: 'now' }, ...past] : past
  const oldest = Math.min(...all.map(({ from }) => from))
  const length = Math.max(SHORTEST_AXIS_MS, (now - oldest) * 1.05)
  const x = (at: number) => WIDTH * (1 - (now - at) / length)
  const step = STEPS_MS.find((each) => length / each <= 6) ?? length / 6
  const ticks = Array.from({ length: Math.floor(length / step) }, (_, index) => (index + 1) * step)
  const tiers = [...new Set(all.map(({ tier }) => tier))]
  return (
    <figure class="outages">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${all.length} ${all.length === 1 ? 'outage' : 'outages'} in the last ${ageOf(length)}`}
      >
        <line class="axis" x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} />
        {all.map(({ from, until, tier }) => (
          <rect
            key={`${tier} ${tier === 'now' ? '' : from}`}
            class={`outage outage-${tier}`}
            x={Math.min(x(from), WIDTH - NARROWEST)}
            width={Math.max(NARROWEST, x(until) - x(from))}
            y="6"
            height={HEIGHT - 10}
          >
            <title>{`${new Date(from).toLocaleString('en-GB')}, ${ageOf(until - from)}`}</title>
          </rect>
        ))}
        {ticks.map((back) => (
          <line key={back} class="axis" x1={x(now - back)} x2={x(now - back)} y1="4" y2={HEIGHT} />
        ))}
      </svg>
      <figcaption>
        <span>{ageOf(length)} ago</span>
        <span class="legend">
          {tiers.map((tier) => (
            <span key={tier}>
              <span class={`swatch outage-${tier}`} aria-hidden="true" />
              {tier === 'now' ? 'Redis is away' : tierOf(tier)}
            </span>
          ))}
          <span class="quiet">a line each {ageOf(step)}</span>
        </span>
        <span>now</span>
      </figcaption>
    </figure>
  )
}
