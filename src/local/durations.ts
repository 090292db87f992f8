const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/**
 * Seconds in `90s`, `15m`, `1h`, `7d` or a bare number of seconds.
 * @returns null for anything else, and for zero
 */
export function parseSeconds(text: string): number | null {
  const [, amount, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  const seconds = Number(amount) * SECONDS[unit as keyof typeof SECONDS]
  return seconds > 0 ? seconds : null
}
