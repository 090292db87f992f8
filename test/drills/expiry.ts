/**
 * `npm run drill -- expiry`: access that ends at random, 0.2 to 20 seconds after it was given, read on three instances
 * whose wall clocks are four seconds apart, under every fault of Redis, while instances stand still or lose the log, and
 * while PostgreSQL restarts or fails over. An answer with an access that had ended before it was asked for breaks the
 * promise, and so does one without an access that lasted.
 */

import { createScript, repeatable, wholeNumber } from '../../src/cli/script.ts'
import { startReplicatedPostgres } from '../support/replicated-postgres.ts'
import { PARTS, type Part } from './build/parts.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { type CourseResult, runCourse } from './expiry/course.ts'
import { createFailover, FAILOVER } from './expiry/failover.ts'
import { prepare } from './expiry/slots.ts'
import { clockFaults } from './faults/clock.ts'
import type { Fault } from './faults/fault.ts'
import { redisNetworkFaults } from './faults/redis-network.ts'
import { redisProcessFaults } from './faults/redis-processes.ts'
import { serviceFaults } from './faults/service.ts'
import { createRandom } from './random.ts'
import { markdown } from './report.ts'

const OF_THE_SERVICE = ['none', 'pause-instance', 'listen-cut', 'postgres-restart']
const ofTheService = serviceFaults.filter(({ name }) => OF_THE_SERVICE.includes(name))
const ALL: readonly Fault[] = [...ofTheService, ...redisProcessFaults, ...redisNetworkFaults, ...clockFaults]

const options = createScript(
  'npm run drill -- expiry',
  'Access that ends every few milliseconds, under every fault of Redis and some of the service. Ends with 1 when an ended access was served, or one that lasted was missing.',
)
  .addOption(repeatable('--fault <name>', 'only this fault', [...ALL.map(({ name }) => name), FAILOVER]))
  .addOption(repeatable('--without <part>', 'without a protection, to see that the drill then fails', PARTS))
  .addOption(wholeNumber('--seconds <n>', 'how long a fault is held', { lowest: 1 }).default(5))
  .addOption(wholeNumber('--rate <n>', 'reads per second over the three instances', { lowest: 1 }).default(900))
  .addOption(wholeNumber('--seed <n>', 'repeats the sequence of a former run').default(Date.now() % 1_000_000))
  .parse()
  .opts<{ fault?: string[]; without?: Part[]; seconds: number; rate: number; seed: number }>()

const say = (message: string) => console.error(`[drill] ${message}`)
const random = createRandom(options.seed)
const isWanted = (name: string) => options.fault === undefined || options.fault.includes(name)
const results: CourseResult[] = []
const skipped: string[] = []
say(`seed ${options.seed}`)
const ofTheStack = ALL.filter(({ name }) => isWanted(name))
if (ofTheStack.length > 0) await runAll(await createEnvironment({ random, log: say }), ofTheStack)
if (isWanted(FAILOVER)) {
  const servers = await startReplicatedPostgres()
  try {
    await servers.synchronise()
    const { fault, ...postgres } = createFailover(servers)
    await runAll(await createEnvironment({ random, postgres, log: say }), [fault])
  } finally {
    await servers.close()
  }
}

async function runAll(environment: Environment, faults: readonly Fault[]): Promise<void> {
  try {
    await environment.fleet.ensure({
      parts: options.without ?? [],
      ownParts: { 0: ['wall-ahead'], 2: ['wall-behind'] },
      // A third of the changes by the API are imports.
      env: { RATE_LIMIT_IMPORT_PER_MINUTE: '60000' },
    })
    const slots = await prepare(environment)
    for (const fault of faults) {
      const missing = await fault.missing?.(async () => environment)
      if (missing) {
        skipped.push(`${fault.name}: ${missing}`)
        continue
      }
      await environment.restore()
      const course = { environment, random, holdMs: 1000 * options.seconds, readsPerSecond: options.rate }
      const result = await runCourse(fault, slots, course)
      results.push(result)
      for (const example of result.examples) say(example)
      say(
        `${fault.name}: ${result.endedServedMs.length} ended served, ${result.missingMs.length} missing, ${result.serverErrors} errors`,
      )
    }
  } finally {
    await environment.close()
  }
}

const worst = (all: readonly number[]) => (all.length === 0 ? '0' : Math.max(...all).toFixed(1))
console.log(
  markdown([
    [
      'fault',
      'accesses judged',
      'ends',
      'ended served',
      'stale after end p99 / max ms',
      'missing',
      'errors',
      'PostgreSQL away s / errors / last after ms',
      'later / sooner / taken / across an end',
      'clock known to p99 ms: judge / instances',
    ],
    ...results.map((each) => [
      each.fault,
      each.judged.toLocaleString('en'),
      each.ends.toLocaleString('en'),
      String(each.endedServedMs.length),
      `${each.staleAfterEnd.p99Ms.toFixed(1)} / ${each.staleAfterEnd.maxMs.toFixed(1)}`,
      `${each.missingMs.length} (${worst(each.missingMs)} ms)`,
      String(each.serverErrors),
      `${(each.away.ms / 1000).toFixed(1)} / ${each.away.serverErrors} / ${each.away.lastErrorAfterMs.toFixed(0)}`,
      `${each.changes.later} / ${each.changes.sooner} / ${each.changes.taken} / ${each.changes.acrossEnd}`,
      `${each.uncertaintyP99Ms.judge.toFixed(1)} / ${each.uncertaintyP99Ms.instances.toFixed(1)}`,
    ]),
  ]),
)
for (const each of skipped) say(`not staged: ${each}`)
const isBroken = results.some((each) => each.endedServedMs.length + each.missingMs.length + each.serverErrors > 0)
process.exit(isBroken ? 1 : 0)
