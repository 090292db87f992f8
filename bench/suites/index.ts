/** The suites by name, and what a run of all of them results in. */
import type { Bench } from '../harness/bench.ts'
import type { Environment } from '../harness/environment.ts'
import type { Standing } from '../harness/slices.ts'
import { type EndpointResults, measureHits } from './endpoints.ts'
import { measureFallback } from './fallback.ts'
import { type LatencyPoint, measureLatency } from './latency.ts'
import { type MicroResult, measureMicro } from './micro.ts'
import { type MutationResult, measureMutations } from './mutation.ts'
import { measureRedisCosts, type RedisCosts } from './redis-costs.ts'
import { measureScale, type ScaleResult } from './scale.ts'
import { measureWideGrant, type WideGrantResult } from './wide-grant.ts'

export interface Results {
  readonly environment: Environment
  readonly micro?: readonly MicroResult[]
  readonly endpoints?: EndpointResults
  readonly latency?: { readonly ceiling: number; readonly points: readonly LatencyPoint[] }
  readonly mutations?: readonly MutationResult[]
  readonly scale?: { readonly scale: readonly ScaleResult[]; readonly longList: readonly Standing[] }
  readonly fallback?: readonly Standing[]
  readonly redis?: RedisCosts
  readonly wideGrant?: WideGrantResult
}

export const SUITES = {
  micro: async () => ({ micro: measureMicro() }),
  hit: async (bench: Bench) => ({ endpoints: await measureHits(bench) }),
  latency: async (bench: Bench) => ({ latency: await measureLatency(bench) }),
  mutation: async (bench: Bench) => ({ mutations: await measureMutations(bench) }),
  scale: async (bench: Bench) => ({ scale: await measureScale(bench) }),
  redis: async (bench: Bench) => ({ redis: await measureRedisCosts(bench) }),
  wide: async (bench: Bench) => ({ wideGrant: await measureWideGrant(bench) }),
  fallback: async (bench: Bench) => ({ fallback: await measureFallback(bench) }),
} satisfies Record<string, (bench: Bench) => Promise<Partial<Results>>>

export type SuiteName = keyof typeof SUITES
