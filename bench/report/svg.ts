/** Small plots without a dependency: bars and lines, readable on light and dark pages. */

export interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly highlight?: boolean
}

const WIDTH = 720
const INK = '#7a7f87'
const STRONG = '#3366cc'
const WEAK = '#9db4d8'
const COLOURS = [STRONG, '#c2571a', '#2e8540', '#8b4fa8']
const FONT = 'font-family="system-ui, sans-serif" font-size="13"'

export function barChart({ title, bars }: { readonly title: string; readonly bars: readonly Bar[] }): string {
  const highest = Math.max(...bars.map(({ value }) => value))
  const rows = bars.map(({ label, value, text, highlight }, row) => {
    const y = 44 + row * 30
    const width = Math.max(1, (value / highest) * 300)
    return [
      `<text x="300" y="${y + 14}" text-anchor="end" fill="${INK}">${escaped(label)}</text>`,
      `<rect x="310" y="${y}" width="${width.toFixed(1)}" height="20" rx="2" fill="${highlight ? STRONG : WEAK}"/>`,
      `<text x="${(318 + width).toFixed(1)}" y="${y + 14}" fill="${INK}">${escaped(text)}</text>`,
    ].join('')
  })
  return page({ title, height: 54 + bars.length * 30, content: rows.join('\n') })
}

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface LineChart {
  readonly title: string
  readonly x: { readonly label: string; readonly scale: 'linear' | 'log' }
  readonly y: { readonly label: string }
  readonly lines: readonly Line[]
}

const PLOT = { left: 70, right: 540, top: 44, bottom: 284 }

export function lineChart({ title, x, y, lines }: LineChart): string {
  const xs = lines.flatMap(({ points }) => points.map(([at]) => at))
  const highest = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value))) * 1.1
  const at = (value: number) => (x.scale === 'log' ? Math.log10(value) : value)
  const [first, last] = [at(Math.min(...xs)), at(Math.max(...xs))]
  const px = (value: number) => PLOT.left + ((at(value) - first) / (last - first || 1)) * (PLOT.right - PLOT.left)
  const py = (value: number) => PLOT.bottom - (value / highest) * (PLOT.bottom - PLOT.top)
  const axes = [
    `<path d="M${PLOT.left} ${PLOT.top}V${PLOT.bottom}H${PLOT.right}" fill="none" stroke="${INK}"/>`,
    `<text x="${PLOT.left}" y="${PLOT.bottom + 40}" fill="${INK}">${escaped(x.label)}</text>`,
    `<text x="${PLOT.left + 6}" y="${PLOT.top + 4}" fill="${INK}">${escaped(y.label)}</text>`,
    ...[...new Set(xs)].map(
      (value) =>
        `<text x="${px(value).toFixed(1)}" y="${PLOT.bottom + 18}" text-anchor="middle" fill="${INK}">${thousands(value)}</text>`,
    ),
    ...[0.25, 0.5, 0.75, 1].map((share) => {
      const value = (highest / 1.1) * share
      const height = py(value).toFixed(1)
      return `<path d="M${PLOT.left} ${height}H${PLOT.right}" stroke="${INK}" stroke-opacity="0.25"/><text x="${PLOT.left - 8}" y="${height}" text-anchor="end" fill="${INK}">${short(value)}</text>`
    }),
  ]
  const curves = lines.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]
    const path = points.map(([px0, py0]) => `${px(px0).toFixed(1)},${py(py0).toFixed(1)}`).join(' ')
    const dots = points.map(
      ([a, b]) => `<circle cx="${px(a).toFixed(1)}" cy="${py(b).toFixed(1)}" r="3.5" fill="${colour}"/>`,
    )
    const key = `<text x="${PLOT.right + 14}" y="${PLOT.top + 14 + index * 20}" fill="${colour}">${escaped(name)}</text>`
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${key}`
  })
  return page({ title, height: 336, content: [...axes, ...curves].join('\n') })
}

function page({ title, height, content }: { title: string; height: number; content: string }): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ${FONT} role="img" aria-label="${escaped(title)}">
<text x="12" y="24" font-size="15" font-weight="600" fill="${INK}">${escaped(title)}</text>
${content}
</svg>
`
}

export const thousands = (value: number): string => Math.round(value).toLocaleString('en')

function short(value: number): string {
  return value >= 100 ? thousands(value) : value >= 10 ? value.toFixed(0) : value.toFixed(1)
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}
