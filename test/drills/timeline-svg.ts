/** The course of each fault as a strip: where answers came from, and each stale one as a dot at its staleness. */
import type { Summary, Timeline } from './summary.ts'
import { BOUND_MS } from './verdicts.ts'

const WIDTH = 960
const LEFT = 190
const RIGHT = 30
const STRIP = 46
const GAP = 26
const TOP = 58

const COLOURS = { hit: '#2f9e6e', miss: '#9fd8be', bypass: '#e9b44c', failed: '#d1495b' } as const
const KINDS = ['hit', 'miss', 'bypass', 'failed'] as const

export function timelineSvg(summaries: readonly Summary[]): string {
  const longestMs = Math.max(1, ...summaries.map(({ timeline }) => timeline.buckets.length * timeline.bucketMs))
  const x = (atMs: number) => LEFT + (atMs / longestMs) * (WIDTH - LEFT - RIGHT)
  const strips = summaries.map((summary, index) => strip(summary, TOP + index * (STRIP + GAP), x))
  const height = TOP + summaries.length * (STRIP + GAP) + 20
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${legend()}
${strips.join('\n')}
${axis(longestMs, height - 14, x)}
</svg>
`
}

function strip({ fault, timeline, judged, violations }: Summary, y: number, x: (atMs: number) => number): string {
  const bottom = y + STRIP
  return [
    `<text x="${LEFT - 10}" y="${y + 18}" text-anchor="end" font-weight="600">${fault}</text>`,
    `<text x="${LEFT - 10}" y="${y + 34}" text-anchor="end" fill="#666">${judged.toLocaleString('en')} reads, ${violations} wrong</text>`,
    ...areas(timeline, y, x),
    ...timeline.stale.slice(0, 2000).map(({ startedMs, staleMs, broken }) => {
      const height = Math.min(1, Math.log10(1 + staleMs) / Math.log10(1 + BOUND_MS)) * STRIP
      return `<circle cx="${x(startedMs).toFixed(1)}" cy="${(bottom - height).toFixed(1)}" r="1.8" fill="${broken ? '#b00020' : '#1d3557'}"/>`
    }),
    ...marks(timeline, y, x),
  ].join('\n')
}

/** More names than this would cover each other; the lines stay. */
const NAMES_MAX = 5

function marks({ marks: all }: Timeline, y: number, x: (atMs: number) => number): string[] {
  const named = all.filter(({ name }) => name !== 'healthy' && name !== 'end')
  const shown = named.length <= NAMES_MAX ? named : named.filter(({ name }) => name === 'fault' || name === 'over')
  const lines = all.map(({ name, atMs }) => {
    const dashes = name === 'healthy' ? ' stroke-dasharray="2 3"' : ''
    const at = x(atMs).toFixed(1)
    return `<line x1="${at}" x2="${at}" y1="${y}" y2="${y + STRIP}" stroke="#444" stroke-width="0.7"${dashes}/>`
  })
  const names = shown.map(
    ({ name, atMs }, index) =>
      `<text x="${x(atMs).toFixed(1)}" y="${y - 3 - (index % 2) * 9}" fill="#444" font-size="8.5">${escaped(name)}</text>`,
  )
  return [...lines, ...names]
}

/** Stacked shares, one path per kind of answer. */
function areas({ buckets, bucketMs }: Timeline, y: number, x: (atMs: number) => number): string[] {
  return KINDS.map((kind, place) => {
    const below = KINDS.slice(0, place)
    const rectangles = buckets.flatMap((bucket, index) => {
      const total = KINDS.reduce((sum, each) => sum + bucket[each], 0)
      if (total === 0 || bucket[kind] === 0) return []
      const from = below.reduce((sum, each) => sum + bucket[each], 0) / total
      const height = (bucket[kind] / total) * STRIP
      const left = x(index * bucketMs)
      const top = y + STRIP * (1 - from) - height
      return [
        `M${left.toFixed(1)} ${top.toFixed(1)}h${(x((index + 1) * bucketMs) - left).toFixed(1)}v${height.toFixed(1)}H${left.toFixed(1)}z`,
      ]
    })
    return `<path fill="${COLOURS[kind]}" d="${rectangles.join('')}"/>`
  })
}

function legend(): string {
  const names = { hit: 'hit', miss: 'loaded', bypass: 'straight from PostgreSQL', failed: 'failed' } as const
  const items = KINDS.map(
    (kind, index) =>
      `<rect x="${LEFT + index * 105 + (kind === 'failed' ? 65 : 0)}" y="12" width="11" height="11" fill="${COLOURS[kind]}"/><text x="${LEFT + 16 + index * 105 + (kind === 'failed' ? 65 : 0)}" y="22">${names[kind]}</text>`,
  )
  const dot = `<circle cx="${LEFT + 466}" cy="17" r="2.5" fill="#1d3557"/><text x="${LEFT + 474}" y="22">stale: up to 1 s (log); red: a violation</text>`
  return [...items, dot].join('\n')
}

function axis(longestMs: number, y: number, x: (atMs: number) => number): string {
  const stepMs = longestMs > 40_000 ? 10_000 : 5000
  return Array.from({ length: Math.floor(longestMs / stepMs) + 1 }, (_, index) => {
    const at = x(index * stepMs).toFixed(1)
    return `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${y - 10}" stroke="#ddd" stroke-width="0.5"/><text x="${at}" y="${y}" text-anchor="middle" fill="#666">${(index * stepMs) / 1000} s</text>`
  }).join('')
}

function escaped(text: string): string {
  return text.replace(/[<&]/g, (char) => (char === '<' ? '&lt;' : '&amp;'))
}
