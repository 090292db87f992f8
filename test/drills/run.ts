/** `npm run drill`: real servers, three instances, faults one after the other, and a verdict on every answer. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { PARTS, type Part } from './build/parts.ts'
import { runDrill } from './drill.ts'
import { createEnvironment } from './environment.ts'
import { FAULTS } from './faults/index.ts'
import { createRandom } from './random.ts'
import { explain, tableOf } from './report.ts'
import type { Summary } from './summary.ts'
import { timelineSvg } from './timeline-svg.ts'

const WORLDS = 16
const USUAL = { seconds: 5, rate: 1500, rounds: 1 }
/** Enough for a million judged answers. */
const LONG = { seconds: 10, rate: 1800, rounds: 3 }

const HELP = `npm run drill -- [options]

  --fault NAME     only this fault; may be repeated
  --without PART   with a protection taken out, to see that it is missed; may be repeated
  --seconds N      how long a fault is held (5)
  --rate N         reads per second over the three instances (1500)
  --rounds N       all of it so many times (1)
  --long           enough for a million judged reads: 10 seconds, 1800 reads per second, 3 rounds
  --seed S         repeats the sequence of a former run
  --json FILE      everything that was found out
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
    rounds: { type: 'string' },
    long: { type: 'boolean', default: false },
    json: { type: 'string' },
    merge: { type: 'string', multiple: true },
    svg: { type: 'string' },
    port: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const say = (message: string) => console.error(`[drill] ${message}`)

const failed: string[] = []

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (values.merge) return concluded(values.merge.flatMap(summariesIn))
  const usual = values.long ? LONG : USUAL
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const chosen = values.fault ? values.fault.map(faultNamed) : FAULTS
  const without = values.without.map(partNamed)
  const random = createRandom(seed)
  say(
    `seed ${seed}; ${chosen.map(({ name }) => name).join(', ')}${without.length > 0 ? `; without ${without.join(', ')}` : ''}`,
  )
  const environment = await createEnvironment({
    random,
    log: say,
    ...(values.port && { portBase: Number(values.port) }),
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void environment.close().then(() => process.exit(2)))
  const summaries: Summary[] = []
  let worlds = 0
  try {
    for (let round = 0; round < Number(values.rounds ?? usual.rounds); round++) {
      for (const fault of chosen) {
        const missing = await fault.missing?.()
        if (missing) {
          say(`${fault.name} is left out: ${missing}`)
          continue
        }
        say(`${fault.name}: ${fault.title}`)
        const staged = await attempt(fault, {
          environment,
          random,
          holdMs: 1000 * Number(values.seconds ?? usual.seconds),
          firstWorld: WORLDS * worlds++,
          worlds: WORLDS,
          readsPerSecond: Number(values.rate ?? usual.rate),
          without,
        })
        if (!staged) continue
        summaries.push(staged)
        if (values.json) writeFileSync(values.json, JSON.stringify({ seed, without, summaries }))
        if (Object.values(staged.promisesKept).includes(false)) say(explain(staged))
      }
    }
  } finally {
    await environment.close()
  }
  say(`seed ${seed}`)
  return concluded(summaries)
}

function summariesIn(file: string): Summary[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { summaries: Summary[] }).summaries
}

/** The table, the sum and the exit code. */
function concluded(summaries: readonly Summary[]): number {
  console.log(tableOf(summaries))
  const sum = (count: (summary: Summary) => number) => summaries.reduce((total, each) => total + count(each), 0)
  const [judged, mutations] = [sum((each) => each.judged), sum((each) => each.mutations)]
  const kept = summaries.every(({ promisesKept }) => Object.values(promisesKept).every(Boolean))
  console.log(
    `\n${judged.toLocaleString('en')} reads judged against ${mutations.toLocaleString('en')} mutations, ${sum((each) => each.violations)} violations: the promises were ${kept ? 'kept' : 'BROKEN'}`,
  )
  if (values.svg) writeFileSync(values.svg, timelineSvg(summaries))
  if (failed.length > 0) say(`could not be staged: ${failed.join(', ')}`)
  return failed.length > 0 ? 2 : kept ? 0 : 1
}

/** A fault that cannot be brought about says nothing about the promises; the others go on, and the end says so. */
async function attempt(...drill: Parameters<typeof runDrill>): Promise<Summary | null> {
  try {
    return await runDrill(...drill)
  } catch (error) {
    failed.push(drill[0].name)
    console.error(error)
    return null
  }
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

process.exitCode = await main().catch((error: unknown) => {
  console.error(error)
  return 2
})
