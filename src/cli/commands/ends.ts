/** The end of an access: given as a time or a duration, and shown in lists. */
import { UsageError } from '../outcome.ts'
import type { Invocation, OptionSpec } from './command.ts'

export const END_OPTIONS = {
  for: { value: '<duration>', help: 'ends after that, by the clock of this machine: 30m, 2h, 1h30m, 7d' },
  until: {
    value: '<time>',
    help: 'ends then, for example 2099-01-31T12:00:00Z (RFC 3339), or never; without either: as it was',
  },
} satisfies Record<string, OptionSpec>

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** The end in the body; absent without either option, so that an end stays. The service checks the time as it was typed. */
export function givenEnd(invocation: Invocation): { expiresAt?: string | null } {
  const { for: duration, until } = invocation.given('for', 'until')
  if (duration !== undefined && until !== undefined) throw new UsageError('--for and --until are mutually exclusive')
  if (duration === undefined) return until === undefined ? {} : { expiresAt: until === 'never' ? null : until }
  const end = new Date(Date.now() + durationMs(duration))
  if (!(end.getUTCFullYear() <= 9999)) throw new UsageError(`--for ${duration} is too long`)
  return { expiresAt: end.toISOString() }
}

function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)]
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0), 0)
  if (parts.map(([part]) => part).join('') !== text || ms <= 0)
    throw new UsageError(`--for ${text} is not a duration such as 30m, 2h, 1h30m or 7d`)
  return ms
}

/** Appended to the message. A service of an earlier release does not report ends. */
export const untilWords = (expiresAt: string | null | undefined): string => (expiresAt ? ` until ${expiresAt}` : '')

export const END_COLUMN = {
  title: 'UNTIL',
  value: ({ expiresAt }: { readonly expiresAt: string | null }) => expiresAt,
}
