/** `npm run drill -- outages`: each way in which Redis, PostgreSQL or an instance fails, on real processes, as one table. */
import { appendFileSync } from 'node:fs'
import { createScript, repeatable, wholeNumber } from '../../src/cli/script.ts'
import { createEnvironment } from '../drills/environment.ts'
import { createRandom, type Random } from '../drills/random.ts'
import { markdown } from '../drills/report.ts'
import { createWorld, importOf } from '../drills/world.ts'
import { answerRows } from './answer-rows.ts'
import { lineOf } from './phases.ts'
import { redisRows } from './redis-rows.ts'
import type { Row } from './row.ts'
import { serviceRows } from './service-rows.ts'
import { type Outcome, type StageOptions, stage } from './stage.ts'

const ROWS: readonly Row[] = [...redisRows, ...answerRows, ...serviceRows]
const WORLDS = 8
const TOKEN_TTL_SECONDS = 4 * 3600

const values = createScript(
  'npm run drill -- outages',
  'Each way in which Redis, PostgreSQL or an instance fails, on real processes, as one table. Ends with 1 when a client noticed what it must not, with 2 when the drill itself failed.',
)
  .addOption(
    repeatable(
      '--row <name>',
      'only this row',
      ROWS.map(({ name }) => name),
    ),
  )
  .addOption(
    wholeNumber('--seconds <n>', 'how long a fault is held where the row does not say', { lowest: 1 }).default(8),
  )
  .addOption(
    wholeNumber('--rate <n>', 'reads per second over three instances where the row does not say', {
      lowest: 1,
    }).default(300),
  )
  .option('--markdown <file>', 'appends each row to it as soon as it is known')
  .addHelpText('after', `\nRows: ${ROWS.map(({ name }) => name).join(', ')}`)
  .parse()
  .opts<{ row?: string[]; seconds: number; rate: number; markdown?: string }>()

const say = (message: string) => console.error(`[outages] ${message}`)
const seconds = (ms: number) => (ms / 1000).toFixed(2)

const COLUMNS: readonly (readonly [head: string, cell: (outcome: Outcome) => string])[] = [
  ['fault', ({ row }) => row.title],
  ['reads', ({ reads }) => reads.toLocaleString('en')],
  ['failed', ({ failed, failures }) => (failed === 0 ? '0' : failures.join(', '))],
  ['mutations failed', ({ mutations: { sent, failed } }) => `${failed} of ${sent}`],
  ['p99 before / during ms', ({ p99BeforeMs, p99Ms }) => `${p99BeforeMs.toFixed(0)} / ${p99Ms.toFixed(0)}`],
  ['slowest ms', ({ slowestMs }) => slowestMs.toFixed(0)],
  [
    'breakers open after s (openings)',
    ({ breakerOpenAfterMs: ms, breakerOpenings }) => (ms === null ? '–' : `${seconds(ms)} (${breakerOpenings})`),
  ],
  ['hits again after s', ({ hitsAfterMs }) => seconds(hitsAfterMs)],
  ['connections', ({ connections }) => String(connections)],
  ['memory MB', ({ memoryMb: [before, after] }) => `${before} → ${after}`],
  ['', ({ notes }) => notes.join('; ')],
]

interface Theatre extends Pick<StageOptions, 'environment' | 'users' | 'admin'> {}

async function main(): Promise<number> {
  const chosen = values.row ? ROWS.filter(({ name }) => values.row?.includes(name)) : ROWS
  const random = createRandom(Date.now() % 1_000_000)
  let theatre = await open(random)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void theatre.environment.close().then(() => process.exit(2)))
  const outcomes: Outcome[] = []
  const unstaged: string[] = []
  try {
    for (const row of chosen) {
      const outcome = await attempt(row, theatre, random)
      if (outcome) outcomes.push(outcome)
      else {
        // What a row leaves behind that cannot be repaired would be the next one's.
        unstaged.push(row.name)
        await theatre.environment.close()
        theatre = await open(random)
      }
    }
  } finally {
    // First what is known: servers that cannot be closed must not lose it.
    report(outcomes, unstaged)
    await theatre.environment.close()
  }
  return unstaged.length > 0 ? 2 : outcomes.some(({ broken }) => broken > 0) ? 1 : 0
}

/** New servers, three instances, and the organisation that is read. */
async function open(random: Random): Promise<Theatre> {
  const environment = await createEnvironment({ random, log: say })
  await environment.fleet.ensure({ parts: [], ownParts: {}, env: {} })
  const worlds = Array.from({ length: WORLDS }, (_, index) => createWorld(index))
  const bearerOf = (subject: string, roles: ('admin' | 'cache-admin')[] = []) =>
    environment.issuer.issue({ subject, roles, ttlSeconds: TOKEN_TTL_SECONDS })
  const admin = await bearerOf('outage.admin', ['admin'])
  await fill(environment.fleet.ports[0] ?? 0, admin, importOf(worlds))
  const users = await Promise.all(
    worlds.flatMap(({ ann, bob }) => [ann, bob]).map(async (user) => ({ bearer: await bearerOf(user) })),
  )
  return { environment, users, admin }
}

/** Null when the row could not be staged, whyever. */
async function attempt(row: Row, theatre: Theatre, random: Random): Promise<Outcome | null> {
  say(row.title)
  const figures = { perSecond: values.rate, holdMs: 1000 * values.seconds }
  try {
    const outcome = await stage(row, { ...theatre, random, ...figures })
    const line = lineOfRow(outcome)
    say(line)
    for (const phase of outcome.phases) say(lineOf(phase))
    if (values.markdown) appendFileSync(values.markdown, `${line}\n`)
    return outcome
  } catch (error) {
    console.error(error)
    return null
  }
}

const lineOfRow = (outcome: Outcome) => `| ${COLUMNS.map(([, cell]) => cell(outcome)).join(' | ')} |`

function report(outcomes: readonly Outcome[], unstaged: readonly string[]): void {
  console.log(markdown([COLUMNS.map(([head]) => head), ...outcomes.map((o) => COLUMNS.map(([, cell]) => cell(o)))]))
  const broken = outcomes.filter((outcome) => outcome.broken > 0)
  console.log(
    `\n${broken.length === 0 ? 'No client noticed what it must not.' : `NOTICED: ${broken.map(({ row }) => row.name).join(', ')}`}`,
  )
  if (unstaged.length > 0) say(`could not be staged: ${unstaged.join(', ')}`)
}

async function fill(port: number, bearer: string, organisation: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(organisation),
  })
  if (!response.ok) throw new Error(`the import was answered ${response.status}: ${await response.text()}`)
}

const code = await main().catch((error: unknown) => {
  console.error(error)
  return 2
})
// A connection that a row's fault left half open would keep this process for minutes.
process.exit(code)
