/** The suites by name, and what a run of all of them results in. */
import type { Bench } from '../harness/bench.ts'
import type { Environment } from '../harness/environment.ts'
import type { Standing } from '../harness/slices.ts'
import { type AwayResult, measureAway } from './away.ts'
import { measureConsoles } from './consoles.ts'
import { type EndpointResults, measureHits } from './endpoints.ts'
import { type EvaluationResult, measureEvaluations } from './evaluation.ts'
import { type ExpiryResult, measureExpiry } from './expiry.ts'
import { type FirstReadsResult, measureFirstReads } from './first-reads.ts'
import { type FreshReadsResult, measureFreshReads } from './fresh-reads.ts'
import { type ImportResult, measureImport } from './import.ts'
import { type LatencyPoint, measureLatency } from './latency.ts'
import { type MicroResult, measureMicro } from './micro.ts'
import { type MixtureResult, measureMixture } from './mixture.ts'
import { type MutationResult, measureMutations } from './mutation.ts'
import { measureNotModified } from './not-modified.ts'
import { measureOutside, type OutsideResult } from './outside.ts'
import { measurePackage } from './package.ts'
import { measurePooler, type PoolerResult } from './pooler.ts'
import { measureRedisCosts, type RedisCosts } from './redis-costs.ts'
import { measureScale, type ScaleResult } from './scale.ts'
import { measureTracing } from './tracing.ts'
import { measureTriggers, type TriggersResult } from './triggers.ts'
import { measureUpdates, type UpdatesResult } from './updates.ts'
import { measureWide, type WideResult } from './wide.ts'
import { measureWideGrant, type WideGrantResult } from './wide-grant.ts'

export interface Results {
  readonly environment: Environment
  readonly micro?: readonly MicroResult[]
  readonly endpoints?: EndpointResults
  readonly latency?: { readonly ceiling: number; readonly points: readonly LatencyPoint[] }
  readonly mutations?: readonly MutationResult[]
  readonly scale?: { readonly scale: readonly ScaleResult[]; readonly longList: readonly Standing[] }
  readonly notModified?: readonly Standing[]
  readonly consoles?: readonly Standing[]
  readonly firstReads?: readonly FirstReadsResult[]
  readonly freshReads?: readonly FreshReadsResult[]
  readonly updates?: readonly UpdatesResult[]
  readonly mixture?: MixtureResult
  readonly wide?: WideResult
  readonly away?: AwayResult
  readonly expiry?: ExpiryResult
  readonly evaluation?: EvaluationResult
  readonly package?: readonly Standing[]
  readonly redis?: RedisCosts
  readonly wideGrant?: WideGrantResult
  readonly imported?: ImportResult
  readonly pooled?: PoolerResult
  readonly tracing?: readonly Standing[]
  readonly triggers?: TriggersResult
  readonly outside?: OutsideResult
}

export const SUITES = {
  micro: async () => ({ micro: measureMicro() }),
  hit: async (bench: Bench) => ({ endpoints: await measureHits(bench) }),
  'not-modified': async (bench: Bench) => ({ notModified: await measureNotModified(bench) }),
  consoles: async (bench: Bench) => ({ consoles: await measureConsoles(bench) }),
  latency: async (bench: Bench) => ({ latency: await measureLatency(bench) }),
  mutation: async (bench: Bench) => ({ mutations: await measureMutations(bench) }),
  scale: async (bench: Bench) => ({ scale: await measureScale(bench) }),
  redis: async (bench: Bench) => ({ redis: await measureRedisCosts(bench) }),
  'first-reads': async (bench: Bench) => ({ firstReads: await measureFirstReads(bench) }),
  'fresh-reads': async (bench: Bench) => ({ freshReads: await measureFreshReads(bench) }),
  updates: async (bench: Bench) => ({ updates: await measureUpdates(bench) }),
  mixture: async (bench: Bench) => ({ mixture: await measureMixture(bench) }),
  wide: async (bench: Bench) => ({ wide: await measureWide(bench) }),
  'wide-grant': async (bench: Bench) => ({ wideGrant: await measureWideGrant(bench) }),
  expiry: async (bench: Bench) => ({ expiry: await measureExpiry(bench) }),
  evaluation: async (bench: Bench) => ({ evaluation: await measureEvaluations(bench) }),
  package: async (bench: Bench) => ({ package: await measurePackage(bench) }),
  import: async (bench: Bench) => ({ imported: await measureImport(bench) }),
  pooler: async (bench: Bench) => ({ pooled: await measurePooler(bench) }),
  tracing: async (bench: Bench) => ({ tracing: await measureTracing(bench) }),
  triggers: async (bench: Bench) => ({ triggers: await measureTriggers(bench) }),
  outside: async (bench: Bench) => ({ outside: await measureOutside(bench) }),
  away: async (bench: Bench) => ({ away: await measureAway(bench) }),
} satisfies Record<string, (bench: Bench) => Promise<Partial<Results>>>

export type SuiteName = keyof typeof SUITES
