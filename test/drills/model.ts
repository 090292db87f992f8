/**
 * Runs the model for as long as it is given: every scenario in turn, fresh seeds, and the tiny configurations in full.
 * Exit code 1 and the steps of the schedule when a promise is broken.
 * With --ablations [--schedules 1000]: in how many schedules each ablation is caught, where it is looked for; exit code
 * 1 when one is caught in none.
 */
import { Option } from 'commander'
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { CAUGHT } from '../model/caught.ts'
import { ABLATIONS, type Ablation, type Off } from '../model/protections.ts'
import { SCENARIOS, TINY } from '../model/scenarios.ts'
import { searchAll, searchSeeds, traceOf } from '../model/search.ts'

const options = createScript(
  'npm run drill -- model',
  'The protocol alone: every scenario in turn, fresh seeds, and the tiny configurations in full.',
)
  .addOption(wholeNumber('--seconds <n>', 'for how long', { lowest: 1 }).default(60))
  .addOption(
    wholeNumber('--schedules <n>', 'how many at most (1,000,000; with --ablations 1000 of each)', { lowest: 1 }),
  )
  .addOption(wholeNumber('--from <seed>', 'the first seed').default(1))
  .addOption(new Option('--off <protection>', 'without it').choices(Object.keys(ABLATIONS)))
  .option('--exhaustive', 'the tiny configurations, every schedule of them')
  .option('--ablations', 'in how many schedules each ablation is caught, where it is looked for')
  .parse()
  .opts<{ seconds: number; schedules?: number; from: number; off?: string; exhaustive?: true; ablations?: true }>()
const off: Off = options.off === undefined ? {} : { [options.off]: true }
const schedules = options.schedules ?? (options.ablations ? 1000 : 1_000_000)
const startedMs = Date.now()
const budgetMs = options.seconds * 1000
const total = { schedules: 0, reads: 0 }

function report(name: string, done: number, reads: number, note: string): void {
  total.schedules += done
  total.reads += reads
  process.stdout.write(
    `${name.padEnd(40)} ${String(done).padStart(9)} schedules ${String(reads).padStart(9)} reads  ${note}\n`,
  )
}

/** From the seed on that is known to catch it, so that a rare one is met at least once. */
function countCaught(name: Ablation): void {
  const { in: scenario, seed } = CAUGHT[name]
  let caught = 0
  let reads = 0
  for (let done = 0; done < schedules; ) {
    const search = searchSeeds(
      SCENARIOS[scenario],
      { [name]: true },
      { from: seed + done, schedules: schedules - done },
    )
    done += search.schedules
    reads += search.reads
    if (search.found) caught++
  }
  report(name, schedules, reads, `caught in ${caught} of '${scenario}'`)
  if (caught === 0) process.exitCode = 1
}

if (options.ablations) {
  for (const name of Object.keys(ABLATIONS) as Ablation[]) countCaught(name)
} else if (options.exhaustive) {
  const each = budgetMs / Object.keys(TINY).length
  for (const [name, scenario] of Object.entries(TINY)) {
    const bounds = { schedules, untilMs: Date.now() + each }
    const { schedules: done, reads, found, exhausted } = searchAll(scenario, off, bounds)
    report(
      name,
      done,
      reads,
      found ? `${found.violation.promise}: ${found.violation.what}` : exhausted ? 'all' : 'not all',
    )
    if (found) process.exitCode = 1
  }
} else {
  const names = Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]
  const share = Math.ceil(schedules / names.length)
  for (const [at, name] of names.entries()) {
    const untilMs = startedMs + (budgetMs * (at + 1)) / names.length
    const {
      schedules: done,
      reads,
      found,
    } = searchSeeds(SCENARIOS[name], off, {
      from: options.from,
      schedules: share,
      untilMs,
    })
    report(name, done, reads, found ? `seed ${found.seed}` : 'nothing')
    if (!found) continue
    process.stdout.write(`${traceOf(SCENARIOS[name], off, found.seed).join('\n')}\n`)
    process.exitCode = 1
    break
  }
}
const perSecond = Math.round(total.schedules / ((Date.now() - startedMs) / 1000))
process.stdout.write(`${total.schedules} schedules, ${total.reads} judged reads, ${perSecond} schedules/s\n`)
