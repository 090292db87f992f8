/** Filters on the values of an attribute, as the paths of a PATCH have them. Filters on lists become SQL instead. */
import type { JsonObject, JsonValue } from './model.ts'
import type { ScimComparison, ScimFilter } from './scim-model.ts'

/** Whether case makes a difference between texts. */
export type ScimCase = 'exactly' | 'folded'

export function matches(filter: ScimFilter, element: JsonObject, how: ScimCase): boolean {
  switch (filter.op) {
    case 'and':
      return filter.filters.every((each) => matches(each, element, how))
    case 'or':
      return filter.filters.some((each) => matches(each, element, how))
    case 'not':
      return !matches(filter.filter, element, how)
    case 'some':
      return false
    case 'pr':
      return valueAt(element, filter.attribute) !== undefined
    default:
      return compare(filter.op, valueAt(element, filter.attribute), filter.value, how)
  }
}

function valueAt(element: JsonObject, attribute: string): JsonValue | undefined {
  return Object.entries(element).find(([name]) => name.toLowerCase() === attribute)?.[1]
}

function compare(
  op: ScimComparison,
  actual: JsonValue | undefined,
  wanted: string | number | boolean | null,
  how: ScimCase,
): boolean {
  const [one, other] = [folded(actual, how), folded(wanted, how)]
  if (op === 'eq' || op === 'ne') return (one === (other ?? undefined)) === (op === 'eq')
  if (typeof one !== 'string' || typeof other !== 'string') return false
  return COMPARISONS[op](one, other)
}

const COMPARISONS: Readonly<Record<Exclude<ScimComparison, 'eq' | 'ne'>, (one: string, other: string) => boolean>> = {
  co: (one, other) => one.includes(other),
  sw: (one, other) => one.startsWith(other),
  ew: (one, other) => one.endsWith(other),
  gt: (one, other) => one > other,
  ge: (one, other) => one >= other,
  lt: (one, other) => one < other,
  le: (one, other) => one <= other,
}

const folded = <T>(value: T, how: ScimCase) =>
  typeof value === 'string' && how === 'folded' ? value.toLowerCase() : value

/** The attributes that the filter requires of every match: an element that has to be created gets them. */
export function equalities(filter: ScimFilter): Map<string, JsonValue> {
  if (filter.op === 'eq') return new Map([[filter.attribute, filter.value]])
  if (filter.op !== 'and') return new Map()
  return new Map(filter.filters.flatMap((each) => [...equalities(each)]))
}
