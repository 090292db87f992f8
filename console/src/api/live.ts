/** The state of the cache, asked for each second while a view shows it; the last five minutes are kept for the charts. */
import { useEffect } from 'preact/hooks'
import type { CacheStatus, LayerCounts } from '../../../src/client/index.ts'
import { createStore, useStore } from '../store.ts'
import { type ApiError, api, asApiError } from './client.ts'

const EVERY_MS = 1000
/** While the master is away: a failover is over within seconds. */
const MEANWHILE_MS = 400
const KEPT = 300

/** What happened in one second, and the state at its end. */
export interface Sample {
  /** Seconds since the epoch. */
  readonly at: number
  readonly hits: number
  readonly misses: number
  readonly bypasses: number
  /** Hits of memory or of a replica, because the master did not answer. */
  readonly spared: number
  readonly loads: number
  readonly lagMs: number | null
  /** How long the calls of this second took; null if there were none. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  /** Statements that wait for a connection to the database. */
  readonly queued: number
}

export interface Observation {
  readonly at: number
  readonly text: string
  readonly tone: 'good' | 'bad' | 'plain'
}

export interface Live {
  readonly status: CacheStatus | null
  /** When the status came, in milliseconds since the epoch. */
  readonly receivedAt: number
  readonly error: ApiError | null
  readonly samples: readonly Sample[]
  /** Newest first: what changed in the cluster while this page watched. */
  readonly observed: readonly Observation[]
}

const EMPTY: Live = { status: null, receivedAt: 0, error: null, samples: [], observed: [] }
const live = createStore<Live>(EMPTY)
let watchers = 0
let timer: ReturnType<typeof setTimeout> | undefined

export function useLive(): Live {
  useEffect(() => {
    if (watchers++ === 0) void poll()
    return () => {
      if (--watchers === 0) clearTimeout(timer)
    }
  }, [])
  return useStore(live)
}

/** The next person must not see data of the previous one. */
export const forgetLive = () => live.set(EMPTY)

async function poll(): Promise<void> {
  clearTimeout(timer)
  const before = live.get()
  try {
    const { data: body } = await api.getCacheStatus({}, { timeoutMs: 5000 })
    const receivedAt = Date.now()
    live.set({
      status: body,
      receivedAt,
      error: null,
      samples: [...before.samples, ...sampleOf(before, body, receivedAt)].slice(-KEPT),
      observed: [...observe(before.status, body, receivedAt), ...before.observed].slice(0, 50),
    })
  } catch (error) {
    live.set({ ...before, error: asApiError(error) })
  }
  const { error, status } = live.get()
  const waitMs = error === null && status !== null && isMasterAway(status) ? MEANWHILE_MS : EVERY_MS
  if (watchers > 0 && error?.status !== 401 && error?.status !== 403) timer = setTimeout(poll, waitMs)
}

function sampleOf({ status, receivedAt }: Live, now: CacheStatus, at: number): Sample[] {
  if (status === null) return []
  const seconds = Math.max(0.2, (at - receivedAt) / 1000)
  // Another instance may have answered, or the same one after a restart: then the counters begin again.
  const rate = (count: (of: CacheStatus) => number) => Math.max(0, count(now) - count(status)) / seconds
  return [
    {
      at: at / 1000,
      hits: rate((of) => readCounts(of).hits),
      misses: rate((of) => readCounts(of).misses),
      bypasses: rate(bypassesOf),
      spared: rate((of) => readCounts(of).memoryHits + readCounts(of).replicaHits),
      loads: rate(({ layers }) => Object.values(layers).reduce((sum, each) => sum + each.loads, 0)),
      lagMs: now.log.lagMs,
      ...quantiles(status.requests, now.requests),
      queued: now.database.queued,
    },
  ]
}

type Durations = CacheStatus['requests']

/** Quantiles of the observations between two states of a histogram. */
function quantiles(before: Durations, now: Durations): Pick<Sample, 'p50Ms' | 'p99Ms'> {
  // Another instance may have answered, or the same one after a restart.
  const counts = now.counts.map((count, bucket) => Math.max(0, count - (before.counts[bucket] ?? 0)))
  const all = counts.reduce((sum, count) => sum + count, 0)
  const at = (share: number) => (all === 0 ? null : withinBucket(now.boundsMs, counts, share * all))
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** As if the calls of one bucket were spread evenly over it; above the last bound nothing is known. */
function withinBucket(bounds: readonly number[], counts: readonly number[], rank: number): number {
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    const [low = 0, high] = [bounds[bucket - 1], bounds[bucket]]
    if (below + count >= rank) return high === undefined ? low : low + ((high - low) * (rank - below)) / count
    below += count
  }
  return bounds.at(-1) ?? 0
}

const NONE = { hits: 0, misses: 0, memoryHits: 0, replicaHits: 0 } as LayerCounts

/** What readers noticed: the layer of lists. */
const readCounts = ({ layers }: CacheStatus) => layers['user-resources'] ?? NONE

export const bypassesOf = ({ bypasses = {} }: CacheStatus): number =>
  Object.values(bypasses).reduce((sum, each) => sum + each, 0)

function observe(before: CacheStatus | null, now: CacheStatus, at: number): Observation[] {
  if (before === null) return []
  const seen: Observation[] = []
  const say = (tone: Observation['tone'], text: string) => seen.push({ at, tone, text })
  const [was, is] = [before.redis.topology, now.redis.topology]
  if (before.redis.breaker !== now.redis.breaker)
    say(now.redis.breaker === 'closed' ? 'good' : 'bad', `Breaker: ${before.redis.breaker} → ${now.redis.breaker}`)
  if (was?.master && is?.master && was.master.address !== is.master.address)
    say('good', `Master: ${was.master.address} → ${is.master.address} (epoch ${is.configEpoch ?? '?'})`)
  if (was && is && isDown(was.master) !== isDown(is.master))
    say(
      isDown(is.master) ? 'bad' : 'good',
      `Master ${is.master?.address ?? ''} is ${isDown(is.master) ? 'down' : 'up'}`,
    )
  if (was && is && was.quorum.reachable !== is.quorum.reachable)
    say(is.quorum.held ? 'plain' : 'bad', `Sentinels that answer: ${is.quorum.reachable} of ${is.quorum.known}`)
  const [linked, links] = [was, is].map((each) => each?.replicas.filter(({ linkUp }) => linkUp).length)
  if (is && linked !== links) say('plain', `Linked replicas: ${links} of ${is.replicas.length}`)
  if (before.log.trust !== now.log.trust) say('plain', `Log: ${before.log.trust} → ${now.log.trust}`)
  return seen.reverse()
}

const isMasterAway = ({ redis }: CacheStatus) =>
  redis.breaker !== 'closed' || (redis.topology !== null && isDown(redis.topology.master))

export const isDown = (node: { subjectivelyDown: boolean; objectivelyDown: boolean } | null | undefined): boolean =>
  node === null || node === undefined || node.subjectivelyDown || node.objectivelyDown
