/** The cache live: what reads find each second, and whether it may be trusted. */

import type { CacheStatus, Outage } from '../../../src/client/index.ts'
import { bypassesOf, type Live, type Sample, useLive } from '../api/live.ts'
import { OutageTimeline } from '../parts/outage-timeline.tsx'
import { numeral, SeriesChart } from '../parts/series-chart.tsx'
import { ageOf, Empty, Failure, LoadingBar, Stale, Time } from '../parts/states.tsx'

export function CacheView() {
  const live = useLive()
  const { status, error, receivedAt } = live
  return (
    <>
      <div class="bar">
        <h1>The cache, live</h1>
      </div>
      {status === null && error === null && <LoadingBar label="Asking the service" />}
      {status === null && error !== null && <Failure error={error} needs="cache-admin" />}
      {status !== null && (
        <>
          {error !== null && <Stale since={receivedAt} error={error} />}
          <div class={error === null ? '' : 'stale'}>
            <Tiles live={live} status={status} />
            <Charts live={live} />
            <div class="columns">
              <Layers status={status} />
              <Reasons status={status} />
            </div>
            <Outages status={status} />
          </div>
        </>
      )}
    </>
  )
}

function Tiles({ live, status }: { live: Live; status: CacheStatus }) {
  const recent = live.samples.slice(-10)
  const sum = (of: 'hits' | 'misses' | 'bypasses') => recent.reduce((total, sample) => total + sample[of], 0)
  const all = sum('hits') + sum('misses') + sum('bypasses')
  const { redis, log, outages, catalogue, database } = status
  const latest = recent.findLast(({ p99Ms }) => p99Ms !== null)
  return (
    <dl class="tiles">
      <Tile name="Hit rate" value={all === 0 ? '–' : `${Math.round((sum('hits') / all) * 100)} %`} note="last 10 s" />
      <Tile name="Reads" value={numeral(all / Math.max(1, recent.length))} note="a second" />
      <Tile
        name="p99"
        value={latest ? `${numeral(latest.p99Ms)} ms` : '–'}
        note={latest ? `p50 ${numeral(latest.p50Ms)} ms` : 'no calls'}
      />
      <Tile
        name="Queue"
        value={numeral(database.queued)}
        tone={database.queued > 0 ? 'bad' : 'good'}
        note={`for ${database.connectionsMax} connections`}
      />
      <Tile
        name="Breaker"
        value={redis.breaker}
        tone={redis.breaker === 'closed' ? 'good' : 'bad'}
        note={redis.awayMs > 0 ? `Redis away for ${ageOf(redis.awayMs)}` : 'Redis answers'}
      />
      <Tile
        name="Log"
        value={log.lagMs === null ? '–' : `${log.lagMs} ms`}
        tone={log.trust === 'following' ? 'good' : 'bad'}
        note={`behind; ${log.trust}`}
      />
      <Tile
        name="Outage"
        value={outages.currentMs > 0 ? ageOf(outages.currentMs) : 'none'}
        tone={outages.currentMs > 0 ? 'bad' : 'good'}
        note="now"
      />
      <Tile
        name="Catalogue"
        value={numeral(catalogue.resources)}
        note={catalogue.whole ? 'resources, whole' : 'resources, being loaded'}
      />
    </dl>
  )
}

function Tile({ name, value, note, tone }: { name: string; value: string; note: string; tone?: 'good' | 'bad' }) {
  return (
    <div class={`tile ${tone ?? ''}`}>
      <dt>{name}</dt>
      <dd>
        <span class="tile-value">{value}</span>
        <span class="quiet">{note}</span>
      </dd>
    </div>
  )
}

