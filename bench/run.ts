/**
 * `npm run bench [-- --quick] [-- --only hit,scale] [-- --guard]`: measures Portcullis beside what people would use
 * instead, on this machine, prints each suite's figures beside its goals, and writes bench/results/<date>-<machine>.json
 * and docs/performance.md. A quick run shows that a suite works; its figures are only printed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { guard } from './guard.ts'
import { createBench } from './harness/bench.ts'
import { startBenchStack } from './harness/bench-stack.ts'
import { BUSY_FROM, describeEnvironment, fileNameOf } from './harness/environment.ts'
import { ensurePeerPackages } from './peer-packages.ts'
import { percent } from './report/markdown.ts'
import { summary, writePerformancePage } from './report/performance-page.ts'
import { type Results, SUITES, type SuiteName } from './suites/index.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    guard: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
const say = (line: string) => console.error(`[bench] ${line}`)
const names = Object.keys(SUITES) as SuiteName[]

if (options.help) {
  console.log(`npm run bench [-- --quick] [-- --only ${names.join(',')}] [-- --guard]`)
  process.exit(0)
}
const wanted = options.only?.split(',') ?? names
const unknown = wanted.filter((name) => !names.includes(name as SuiteName))
if (unknown.length > 0) {
  say(`there is no suite ${unknown.join(', ')}; there are ${names.join(', ')}`)
  process.exit(2)
}

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
