/** A prefix as a range, which an index serves under any plan; `starts_with` with a parameter is only a filter in a generic one. */

const LAST = 0x10ffff
const SURROGATES = { first: 0xd800, last: 0xdfff } as const
/** Above every name and id: those have 200 characters at most. */
const ABOVE_ALL = String.fromCodePoint(LAST).repeat(201)

export interface Bounds {
  /** Inclusive. */
  readonly from: string
  /** Exclusive. */
  readonly to: string
}

/** For columns that compare by code point (COLLATE "C"). */
export function boundsOf(prefix: string | undefined): Bounds {
  return { from: prefix ?? '', to: prefix === undefined ? ABOVE_ALL : successor(prefix) }
}

/** The least text above all that begin with the prefix. */
function successor(prefix: string): string {
  const points = [...prefix].map((char) => char.codePointAt(0) ?? 0)
  while (points.at(-1) === LAST) points.pop()
  const last = points.pop()
  if (last === undefined) return ABOVE_ALL
  const next = last + 1 === SURROGATES.first ? SURROGATES.last + 1 : last + 1
  return String.fromCodePoint(...points, next)
}
