/** Puts tables and plots of one run into docs/performance.md, between its markers; what people wrote around them stays. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BUSY_FROM } from '../harness/environment.ts'
import type { Results } from '../suites/index.ts'
import { verdicts } from './goals.ts'
import { ms, percent, standingTable, table } from './markdown.ts'
import { plots } from './plots.ts'
import { sections } from './sections/index.ts'

const page = fileURLToPath(new URL('../../docs/performance.md', import.meta.url))
const pictures = fileURLToPath(new URL('../../docs/performance/', import.meta.url))
const BEGIN = '<!-- measured: begin -->'
const END = '<!-- measured: end -->'

export function writePerformancePage(results: Results, resultsFile: string): void {
  const drawn = plots(results)
  mkdirSync(pictures, { recursive: true })
  for (const { file, svg } of drawn) writeFileSync(pictures + file, svg)
  const text = readFileSync(page, 'utf8')
  const [before = '', rest = ''] = text.split(BEGIN)
  const after = rest.split(END)[1] ?? ''
  const images = drawn.map(({ file, title }) => `![${title}](performance/${file})`)
  const content = [...described(results, resultsFile), goalTable(results), ...tables(results), ...images]
  writeFileSync(page, `${before}${BEGIN}\n\n${content.join('\n\n')}\n\n${END}${after}`)
}

/** The same figures as text: of one suite, or of several. */
export function summary(results: Results): string {
  const judged = verdicts(results).length > 0
  return [...tables(results), ...(judged ? [goalTable(results)] : [])].join('\n\n')
}

function described({ environment }: Results, resultsFile: string): string[] {
  const { machine, date, versions, busyShare, commit } = environment
  const busy =
    busyShare > BUSY_FROM
      ? ` The machine did other work (${percent(busyShare)} of its processors when the last suite began), so figures per second are far below what it can do; ratios are taken slice by slice and hold.`
      : ''
  return [
    `Measured on ${date.slice(0, 10)}: ${machine.name}, ${machine.processors} processors, ${machine.memoryGb} GB, ${machine.system}; Node ${versions.node}, Express ${versions.express}, commit ${commit}.${busy} All figures: \`${resultsFile}\`.`,
  ]
}

function goalTable(results: Results): string {
  const rows = verdicts(results).map(({ measure, goal, measured, reached, suite }) => [
    measure,
    goal,
    reached ? `**${measured}**` : `${measured} (not reached)`,
    `\`npm run bench -- --only ${suite}\``,
  ])
  return table(['measure', 'goal', 'measured', 'reproduce'], rows)
}

function tables(results: Results): string[] {
  const { endpoints, notModified, scale, micro, mutations, latency, redis, wideGrant } = results
  return [
    ...(endpoints
      ? [
          '### Answers per second and processor time',
          ...Object.entries(endpoints.hit).map(
            ([size, standings]) =>
              `${size} items, ${(endpoints.bytes[size] ?? 0).toLocaleString('en')} bytes:\n\n${standingTable(standings)}`,
          ),
          `Peers, 50 items:\n\n${standingTable(endpoints.peers)}`,
        ]
      : []),
    ...(notModified ? [`304:\n\n${standingTable(notModified)}`] : []),
    ...sections(results).flatMap(({ text }) => text),
    ...(latency
      ? [
          '### Latency at fixed rates',
          table(
            ['', 'requests/s', 'p50', 'p90', 'p99'],
            latency.points.map(({ name, rate, p50Ms, p90Ms, p99Ms }) => [
              name,
              String(rate),
              ms(p50Ms),
              ms(p90Ms),
              ms(p99Ms),
            ]),
          ),
        ]
      : []),
    ...(scale
      ? [
          '### By size of the catalogue',
          table(
            [
              'resources',
              'miss p50 (p90)',
              'memory',
              'ready, first',
              'from the cache, first',
              'ready, again',
              'p99 of its first 3 s',
            ],
            scale.scale.map((each) => [
              each.resources.toLocaleString('en'),
              `${ms(each.missMs.p50)} (${ms(each.missMs.p90)})`,
              each.residentMb === null ? '' : `${Math.round(each.residentMb)} MB`,
              ms(each.readyFirstMs),
              ms(each.cachingFirstMs),
              ms(each.readyAgainMs),
              ms(each.firstSecondsP99Ms),
            ]),
          ),
        ]
      : []),
    ...(mutations
      ? [
          '### Mutations',
          table(
            ['', 'at once', 'bare transaction', 'through HTTP', 'p50 ratio', 'bare', 'through HTTP', 'ratio'],
            mutations.map(({ name, atOnce, bare, served, ratio }) => [
              name,
              String(atOnce),
              ms(bare.p50Ms),
              ms(served.p50Ms),
              ratio.p50.toFixed(1),
              `${Math.round(bare.perSecond)}/s`,
              `${Math.round(served.perSecond)}/s`,
              ratio.perSecond.toFixed(2),
            ]),
          ),
        ]
      : []),
    ...(wideGrant
      ? [
          `A grant given to or taken from a group of ${wideGrant.members.toLocaleString('en')} takes ${ms(wideGrant.mutationMs.median)}; meanwhile the instance that makes it does nothing else for ${ms(wideGrant.longestPauseMs.median)} at a time at most (median over the grants; worst ${ms(wideGrant.longestPauseMs.high)}).`,
        ]
      : []),
    ...(redis
      ? [
          '### What Redis pays',
          table(
            ['script', 'processor time of the server', 'per entry'],
            redis.calls.map(({ name, us, perItemUs }) => [name, `${us.toFixed(1)} µs`, `${perItemUs.toFixed(1)} µs`]),
          ),
          `A list with a page of 12.5 KB takes ${(redis.bytesPerList / 1000).toFixed(1)} KB of its memory.`,
        ]
      : []),
    ...(micro
      ? [
          '### The pieces',
          table(
            ['', 'per call'],
            micro.map(({ name, nanoseconds }) => [
              name,
              nanoseconds < 1000 ? `${Math.round(nanoseconds)} ns` : `${(nanoseconds / 1000).toFixed(1)} µs`,
            ]),
          ),
        ]
      : []),
  ]
}
