/**
 * Runs the model for as long as it is given: every scenario in turn, fresh seeds, and the tiny configurations in full.
 * Usage: npm run drill:model -- [--seconds 60] [--schedules 1000000] [--from 1] [--off "no stamps"] [--exhaustive]
 * Exit code 1 and the steps of the schedule when a promise is broken.
 * With --ablations [--schedules 1000]: in how many schedules each ablation is caught, where it is looked for; exit code
 * 1 when one is caught in none.
 */
import { parseArgs } from 'node:util'
import { CAUGHT } from '../model/caught.ts'
import { ABLATIONS, type Ablation, type Off } from '../model/protections.ts'
import { SCENARIOS, TINY } from '../model/scenarios.ts'
import { searchAll, searchSeeds, traceOf } from '../model/search.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    schedules: { type: 'string' },
    from: { type: 'string', default: '1' },
    off: { type: 'string' },
    exhaustive: { type: 'boolean', default: false },
    ablations: { type: 'boolean', default: false },
  },
})
if (values.off !== undefined && !(values.off in ABLATIONS))
  throw new Error(`one of: ${Object.keys(ABLATIONS).join('; ')}`)
const off: Off = values.off === undefined ? {} : { [values.off]: true }
const schedules = Number(values.schedules ?? (values.ablations ? 1000 : 1_000_000))
const startedMs = Date.now()
const budgetMs = Number(values.seconds) * 1000
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

if (values.ablations) {
  for (const name of Object.keys(ABLATIONS) as Ablation[]) countCaught(name)
} else if (values.exhaustive) {
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
      from: Number(values.from),
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
