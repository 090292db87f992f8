/** `npm run drill`: real servers, three instances, faults one after the other, and a verdict on every answer. */
import { parseArgs } from 'node:util'
import { PARTS, type Part } from './build/parts.ts'
import { allKept, summariesIn, textOf, writeResults } from './conclusion.ts'
import { runDrill } from './drill.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { FAULTS } from './faults/index.ts'
import { createRandom } from './random.ts'
import { explain } from './report.ts'
import { runSeries } from './series.ts'
import type { Summary } from './summary.ts'

const USUAL = { seconds: 5, rate: 1500, rounds: 1, updates: 50 }
/** Enough for a million judged answers. */
const LONG = { seconds: 10, rate: 1800, rounds: 3, updates: 50 }

const HELP = `npm run drill -- [options]

  --fault NAME     only this fault; may be repeated
  --without PART   with a protection taken out, to see that it is missed; may be repeated
  --seconds N      how long a fault is held (5)
  --rate N         reads per second over the three instances (1500)
  --updates N      resources changed per second beside everything else (50)
  --rounds N       all of it so many times (1)
  --judged N       then the faults again, from the first on, until so many reads were judged
  --long           enough for a million judged reads: 10 seconds, 1800 reads per second, 3 rounds
  --seed S         repeats the sequence of a former run
  --json FILE      everything that was found out, written anew after each fault
  --table FILE     the table of it
  --merge FILE     runs nothing, but concludes from what former runs wrote with --json; may be repeated
  --svg FILE       the course of each fault as a picture
  --port BASE      the first of 50 ports (otherwise free ones are found)

faults: ${FAULTS.map(({ name }) => name).join(', ')}
parts: ${PARTS.join(', ')}

Ends with 1 when a promise was broken, with 2 when the drill itself failed.`

const { values } = parseArgs({
  options: {
    fault: { type: 'string', multiple: true },
    without: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    rate: { type: 'string' },
    updates: { type: 'string' },
    rounds: { type: 'string' },
    judged: { type: 'string', default: '0' },
    long: { type: 'boolean', default: false },
    json: { type: 'string' },
    merge: { type: 'string', multiple: true },
    svg: { type: 'string' },
    table: { type: 'string' },
    port: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const say = (message: string) => console.error(`[drill] ${message}`)

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (values.merge) {
    const summaries = values.merge.flatMap(summariesIn)
    writeResults(values, { summaries })
    return concluded(summaries, [])
  }
  const usual = values.long ? LONG : USUAL
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const faults = values.fault ? values.fault.map(faultNamed) : FAULTS
  const without = values.without.map(partNamed)
  const random = createRandom(seed)
  say(
    `seed ${seed}; ${faults.map(({ name }) => name).join(', ')}${without.length > 0 ? `; without ${without.join(', ')}` : ''}`,
  )
  const summaries: Summary[] = []
  let environment: Environment | null = null
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void Promise.resolve(environment?.close()).finally(() => process.exit(2)))
  const { failed } = await runSeries({
    faults,
    rounds: Number(values.rounds ?? usual.rounds),
    judgedAtLeast: Number(values.judged),
    random,
    holdMs: 1000 * Number(values.seconds ?? usual.seconds),
    readsPerSecond: Number(values.rate ?? usual.rate),
    updatesPerSecond: Number(values.updates ?? usual.updates),
    without,
    drill: runDrill,
    say,
    async createEnvironment() {
      environment = await createEnvironment({
        random,
        log: say,
        ...(values.port && { portBase: Number(values.port) }),
      })
      return environment
    },
    onSummary(summary) {
      summaries.push(summary)
      writeResults(values, { seed, without, summaries })
      if (Object.values(summary.promisesKept).includes(false)) say(explain(summary))
      say(`${summary.fault} is over: ${summaries.reduce((sum, { judged }) => sum + judged, 0)} reads judged so far`)
    },
  })
  say(`seed ${seed}`)
  return concluded(summaries, failed)
}

/** The table, the sum and the exit code. */
function concluded(summaries: readonly Summary[], failed: readonly string[]): number {
  console.log(textOf(summaries))
  if (failed.length > 0) say(`could not be staged: ${failed.join(', ')}`)
  return failed.length > 0 ? 2 : allKept(summaries) ? 0 : 1
}

function faultNamed(name: string) {
  const found = FAULTS.find((fault) => fault.name === name)
  if (!found) throw new Error(`there is no fault ${name}; there are ${FAULTS.map((fault) => fault.name).join(', ')}`)
  return found
}

function partNamed(name: string): Part {
  const found = PARTS.find((part) => part === name)
  if (!found) throw new Error(`there is no part ${name}; there are ${PARTS.join(', ')}`)
  return found
}

const code = await main().catch((error: unknown) => {
  console.error(error)
  return 2
})
// A server that could not be ended must not keep the run from ending.
process.exit(code)
