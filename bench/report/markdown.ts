/** Figures and tables as they stand on the page. */
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
