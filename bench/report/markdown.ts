/** Figures and tables as they stand on the page. */
import type { Standing } from '../harness/slices.ts'

export const whole = (value: number): string => Math.round(value).toLocaleString('en')

export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : whole(value)} ms`

export const percent = (share: number): string =>
  `${share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** `91 % hit, 8 % fwd=miss; stored`: what makes up at least one in two hundred. */
export function shares(answeredAs: Readonly<Record<string, number>>): string {
  return Object.entries(answeredAs)
    .filter(([, share]) => share >= 0.005)
    .map(([name, share]) => `${percent(share)} ${name || 'without Cache-Status'}`)
    .join(', ')
}

export function standingTable(standings: readonly Standing[]): string {
  return table(
    ['', 'requests/s (range)', 'µs of processor (least)', '÷ first', 'p50', 'p99'],
    standings.map(({ name, perSecond, serverUs, latencyMs, toFirst }) => [
      name,
      `${whole(perSecond.median)} (${whole(perSecond.low)}–${whole(perSecond.high)})`,
      serverUs ? `${serverUs.median.toFixed(1)} (${serverUs.low.toFixed(1)})` : '',
      (toFirst.processor ?? toFirst.throughput).median.toFixed(2),
      ms(latencyMs.p50),
      ms(latencyMs.p99),
    ]),
  )
}