function Charts({ live }: { live: Live }) {
  const { samples } = live
  const times = samples.map(({ at }) => at)
  const of = (name: Exclude<keyof Sample, 'at'>) => samples.map((sample) => sample[name])
  return (
    <div class="columns">
      <section class="card" aria-label="Reads">
        <SeriesChart
          label="Reads"
          unit="a second"
          times={times}
          series={[
            { name: 'hits', colour: '--series-1', values: of('hits') },
            { name: 'misses', colour: '--series-2', values: of('misses') },
            { name: 'bypasses', colour: '--series-3', values: of('bypasses') },
            { name: 'loads', colour: '--series-4', values: of('loads') },
            { name: 'without the master', colour: '--series-5', values: of('spared') },
          ]}
        />
      </section>
      <section class="card" aria-label="Durations">
        <SeriesChart
          label="Calls take"
          unit="ms"
          times={times}
          series={[
            { name: 'p50', colour: '--series-1', values: of('p50Ms') },
            { name: 'p99', colour: '--series-3', values: of('p99Ms') },
          ]}
        />
      </section>
      <section class="card" aria-label="Database queue">
        <SeriesChart
          label="Database queue"
          unit="statements"
          times={times}
          series={[{ name: 'waiting', colour: '--series-2', values: of('queued') }]}
        />
      </section>
      <section class="card" aria-label="Log lag">
        <SeriesChart
          label="Log lag"
          unit="ms"
          times={times}
          series={[{ name: 'lag', colour: '--series-1', values: of('lagMs') }]}
        />
      </section>
    </div>
  )
}

function Layers({ status }: { status: CacheStatus }) {
  const columns = ['hits', 'memoryHits', 'replicaHits', 'misses', 'loads', 'fillsRefused'] as const
  const titles = ['hits', 'of memory', 'of a replica', 'misses', 'loads', 'fills refused']
  return (
    <section class="card" aria-label="Layers">
      <h2>Layers since the start</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scrolls" tabIndex={0} aria-label="Table of layers">
        <table>
          <thead>
            <tr>
              <th scope="col">layer</th>
              {titles.map((title) => (
                <th key={title} scope="col" class="number">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Object.entries(status.layers).map(([layer, counts]) => (
              <tr key={layer}>
                <th scope="row">{layer}</th>
                {columns.map((column) => (
                  <td key={column} class="number">
                    {numeral(counts[column])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}

function Reasons({ status }: { status: CacheStatus }) {
  const rejections = new Map<string, number>()
  for (const { rejections: each } of Object.values(status.layers))
    for (const [why, count] of Object.entries(each)) rejections.set(why, (rejections.get(why) ?? 0) + count)
  return (
    <section class="card" aria-label="Reasons">
      <h2>Why not from the cache</h2>
      <Counts title="Reads answered by the database" of={Object.entries(status.bypasses ?? {})} />
      <Counts title="Entries found and not served" of={[...rejections]} />
      {bypassesOf(status) === 0 && rejections.size === 0 && <Empty>Nothing since the start.</Empty>}
    </section>
  )
}

function Counts({ title, of }: { title: string; of: readonly (readonly [string, number])[] }) {
  if (of.length === 0) return null
  return (
    <>
      <h3 class="quiet-heading">{title}</h3>
      <ul class="counts">
        {of
          .toSorted(([, one], [, other]) => other - one)
          .map(([why, count]) => (
            <li key={why}>
              <code>{why}</code> <span class="number">{numeral(count)}</span>
            </li>
          ))}
      </ul>
    </>
  )
}

const TIERS: Readonly<Record<string, string>> = {
  none: 'nothing flushed',
  volatile: 'lists flushed',
  full: 'all flushed',
}

const tierOf = (tier: string) => TIERS[tier] ?? tier

function Outages({ status }: { status: CacheStatus }) {
  const { history, currentMs } = status.outages
  return (
    <section class="card" aria-label="Outages">
      <h2>Outages of Redis</h2>
      {history === 'unavailable' && <Empty>The history is in the database, which does not answer.</Empty>}
      {history !== 'unavailable' && history.length === 0 && currentMs === 0 && <Empty>None on record.</Empty>}
      {history !== 'unavailable' && (history.length > 0 || currentMs > 0) && (
        <OutageTimeline history={history} currentMs={currentMs} tierOf={tierOf} />
      )}
      {history !== 'unavailable' && (history.length > 0 || currentMs > 0) && (
        <ol class="timeline">
          {currentMs > 0 && (
            <li class="bad">
              <strong>now</strong> for {ageOf(currentMs)}
            </li>
          )}
          {history.map((outage) => (
            <OutageItem key={outage.startedAt} outage={outage} />
          ))}
        </ol>
      )}
    </section>
  )
}

function OutageItem({ outage }: { outage: Outage }) {
  const lasted = new Date(outage.endedAt).getTime() - new Date(outage.startedAt).getTime()
  return (
    <li>
      <Time at={outage.startedAt} /> for {ageOf(lasted)} <span class="tag">{tierOf(outage.tier)}</span>
    </li>
  )
}
