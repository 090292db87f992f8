/** Probes and metrics: whether the process lives, whether it should get traffic, what it counts. */
import { z } from 'zod'
import type { Metrics } from '../../telemetry/index.ts'
import { anyone } from '../policies.ts'
import { HttpError, problemOf } from '../problem.ts'
import { json, PROBLEM_TYPE } from '../reply.ts'
import { type Route, route } from '../route.ts'
import { anyObject } from '../schemas.ts'

export interface Health {
  /** Whether requests can be answered; never false because of Redis. */
  ready(): boolean
  /** Every part with its state, without secrets. */
  verbose(): Promise<Record<string, unknown>>
}

const flag = z.enum(['', 'true', '1']).transform(() => true)
const stateOut = z.object({ status: z.string() })

export function healthRoutes(health: Health): Route[] {
  const livez = route({
    operationId: 'checkLiveness',
    method: 'get',
    path: '/livez',
    summary: 'Whether the process is alive; tests nothing else',
    tag: 'Health',
    policy: anyone,
    answers: [{ status: 200, description: 'It is alive', schema: stateOut }],
    handle: () => json({ status: 'ok' }),
  })

  const readyz = route({
    operationId: 'checkReadiness',
    method: 'get',
    path: '/readyz',
    summary: 'Whether it should get traffic; does not depend on Redis',
    tag: 'Health',
    policy: anyone,
    query: z.strictObject({ verbose: flag.exactOptional() }),
    answers: [{ status: 200, description: 'Ready', schema: anyObject }],
    refuses: ['not-ready'],
    async handle({ query }) {
      const parts = query.verbose ? await health.verbose() : {}
      if (health.ready()) return json({ status: 'ok', ...parts })
      const { body, status, headers } = problemOf(new HttpError('not-ready', 'The process is starting or stopping.'))
      return {
        status,
        headers: Object.entries(headers).flat(),
        contentType: PROBLEM_TYPE,
        body: JSON.stringify({ ...body, ...parts }),
      }
    },
  })

  return [livez, readyz]
}

export function metricsRoute(metrics: Metrics): Route {
  return route({
    operationId: 'getMetrics',
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus metrics',
    tag: 'Health',
    policy: anyone,
    produces: 'text/plain',
    answers: [{ status: 200, description: 'The text exposition' }],
    async handle() {
      const { body, contentType } = await metrics.render()
      return { status: 200, body, contentType }
    },
  })
}
