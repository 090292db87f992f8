/** A list that becomes the whole state: what it adds, changes and removes, and nothing else. */
import type { ListCondition, Replaced } from '../api.ts'
import { DomainError } from '../errors.ts'

export interface Difference<Key> {
  readonly added: readonly Key[]
  readonly changed: readonly Key[]
  readonly removed: readonly Key[]
}

export function differenceOf<Key, Value>(
  current: ReadonlyMap<Key, Value>,
  wanted: ReadonlyMap<Key, Value>,
  isSame: (one: Value, other: Value) => boolean,
): Difference<Key> {
  const all = [...wanted]
  return {
    added: all.flatMap(([key]) => (current.has(key) ? [] : [key])),
    changed: all.flatMap(([key, value]) => {
      const before = current.get(key)
      return before === undefined || isSame(before, value) ? [] : [key]
    }),
    removed: [...current.keys()].filter((key) => !wanted.has(key)),
  }
}

/** The values of what is to be written. */
export function writtenOf<Key, Value>(wanted: ReadonlyMap<Key, Value>, { added, changed }: Difference<Key>): Value[] {
  return [...added, ...changed].flatMap((key) => wanted.get(key) ?? [])
}

/** Null if nothing is touched, in the form that the invalidation rules take. */
export function touchedBy<Key>(difference: Difference<Key>): readonly Key[] | null {
  const all = [...difference.added, ...difference.changed, ...difference.removed]
  return all.length > 0 ? all : null
}

export function countsOf(wanted: ReadonlyMap<unknown, unknown>, difference: Difference<unknown>): Replaced {
  const { added, changed, removed } = difference
  return { total: wanted.size, added: added.length, changed: changed.length, removed: removed.length }
}

/**
 * Replacing a list removes what others may have added since it was read. So the request names the state that was read,
 * or accepts any state; only a request that neither removes nor changes anything needs no condition.
 * @param state of the list as it is, under the locks of the replacement
 * @throws DomainError `precondition-required`, `version-mismatch`
 */
export function checkCondition(
  condition: ListCondition | undefined,
  { changed, removed }: Difference<unknown>,
  state: string,
): void {
  if (condition === '*') return
  if (condition !== undefined) {
    if (condition.includes(state)) return
    throw new DomainError('version-mismatch', 'The list has changed since you read it; read it again and retry.')
  }
  if (changed.length + removed.length === 0) return
  throw new DomainError(
    'precondition-required',
    `This would change ${changed.length} and remove ${removed.length} existing entries: send the ETag of the list you read as If-Match, or * to overwrite it.`,
  )
}

/** @throws DomainError `invalid-input` with every repetition by JSON pointer */
export function refuseDuplicates(keys: readonly string[], pointerAt: (position: number) => string): void {
  const first = new Map<string, number>()
  const problems = keys.flatMap((key, position) => {
    const earlier = first.get(key)
    if (earlier !== undefined) return [{ path: pointerAt(position), message: `is the same as ${pointerAt(earlier)}` }]
    first.set(key, position)
    return []
  })
  if (problems.length > 0)
    throw new DomainError('invalid-input', 'the list names something twice; nothing was written', { problems })
}
