/** Live series on a time axis. Colours come from the style sheet, and change with the theme. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

export interface Series {
  readonly name: string
  /** A custom property of the style sheet. */
  readonly colour: string
  readonly values: readonly (number | null)[]
}

interface SeriesChartProps {
  readonly label: string
  readonly unit: string
  /** Seconds since the epoch. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
}

/** Seconds: the axis begins with the shorter time and grows to the longer one. */
const SHORTEST = 60
const LONGEST = 300

const STEPS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
const ascending = (one: number, other: number) => one - other

export function SeriesChart({ label, unit, times, series }: SeriesChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const data = [[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData
  const latest = useRef(data)
  latest.current = data
  const look = JSON.stringify(series.map(({ name, colour }) => [name, colour]))

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const draw = () => {
      chart.current?.destroy()
      chart.current = new uPlot(optionsFor(element, JSON.parse(look) as [string, string][]), latest.current, element)
    }
    draw()
    const observer = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: 180 }))
    observer.observe(element)
    dark.addEventListener('change', draw)
    return () => {
      dark.removeEventListener('change', draw)
      observer.disconnect()
      chart.current?.destroy()
      chart.current = null
    }
  }, [look])
  useEffect(() => {
    chart.current?.setData(data)
  })

  const now = series.map(({ name, values }) => `${name} ${numeral(values.at(-1) ?? null)}`).join(', ')
  return (
    <figure class="chart">
      <figcaption>
        <strong>{label}</strong> <span class="quiet">{unit}</span>
        <span class="legend">
          {series.map(({ name, colour, values }) => (
            <span key={name}>
              <span class={`swatch ${colour.slice(2)}`} aria-hidden="true" />
              {name} <span class="number">{numeral(values.at(-1) ?? null)}</span>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} class="chart-box" role="img" aria-label={`${label}, ${unit}: ${now}`} />
    </figure>
  )
}

function optionsFor(element: HTMLElement, series: readonly [string, string][]): uPlot.Options {
  const styles = getComputedStyle(element)
  const colour = (name: string) => styles.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  return {
    width: element.clientWidth,
    height: 180,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: axisOf },
      y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        values: (_chart, ticks) => ticks.map((tick) => new Date(tick * 1000).toTimeString().slice(0, 8)),
      },
      // Whole steps: all values are whole numbers.
      { ...axis, size: 48, incrs: [1, 2, 5].flatMap((step) => STEPS.map((power) => step * power)).sort(ascending) },
    ],
    series: [
      {},
      ...series.map(([label, name]) => ({ label, stroke: colour(name), width: 2, points: { show: false } })),
    ],
  }
}

/** @param high 0 where nothing was measured yet */
function axisOf(_chart: uPlot, low: number, high: number): [number, number] {
  const end = high > LONGEST ? high : Date.now() / 1000
  return [Math.max(end - LONGEST, Math.min(high > LONGEST ? low : end, end - SHORTEST)), end]
}

export function numeral(value: number | null): string {
  if (value === null) return '–'
  if (value >= 10_000) return `${(value / 1000).toFixed(0)}k`
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)
}
