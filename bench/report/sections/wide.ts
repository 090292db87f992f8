import { WIDE_READS, type WideKindResult, type WideRead, type WideResult } from '../../suites/wide.ts'
import { ms, table, whole } from '../markdown.ts'
import type { Section } from '../section.ts'
import { barChart } from '../svg.ts'
import { atMost, bound, withinMs } from '../verdict.ts'

const SUITE = 'wide'
const ENTRY_KB = 20
const TIMES = 1.5
const CROWD_P99_MS = 50

export function wideSection({ resources, kinds, residentMb, crowd }: WideResult): Section {
  const usual = kinds[0]
  const widest = kinds.find(({ name }) => name.startsWith('sees everything'))
  if (!usual || !widest) return { verdicts: [], text: [], plots: [] }
  const p50 = ({ reads }: WideKindResult, read: WideRead) => reads[read]?.p50 ?? Number.NaN
  const who = `of somebody who sees ${whole(resources)}`
  const times = (read: WideRead, beside: WideRead = read) =>
    atMost(
      `${read} ${who} ÷ ${beside === read ? 'of' : `${beside} of`} one who sees 50, p50`,
      TIMES,
      p50(widest, read) / p50(usual, beside),
      SUITE,
    )
  const failures = Object.entries(crowd.statuses).reduce((sum, [status, n]) => sum + (status === '200' ? 0 : n), 0)
  const crowdOf = `${crowd.readers} reads at once after a change to what 40 see who see everything`
  const title = 'First read by what a user sees, p50'
  const bars = kinds.map(({ name, reads }) => ({
    label: name,
    value: reads['first read']?.p50 ?? 0,
    text: ms(reads['first read']?.p50 ?? 0),
    highlight: name === widest.name,
  }))
  return {
    verdicts: [
      bound(`entry ${who}`, ENTRY_KB, widest.entry.bytes / 1024, 'KB', SUITE),
      times('first read'),
      times('default page'),
      times('page at half', 'default page'),
      bound(`${crowdOf}: not 200`, 0, failures, 'answers', SUITE),
      withinMs(`${crowdOf}: p99`, CROWD_P99_MS, crowd.latencyMs.p99, SUITE),
    ],
    text: [
      '### Who sees much, and who is in many groups',
      `p50 of reads asked one at a time, by kind of user; ${whole(resources)} resources. In brackets: how most of them were answered, where that was not a hit.`,
      table(
        ['', ...WIDE_READS, 'entry', 'in Redis'],
        kinds.map((kind) => [
          kind.name,
          ...WIDE_READS.map((read) => cell(kind, read)),
          `${(kind.entry.bytes / 1024).toFixed(1)} KB`,
          `${(kind.entry.memoryBytes / 1024).toFixed(1)} KB in ${kind.entry.keys} keys`,
        ]),
      ),
      `The instance took ${mb(residentMb.before)} before these reads and ${mb(residentMb.after)} after them.`,
      `Forty users who see everything and one who sees 50 read at once after a change to what the forty see, ${crowd.rounds} times: ${Object.entries(
        crowd.statuses,
      )
        .map(([status, count]) => `${count} × ${status}`)
        .join(', ')}; p50 ${ms(crowd.latencyMs.p50)}, p99 ${ms(crowd.latencyMs.p99)}.`,
    ],
    plots: [{ file: 'wide.svg', title, svg: barChart({ title, bars }) }],
  }
}

function cell({ reads, answeredAs }: WideKindResult, read: WideRead): string {
  const latency = reads[read]
  if (!latency) return ''
  const how = answeredAs[read]
  return how === 'hit' ? ms(latency.p50) : `${ms(latency.p50)} (${how})`
}

const mb = (value: number | null) => (value === null ? 'an unknown amount' : `${whole(value)} MB`)
