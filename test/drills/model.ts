/**
 * Runs the model for as long as it is given: every scenario in turn, fresh seeds, and the tiny configurations in full.
 * Usage: node test/drills/model.ts [--seconds 60] [--schedules 1000000] [--from 1] [--off "no stamps"] [--exhaustive]
 * Exit code 1 and the steps of the schedule when a promise is broken.
 */
import { parseArgs } from 'node:util'
import { ABLATIONS, type Off } from '../model/protections.ts'
import { SCENARIOS, TINY } from '../model/scenarios.ts'
import { searchAll, searchSeeds, traceOf } from '../model/search.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    schedules: { type: 'string', default: '1000000' },
    from: { type: 'string', default: '1' },
    off: { type: 'string' },
    exhaustive: { type: 'boolean', default: false },
  },
})
if (values.off !== undefined && !(values.off in ABLATIONS))
  throw new Error(`one of: ${Object.keys(ABLATIONS).join('; ')}`)
const off: Off = values.off === undefined ? {} : { [values.off]: true }
const startedMs = Date.now()
const budgetMs = Number(values.seconds) * 1000
const total = { schedules: 0, reads: 0 }

function report(name: string, schedules: number, reads: number, note: string): void {
  total.schedules += schedules
  total.reads += reads
  process.stdout.write(
    `${name.padEnd(40)} ${String(schedules).padStart(9)} schedules ${String(reads).padStart(9)} reads  ${note}\n`,
  )
}

if (values.exhaustive) {
  const each = budgetMs / Object.keys(TINY).length
  for (const [name, scenario] of Object.entries(TINY)) {
    const bounds = { schedules: Number(values.schedules), untilMs: Date.now() + each }
    const { schedules, reads, found, exhausted } = searchAll(scenario, off, bounds)
    report(
      name,
      schedules,
      reads,
      found ? `${found.violation.promise}: ${found.violation.what}` : exhausted ? 'all' : 'not all',
    )
    if (found) process.exitCode = 1
  }
} else {
  const names = Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]
  const share = Math.ceil(Number(values.schedules) / names.length)
  for (const [at, name] of names.entries()) {
    const untilMs = startedMs + (budgetMs * (at + 1)) / names.length
    const { schedules, reads, found } = searchSeeds(SCENARIOS[name], off, {
      from: Number(values.from),
      schedules: share,
      untilMs,
    })
    report(name, schedules, reads, found ? `seed ${found.seed}` : 'nothing')
    if (!found) continue
    process.stdout.write(`${traceOf(SCENARIOS[name], off, found.seed).join('\n')}\n`)
    process.exitCode = 1
    break
  }
}
const perSecond = Math.round(total.schedules / ((Date.now() - startedMs) / 1000))
process.stdout.write(`${total.schedules} schedules, ${total.reads} judged reads, ${perSecond} schedules/s\n`)
