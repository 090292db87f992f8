/** Administration of the cache: its state, a flush, one user's entries, the invalidation log. */
import { z } from 'zod'
import { type FlushScope, LAYER_NAMES } from '../../domain/api.ts'
import type { ResourceId } from '../../domain/model.ts'
import { cacheStatusOut, invalidationOut, userEntriesOut } from '../cache-schemas.ts'
import { cacheAdmin } from '../policies.ts'
import { json, mutated } from '../reply.ts'
import { route } from '../route.ts'
import { limit, pageOf, pathUserId, reason, refTo, userId } from '../schemas.ts'

const common = { reason, dryRun: z.boolean().default(false) }

const flushBody = z.discriminatedUnion(
  'scope',
  [
    z.strictObject({ scope: z.literal('all'), ...common }),
    z.strictObject({ scope: z.literal('volatile'), ...common }),
    z.strictObject({
      scope: z.literal('layer'),
      layer: z
        .enum(LAYER_NAMES, { error: `must be ${LAYER_NAMES.join(', ')}`.replace(/, (?!.*, )/, ' or ') })
        .meta({ id: 'Layer' }),
      ...common,
    }),
    z.strictObject({ scope: z.literal('user'), user: userId, ...common }),
    z.strictObject({ scope: z.literal('resource'), resource: refTo<ResourceId>('resource'), ...common }),
  ],
  { error: 'must be all, volatile, layer, user or resource' },
)

const flushedOut = z
  .object({
    scope: z.enum(['all', 'volatile', 'layer', 'user', 'resource']),
    dryRun: z.boolean(),
    keys: z.array(z.string()).nullable().meta({ description: 'The keys that the scope names; null for whole layers' }),
    layers: z.array(z.string()),
    entries: z.int().nullable().exactOptional().meta({
      description: 'In a dry run: how many entries Redis holds in the scope; null if unknown',
    }),
    store: z.enum(['flushed', 'unavailable', 'untouched']),
  })
  .meta({ id: 'Flushed' })

const status = route({
  operationId: 'getCacheStatus',
  method: 'get',
  path: '/admin/cache',
  summary: 'Breaker, outages, log position, counts by layer, Sentinel topology',
  tag: 'Cache',
  policy: cacheAdmin,
  quota: 'admin',
  answers: [{ status: 200, description: 'The state of this instance and of the fleet', schema: cacheStatusOut }],
  handle: async (_request, { cache }) => json(await cache.status()),
})

const flush = route({
  operationId: 'flushCache',
  method: 'post',
  path: '/admin/cache/flush',
  summary: 'Flush a scope: afterwards no instance serves anything older, even if Redis is down right now',
  tag: 'Cache',
  policy: cacheAdmin,
  quota: 'admin',
  body: flushBody,
  bodyExample: { scope: 'volatile', reason: 'a look at a cold start', dryRun: true },
  answers: [
    { status: 200, description: 'What was flushed, or would be', schema: flushedOut, headers: ['Consistency-Token'] },
  ],
  refuses: ['unknown-user', 'unknown-resource', 'idempotency-in-progress', 'idempotency-other-body'],
  async handle({ body, mutation }, { cache }) {
    const { reason: why, dryRun, ...scope } = body
    const outcome = await cache.flush(scope satisfies FlushScope, { reason: why, dryRun }, mutation(why))
    return mutated(outcome, outcome.value)
  },
})

const userEntries = route({
  operationId: 'getUserCacheEntries',
  method: 'get',
  path: '/admin/cache/users/:id',
  summary: "A user's entries: age, remaining life, stamp, whether they would be served and if not why",
  tag: 'Cache',
  policy: cacheAdmin,
  quota: 'admin',
  params: z.object({ id: pathUserId }),
  answers: [{ status: 200, description: 'The entries', schema: userEntriesOut }],
  handle: async ({ params: { id } }, { cache }) => json(await cache.userEntries(id)),
})

const invalidations = route({
  operationId: 'listInvalidations',
  method: 'get',
  path: '/admin/cache/invalidations',
  summary: 'The invalidation log, oldest first',
  tag: 'Cache',
  policy: cacheAdmin,
  quota: 'admin',
  query: z.strictObject({
    limit,
    after: z
      .string()
      .regex(/^[\w.:~-]{1,200}$/, { error: 'is not a position in the log' })
      .exactOptional()
      .meta({ description: 'The `nextCursor` of an earlier page' }),
  }),
  answers: [{ status: 200, description: 'A page', schema: pageOf(invalidationOut) }],
  async handle({ query }, { cache }) {
    const { data, nextCursor } = await cache.invalidations(query)
    return json({ data, nextCursor })
  },
})

export const cacheRoutes = [status, flush, userEntries, invalidations]
