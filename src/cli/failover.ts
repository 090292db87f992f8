/** `npm run failover`: ends the local stack's Redis master and shows, second by second, what clients see. */
import { setTimeout as sleep } from 'node:timers/promises'
import { failuresOf, figuresOf, HEADING, milliseconds, row } from '../local/load-report.ts'
import { inflict, type MasterFault, waitUntilReplica } from '../local/master-fault.ts'
import { stillRuns } from '../local/process-identity.ts'
import { type Sample, startReadLoad } from '../local/read-load.ts'
import { masterByMajority, sentinelView } from '../local/redis-questions.ts'
import { readRunningSettings } from '../local/settings.ts'
import { readState, type StackState } from '../local/stack-state.ts'
import { createTokenIssuer } from '../local/token-issuer.ts'
import { parseFailoverOptions } from './failover-options.ts'

/** Seconds of ordinary traffic before the fault, for comparison. */
const FAULT_AFTER_SECONDS = 3
const HANG_SECONDS = 8
const BACK_WITHIN_MS = 45_000
const RATE_LIMITED = 429

let fault: MasterFault | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    fault?.undo()
    process.exit(130)
  })

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
} finally {
  fault?.undo()
}

/** @returns whether clients saw nothing and the former master is back as a replica */
async function main(): Promise<boolean> {
  const options = parseFailoverOptions(process.argv.slice(2))
  const settings = readRunningSettings(process.env)
  const { state, apiUrl } = runningStack(settings.dataDir)
  const issuer = await createTokenIssuer(settings)
  const token = await issuer.issue({ subject: options.user, roles: [], ttlSeconds: 2 * options.seconds + 600 })
  const samples: Sample[] = []
  const view = watchMaster(state)
  const former = await view.current()
  console.log(
    `GET ${apiUrl}/resources as ${options.user}, ${options.perSecond} a second; ${options.kind} of the master in ${FAULT_AFTER_SECONDS} s\n`,
  )
  console.log(HEADING)
  const load = startReadLoad({
    target: () => ({ url: `${apiUrl}/resources`, headers: { authorization: `Bearer ${token}` } }),
    perSecond: options.perSecond,
    onSample: (sample) => samples.push(sample),
  })
  const beganMs = performance.now()
  let faultMs = 0
  let promotedAfterMs: number | null = null
  const watchPromotion = async () => {
    while (promotedAfterMs === null && !view.stopped()) {
      if ((await view.current()) !== former) promotedAfterMs = performance.now() - faultMs
      await sleep(50)
    }
  }
  for (let second = 1; second <= options.seconds; second++) {
    await sleep(Math.max(0, beganMs + second * 1_000 - performance.now()))
    const ended = samples.filter(({ endedMs }) => endedMs >= (second - 1) * 1_000 && endedMs < second * 1_000)
    console.log(row(second, figuresOf(ended), await view.described()))
    if (second === FAULT_AFTER_SECONDS) {
      fault = await inflict(options.kind, state, former)
      faultMs = performance.now()
      console.log(`──────  ${fault.description}`)
      void watchPromotion()
    }
    if (options.kind === 'hang' && second === FAULT_AFTER_SECONDS + HANG_SECONDS && fault) {
      fault.undo()
      console.log(`──────  ${former} wakes up (SIGCONT)`)
    }
  }
  await load.stop()
  fault?.undo()
  const back = await isBack(state, former)
  view.stop()
  return summarise(samples, { former, promotedAfterMs, faultMs: faultMs - beganMs, back })
}

function summarise(
  samples: readonly Sample[],
  facts: { former: string; promotedAfterMs: number | null; faultMs: number; back: boolean },
): boolean {
  const all = figuresOf(samples)
  const uncached = samples.filter((sample) => sample.endedMs > facts.faultMs && sample.source === 'bypass')
  const lastUncachedMs = uncached.at(-1)?.endedMs
  console.log(`
${all.answers} answers, ${all.failed} not 2xx${all.failed > 0 ? ` (${failuresOf(samples).join(', ')})` : ''}
latency p50 ${milliseconds(all.p50Ms)} ms, p99 ${milliseconds(all.p99Ms)} ms, longest ${milliseconds(all.maxMs)} ms
from the cache ${all.sources.hit}, loaded and stored ${all.sources.miss}, from PostgreSQL without the cache ${all.sources.bypass}
another master after ${facts.promotedAfterMs === null ? '–' : `${(facts.promotedAfterMs / 1_000).toFixed(1)} s`}; the cache was last bypassed ${lastUncachedMs === undefined ? 'never' : `${((lastUncachedMs - facts.faultMs) / 1_000).toFixed(1)} s after the fault`}
${facts.former} ${facts.back ? 'is back as a replica' : 'is NOT back as a replica'}`)
  if (samples.some(({ outcome }) => outcome === RATE_LIMITED))
    console.log('429 means that the rate limit of the API is below --rate.')
  return all.failed === 0 && all.answers > 0 && facts.back
}

async function isBack(state: StackState, former: string): Promise<boolean> {
  const port = state.ports.redis[Number(former.at(-1)) - 1]
  if (port === undefined) return false
  return waitUntilReplica(port, BACK_WITHIN_MS).then(
    () => true,
    () => false,
  )
}

function watchMaster(state: StackState) {
  let stopped = false
  return {
    stop: () => {
      stopped = true
    },
    stopped: () => stopped,
    async current(): Promise<string> {
      const port = await masterByMajority(state.ports.sentinels, state.masterName)
      const index = port === null ? -1 : state.ports.redis.indexOf(port)
      return index < 0 ? 'no majority' : `redis-${index + 1}`
    },
    /** With the flags that the Sentinels give it, the newest configuration epoch, and how many Sentinels answer. */
    async described(): Promise<string> {
      const asked = state.ports.sentinels.map((port) => sentinelView(port, state.masterName).catch(() => null))
      const views = (await Promise.all(asked)).filter((each) => each !== null)
      const flags = new Set(views.flatMap((each) => (each.flags ?? '').split(',')))
      const down = ['o_down', 's_down', 'failover_in_progress'].filter((flag) => flags.has(flag))
      const epoch = Math.max(0, ...views.map((each) => Number(each['config-epoch'] ?? 0)))
      return [await this.current(), ...down, `epoch ${epoch}`, `${views.length} Sentinels`].join(', ')
    },
  }
}

function runningStack(dataDir: string): { state: StackState; apiUrl: string } {
  const state = readState(dataDir)
  const api = state?.processes.find(({ name }) => name === 'api')
  if (!state || !api?.url || !stillRuns(api))
    throw new Error('No local stack runs here: start it with `npm start` in another terminal.')
  if (!state.processes.some(({ name }) => name.startsWith('redis')))
    throw new Error('The running stack uses a Redis that it does not own; only its own can be failed over.')
  return { state, apiUrl: api.url }
}
