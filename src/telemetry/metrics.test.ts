import { describe, expect, it } from 'vitest'
import about from '../../package.json' with { type: 'json' }
import { createMetrics } from './metrics.ts'

describe('the metrics', () => {
  it('count what the parts report, in base units', async () => {
    const metrics = createMetrics()
    metrics.layers.hit('resources', 'master')
    metrics.layers.hit('resources', 'replica')
    metrics.layers.hit('resources', 'memory')
    metrics.layers.miss('user-groups')
    metrics.layers.fillRefused('user-groups')
    metrics.layers.rejected('user-groups', 'damaged')
    metrics.layers.loaded('resources', 250)
    metrics.redis.command('read', 'timeout', 100)
    metrics.redis.breaker('open')
    metrics.redis.certificate('redis-node-0', 1_800_000_000_000)
    metrics.database.invalidationVisible(30)
    metrics.redis.error('master', 'refused-access')
    metrics.outages.recovered('volatile', 300_000)
    metrics.database.rejected()
    metrics.http.route('GET', '/resources/:id')(200, 3)
    const { body } = await metrics.render()
    for (const line of [
      'portcullis_cache_requests_total{layer="resources",outcome="hit"} 3',
      'portcullis_cache_requests_total{layer="user-groups",outcome="miss"} 1',
      'portcullis_cache_fills_refused_total{layer="user-groups"} 1',
      'portcullis_cache_replica_hits_total{layer="resources"} 1',
      'portcullis_cache_rejections_total{layer="user-groups",reason="damaged"} 1',
      'portcullis_cache_load_seconds_sum{layer="resources"} 0.25',
      'portcullis_redis_command_seconds_count{command="read",outcome="timeout"} 1',
      'portcullis_redis_breaker_state 2',
      'portcullis_redis_certificate_expires_timestamp_seconds{server="redis-node-0"} 1800000000',
      'portcullis_invalidation_visible_seconds_bucket{le="0.05"} 1',
      'portcullis_redis_errors_total{connection="master",reason="refused-access"} 1',
      `portcullis_build_info{version="${about.version}",node="${process.versions.node}"} 1`,
      'portcullis_redis_breaker_changes_total{state="open"} 1',
      'portcullis_redis_outage_seconds_total 300',
      'portcullis_database_rejected_total 1',
      'portcullis_http_request_duration_seconds_sum{method="GET",route="/resources/:id",status="200"} 0.003',
    ])
      expect(body).toContain(`${line}\n`)
    expect((await metrics.render()).body).toContain(
      'portcullis_cache_requests_total{layer="resources",outcome="hit"} 3\n',
    )
  })

  it('say how often each layer did what, also of a layer that has done nothing', () => {
    const { layers } = createMetrics()
    for (const from of ['master', 'replica', 'memory'] as const) layers.hit('resources', from)
    layers.miss('resources')
    layers.loaded('resources', 1)
    layers.fillRefused('resources')
    layers.rejected('resources', 'damaged')
    const counted = { hits: 3, replicaHits: 1, memoryHits: 1, misses: 1, loads: 1, fillsRefused: 1 }
    expect(layers.counts('resources')).toEqual({ ...counted, rejections: { damaged: 1 } })
    expect(layers.counts('user-groups')).toMatchObject({ hits: 0, misses: 0, rejections: {} })
  })

  it('export a gauge once its source is known', async () => {
    const metrics = createMetrics()
    expect((await metrics.render()).body).not.toContain('portcullis_follower_lag_seconds')
    let lagMs = 1500
    metrics.gauges({ followerLagMs: () => lagMs })
    metrics.gauges({ databaseQueued: () => 3 })
    expect((await metrics.render()).body).toContain('portcullis_follower_lag_seconds 1.5')
    lagMs = 20
    const { body } = await metrics.render()
    expect(body).toContain('portcullis_follower_lag_seconds 0.02')
    expect(body).toContain('portcullis_database_queued 3')
  })

  it('sort durations into buckets that include all smaller ones', async () => {
    const metrics = createMetrics()
    const answered = metrics.http.route('GET', '/resources')
    for (const ms of [0.5, 3, 6000]) answered(200, ms)
    metrics.http.route('GET', '/never/asked')
    const { body } = await metrics.render()
    expect(body).toContain('# TYPE portcullis_http_request_duration_seconds histogram\n')
    const counts = [...body.matchAll(/request_duration_seconds_(\w+)\{(?:le="(.+?)",)?method="GET",.*\} (.+)/g)]
    const shown = Object.fromEntries(counts.map(([, part, bound = part, value]) => [bound, Number(value)]))
    expect(shown).toMatchObject({ 0.0005: 1, 0.001: 1, 0.0025: 1, 0.005: 2, 5: 2, '+Inf': 3, count: 3, sum: 6.0035 })
    expect(body).not.toContain('/never/asked')
  })

  it('are separate for each call of createMetrics', async () => {
    const [first, second] = [createMetrics(), createMetrics()]
    first.database.rejected()
    expect((await second.render()).body).toContain('portcullis_database_rejected_total 0')
  })
})
