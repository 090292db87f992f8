/** `npm run drill`, or `npm run drill -- faults`: real servers, three instances, faults one after the other, and a verdict on every answer. */
import { Option } from 'commander'
import { createScript, repeatable, wholeNumber } from '../../src/cli/script.ts'
import { PARTS, type Part } from './build/parts.ts'
import { allKept, type Files, summariesIn, textOf, writeResults } from './conclusion.ts'
import { runDrill } from './drill.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { FAULTS } from './faults/index.ts'
import { FOREIGN } from './package/foreign-faults.ts'
import { packedShop } from './package/shop.ts'
import { createRandom } from './random.ts'
import { explain } from './report.ts'
import { runSeries } from './series.ts'
import { SERVICE } from './service.ts'
import type { Summary } from './summary.ts'

const USUAL = { seconds: 5, rate: 1500, rounds: 1, updates: 50 }
/** Enough for a million judged answers. */
const LONG = { seconds: 10, rate: 1800, rounds: 3, updates: 50 }

const positive = { lowest: 1 }
const values = createScript(
  'npm run drill -- faults',
  'Real servers, three instances, faults one after the other, and a verdict on every answer. Ends with 1 when a promise was broken, with 2 when the drill itself failed.',
)
  .addOption(
    repeatable(
      '--fault <name>',
      'only this fault',
      FAULTS.map(({ name }) => name),
    ),
  )
  .addOption(repeatable('--without <part>', 'without a protection, to see that the drill then fails', PARTS))
  .addOption(wholeNumber('--seconds <n>', 'how long a fault is held (5)', positive))
  .addOption(wholeNumber('--rate <n>', 'reads per second over the three instances (1500)', positive))
  .addOption(wholeNumber('--updates <n>', 'resources changed per second beside everything else (50)'))
  .addOption(wholeNumber('--rounds <n>', 'how often all of it is repeated (1)', positive))
  .addOption(wholeNumber('--judged <n>', 'then repeats the faults until this many reads are judged').default(0))
  .addOption(new Option('--subject <name>', 'what is drilled').choices(['service', 'package']).default('service'))
  .option('--long', 'enough for a million judged reads: 10 seconds, 1800 reads per second, 3 rounds')
  .addOption(wholeNumber('--seed <n>', 'repeats the sequence of a former run'))
  .option('--json <file>', 'all results, rewritten after each fault')
  .option('--table <file>', 'the results as a table')
  .addOption(repeatable('--merge <file>', 'runs nothing, but concludes from what former runs wrote with --json'))
  .option('--svg <file>', 'the course of each fault as a picture')
  .addOption(wholeNumber('--port <base>', 'the first of 50 ports (otherwise free ones are found)', positive))
  .addHelpText('after', `\nFaults: ${FAULTS.map(({ name }) => name).join(', ')}\nParts: ${PARTS.join(', ')}`)
  .parse()
  .opts<
    Files & {
      fault?: string[]
      without?: Part[]
      merge?: string[]
      seconds?: number
      rate?: number
      updates?: number
      rounds?: number
      judged: number
      long?: true
      subject: 'service' | 'package'
      seed?: number
      port?: number
    }
  >()

const say = (message: string) => console.error(`[drill] ${message}`)

async function main(): Promise<number> {
  if (values.merge) {
    const summaries = values.merge.flatMap(summariesIn)
    writeResults(values, { summaries })
    return concluded(summaries, [])
  }
  const usual = values.long ? LONG : USUAL
  const seed = values.seed ?? Date.now() % 1_000_000
  const staged = values.subject === 'package' ? FAULTS.filter(({ name }) => !FOREIGN.includes(name)) : FAULTS
  const faults = values.fault ? staged.filter(({ name }) => values.fault?.includes(name)) : staged
  const without = values.without ?? []
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
    rounds: values.rounds ?? usual.rounds,
    judgedAtLeast: values.judged,
    random,
    holdMs: 1000 * (values.seconds ?? usual.seconds),
    readsPerSecond: values.rate ?? usual.rate,
    updatesPerSecond: values.updates ?? usual.updates,
    without,
    drill: runDrill,
    say,
    async createEnvironment() {
      environment = await createEnvironment({
        random,
        subject: values.subject === 'package' ? packedShop() : SERVICE,
        log: say,
        ...(values.port && { portBase: values.port }),
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

const code = await main().catch((error: unknown) => {
  console.error(error)
  return 2
})
// A server that could not be ended must not keep the run from ending.
process.exit(code)
