/** Memberships and grants with an end, as the database of the races holds them: `group` or `group@end`. */
export interface Ending {
  readonly group: string
  /** By the database's clock, in milliseconds; absent where it does not end. */
  readonly until?: number
}

export function endingOf(text: string): Ending {
  const [group = '', until] = text.split('@')
  return until === undefined ? { group } : { group, until: Number(until) }
}

export const textOf = ({ group, until }: Ending) => (until === undefined ? group : `${group}@${until}`)

export const isLiving = ({ until = Number.POSITIVE_INFINITY }: Ending, nowMs: number) => until > nowMs

/** The list with this one in the place of any other of the group, or without it. */
export const replaced = (list: readonly string[], group: string, by: Ending | null): string[] => [
  ...list.filter((each) => endingOf(each).group !== group),
  ...(by ? [textOf(by)] : []),
]
