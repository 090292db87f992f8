/** Runs autocannon in a process of its own, so that making the load does not take the server's processor. */
import autocannon, { type Request, type Result } from 'autocannon'

export interface LoadOrder {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly requests: readonly Request[]
  /** Requests per second over all connections; as fast as answers come where absent. */
  readonly rate?: number
}

export interface LoadResult {
  readonly perSecond: number
  readonly requests: number
  readonly seconds: number
  readonly failures: number
  readonly statuses: Readonly<Record<string, number>>
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number }
}

process.on('message', async (order: LoadOrder) => {
  const { url, connections, seconds, requests, rate } = order
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: [...requests],
    ...(rate !== undefined && { overallRate: rate }),
  })
  process.send?.(summary(result))
})
process.on('disconnect', () => process.exit(0))

function summary(result: Result): LoadResult {
  const { p50, p90, p99, max } = result.latency
  const statuses = (result as unknown as { statusCodeStats: Record<string, { count: number }> }).statusCodeStats
  return {
    perSecond: result.requests.total / result.duration,
    requests: result.requests.total,
    seconds: result.duration,
    failures: result.errors + result.timeouts,
    statuses: Object.fromEntries(Object.entries(statuses).map(([code, { count }]) => [code, count])),
    latencyMs: { p50, p90, p99, max },
  }
}
