/** The plots of a run. */
import type { Results } from '../suites/index.ts'
import type { Plot } from './section.ts'
import { sections } from './sections/index.ts'
import { barChart, lineChart, thousands } from './svg.ts'

export function plots(results: Results): Plot[] {
  const { endpoints, latency, scale } = results
  const drawn: Plot[] = []
  const add = (file: string, title: string, svg: string) => drawn.push({ file, title, svg })
  if (endpoints) {
    const title = 'Requests per second by variant, 50 items'
    const bars = endpoints.peers.map(({ name, perSecond: { median } }) => {
      return { label: name, value: median, text: thousands(median), highlight: name.startsWith('Portcullis') }
    })
    add('throughput.svg', title, barChart({ title, bars }))
    const sizes = Object.entries(endpoints.hit)
    const bySize = 'Processor time per request by list size'
    const lines = (sizes[0]?.[1] ?? []).map(({ name }) => ({
      name,
      points: sizes.map(([size, standings]) => {
        const found = standings.find((standing) => standing.name === name)
        return [Number(size), found?.serverUs?.median ?? 0] as const
      }),
    }))
    const axes = { x: { label: 'items on the page', scale: 'linear' as const }, y: { label: 'µs' } }
    add('list-size.svg', bySize, lineChart({ title: bySize, ...axes, lines }))
  }
  if (latency) {
    const title = 'Latency by load: p99 at fixed rates'
    const names = [...new Set(latency.points.map(({ name }) => name))]
    const lines = names.map((name) => ({
      name,
      points: latency.points.filter((point) => point.name === name).map(({ rate, p99Ms }) => [rate, p99Ms] as const),
    }))
    const axes = { x: { label: 'requests per second', scale: 'linear' as const }, y: { label: 'ms' } }
    add('latency.svg', title, lineChart({ title, ...axes, lines }))
  }
  if (scale) {
    const x = { label: 'resources in the catalogue', scale: 'log' as const }
    const cost = 'A miss by catalogue size, p50'
    const lines = [
      { name: 'miss', points: scale.scale.map(({ resources, missMs }) => [resources, missMs.p50] as const) },
    ]
    add('catalogue-size.svg', cost, lineChart({ title: cost, x, y: { label: 'ms' }, lines }))
    const memory = 'Memory of an instance by catalogue size'
    const points = scale.scale.map(({ resources, residentMb }) => [resources, residentMb ?? 0] as const)
    add(
      'memory.svg',
      memory,
      lineChart({ title: memory, x, y: { label: 'MB' }, lines: [{ name: 'resident', points }] }),
    )
  }
  return [...drawn, ...sections(results).flatMap((section) => section.plots)]
}
