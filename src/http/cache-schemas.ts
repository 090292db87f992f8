/** The answers of the cache's administration, for the document. Later releases may add fields. */
import { z } from 'zod'

const instant = z.string().meta({ format: 'date-time' })
const count = z.int()

const serverOut = z.looseObject({
  address: z.string(),
  flags: z.array(z.string()).meta({ description: 'As Sentinel names them: `master`, `slave`, `s_down`, `o_down` …' }),
  subjectivelyDown: z.boolean(),
  objectivelyDown: z.boolean(),
})

const topologyOut = z
  .looseObject({
    masterName: z.string(),
    master: serverOut.nullable(),
    replicas: z.array(
      serverOut.extend({
        linkUp: z.boolean(),
        lagBytes: z.number().nullable(),
        lastHeardMs: z.number().nullable(),
      }),
    ),
    sentinels: z.array(
      z.looseObject({
        address: z.string(),
        reachable: z.boolean(),
        master: z.string().nullable(),
        configEpoch: z.number().nullable(),
        why: z.string().exactOptional(),
      }),
    ),
    quorum: z.looseObject({
      needed: z.number().nullable(),
      known: count,
      reachable: count,
      held: z.boolean().meta({ description: 'Whether a failover is possible' }),
    }),
    configEpoch: z.number().nullable(),
    agreed: z.boolean(),
    askedAt: instant,
  })
  .meta({ id: 'Topology', description: 'What the Sentinels say' })

const layerCountsOut = z
  .looseObject({
    hits: count,
    replicaHits: count.meta({ description: 'Of the hits, those from a replica' }),
    memoryHits: count.meta({ description: 'Of the hits, those from the memory of this process' }),
    misses: count,
    loads: count,
    fillsRefused: count,
    rejections: z.record(z.string(), count).meta({ description: 'Entries found and not served, by reason' }),
  })
  .meta({ id: 'LayerCounts' })

const outageOut = z
  .looseObject({
    startedAt: instant,
    endedAt: instant,
    seconds: z.number(),
    tier: z.string().meta({ examples: ['none', 'volatile', 'full'] }),
    flushed: z.array(z.string()),
    recoveredBy: z.string().nullable(),
  })
  .meta({ id: 'Outage' })

const clockOut = z
  .looseObject({
    offsetMs: z.number().nullable().meta({ description: "The database's clock less this instance's wall clock" }),
    uncertaintyMs: z.number().nullable().meta({ description: 'How far from that its present may be' }),
    jumps: count.meta({ description: 'How often it was found to have been set' }),
  })
  .meta({ id: 'DatabaseClock', description: 'The clock by which access ends; null before it was first read' })

export const cacheStatusOut = z
  .looseObject({
    log: z.looseObject({ trust: z.string(), lagMs: z.number().nullable(), clock: clockOut, rememberedTags: count }),
    redis: z.looseObject({
      breaker: z.string(),
      awayMs: z.number(),
      connected: z.boolean(),
      replicaReads: z.string(),
      server: z
        .looseObject({
          version: z.string().nullish(),
          usedMemoryBytes: z.number().nullish(),
          maxMemoryBytes: z.number().nullish(),
        })
        .nullable(),
      topology: topologyOut.nullable().meta({ description: 'Null where a single Redis is configured' }),
    }),
    database: z.looseObject({
      queued: count.meta({ description: 'Statements that wait for a connection' }),
      connections: count,
      idle: count,
      connectionsMax: count,
    }),
    requests: z
      .looseObject({
        boundsMs: z.array(z.number()),
        counts: z.array(count).meta({ description: 'One more than bounds: the last is above all of them' }),
      })
      .meta({ description: 'How long calls took on this instance since its start: a histogram' }),
    outages: z.looseObject({
      currentMs: z.number(),
      history: z.union([z.array(outageOut), z.literal('unavailable')]),
    }),
    catalogue: z.looseObject({ resources: count, whole: z.boolean() }),
    layers: z.record(z.string(), layerCountsOut).meta({ description: 'Since the start of this instance' }),
    bypasses: z.record(z.string(), count).meta({ description: 'Reads answered by the database, by reason' }),
  })
  .meta({ id: 'CacheStatus' })

export const userEntriesOut = z
  .looseObject({
    user: z.string(),
    store: z.enum(['available', 'unavailable']),
    detail: z.string().exactOptional(),
    entries: z.array(
      z
        .looseObject({
          key: z.string(),
          present: z.boolean(),
          bytes: count.exactOptional(),
          ttlSeconds: z.number().exactOptional(),
          loadedAt: instant.exactOptional(),
          stamp: z.looseObject({ database: z.string(), snapshot: z.string() }).exactOptional(),
          dependsOn: z.array(z.string()).exactOptional(),
          wouldBeServed: z.boolean().exactOptional(),
          why: z.string().exactOptional(),
        })
        .meta({ id: 'UserCacheEntry' }),
    ),
  })
  .meta({ id: 'UserCacheEntries' })

export const invalidationOut = z
  .looseObject({
    id: z.string(),
    xid: z.string(),
    at: instant,
    event: z.string(),
    actor: z.string(),
    reason: z.string().nullable(),
    tags: z.array(z.string()),
    keys: count,
    widened: z.boolean(),
  })
  .meta({ id: 'Invalidation' })
