/**
 * `npm run bench [-- --quick] [-- --only hit,scale] [-- --guard]`: measures Portcullis beside what people would use
 * instead, on this machine, prints each suite's figures beside its goals, and writes bench/results/<date>-<machine>.json
 * and docs/performance.md. A quick run shows that a suite works; its figures are only printed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError } from 'commander'
import { createScript } from '../src/cli/script.ts'
import { guard } from './guard.ts'
import { createBench } from './harness/bench.ts'
import { startBenchStack } from './harness/bench-stack.ts'
import { BUSY_FROM, describeEnvironment, fileNameOf } from './harness/environment.ts'
import { ensurePeerPackages } from './peer-packages.ts'
import { percent } from './report/markdown.ts'
import { summary, writePerformancePage } from './report/performance-page.ts'
import { type Results, SUITES, type SuiteName } from './suites/index.ts'

const say = (line: string) => console.error(`[bench] ${line}`)
const names = Object.keys(SUITES) as SuiteName[]
const options = createScript(
  'npm run bench --',
  'Measures the service beside its peers on this machine, and writes bench/results and docs/performance.md.',
)
  .option('--only <suites>', 'only these suites, separated by commas', suitesIn)
  .option('--quick', 'a short run: shows that the suites work, and only prints')
  .option('--guard', 'fails if a hit costs too much compared with a constant answer; writes nothing')
  .addHelpText('after', `\nSuites: ${names.join(', ')}`)
  .parse()
  .opts<{ only?: SuiteName[]; quick?: true; guard?: true }>()
const wanted = options.only ?? names

ensurePeerPackages(say)
const environment = await describeEnvironment()
if (environment.busyShare > BUSY_FROM)
  say(`this machine is busy (${percent(environment.busyShare)} of its processors): trust the ratios of processor time`)
const stack = await startBenchStack(say)
const end = async (code: number) => {
  await stack.stop()
  process.exit(code)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(1))

try {
  const bench = createBench({ stack, quick: options.quick === true || options.guard === true })
  if (options.guard) await end((await guard(bench)) ? 0 : 1)
  const file = resultsFile()
  let results: Results = { ...previous(file), environment }
  for (const name of names) {
    if (!wanted.includes(name)) continue
    const startedMs = performance.now()
    const measured = await SUITES[name](bench)
    say(`${name} took ${Math.round((performance.now() - startedMs) / 1000)} s`)
    console.log(summary({ environment, ...measured }))
    if (options.quick) continue
    results = { ...results, ...measured }
    // After each: what was measured is kept, whatever happens to the rest.
    writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
    writePerformancePage(results, path.relative(process.cwd(), file))
  }
  if (options.quick) say('a quick run: nothing was written')
  else say(`results are in ${path.relative(process.cwd(), file)} and docs/performance.md`)
} catch (error) {
  console.error(error)
  await end(1)
}
await end(0)

function suitesIn(text: string): SuiteName[] {
  const wanted = text.split(',')
  const unknown = wanted.filter((name) => !names.includes(name as SuiteName))
  if (unknown.length > 0) throw new InvalidArgumentError(`There is no suite ${unknown.join(', ')}.`)
  return wanted as SuiteName[]
}

function resultsFile(): string {
  const folder = fileURLToPath(new URL('results/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  return path.join(folder, `${fileNameOf(environment)}.json`)
}

/** A run of some suites replaces those and keeps the rest of the same day. */
function previous(file: string): Partial<Results> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Results>
  } catch {
    return {}
  }
}
