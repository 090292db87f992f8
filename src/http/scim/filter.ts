/** Filters as clients write them (RFC 7644, 3.4.2.2): the grammar is the library's, the names are ours. */
import { type Filter, parse } from 'scim2-parse-filter'
import { ScimError } from '../../domain/errors.ts'
import type { ScimFilter } from '../../domain/scim-model.ts'
import { type ScimKind, withoutSchema } from './schema.ts'

/** The parser goes one call deeper with each bracket. */
const FILTER_MAX = 2000

/** @throws ScimError `invalidFilter` */
export function parseFilter(kind: ScimKind, text: string): ScimFilter {
  if (text.length > FILTER_MAX) throw refused(`The filter is longer than ${FILTER_MAX} characters.`)
  let parsed: Filter
  try {
    parsed = parse(text)
  } catch (cause) {
    throw refused('The filter cannot be read (RFC 7644, 3.4.2.2).', cause)
  }
  // `emails[type eq "work"].value eq "x"` is not in the grammar, and some clients send it. The parser makes two of it.
  return filterOf(kind, parsed, /\]\.\w/.test(text))
}

function filterOf(kind: ScimKind, parsed: Filter, isOneValue: boolean): ScimFilter {
  switch (parsed.op) {
    case 'and':
    case 'or': {
      const one = isOneValue ? asOneValue(parsed.filters) : undefined
      if (one !== undefined) return filterOf(kind, one, isOneValue)
      return { op: parsed.op, filters: parsed.filters.map((each) => filterOf(kind, each, isOneValue)) }
    }
    case 'not':
      return { op: 'not', filter: filterOf(kind, parsed.filter, isOneValue) }
    case '[]':
      return {
        op: 'some',
        attribute: nameOf(kind, parsed.attrPath),
        filter: filterOf(kind, parsed.valFilter, isOneValue),
      }
    case 'pr':
      return { op: 'pr', attribute: nameOf(kind, parsed.attrPath) }
    default:
      return { op: parsed.op, attribute: nameOf(kind, parsed.attrPath), value: plain(parsed.compValue) }
  }
}

/** `a[f]` and `a.b op v`, which came of `a[f].b op v`: one value that is both. */
function asOneValue([first, second, ...rest]: readonly Filter[]): Filter | undefined {
  if (first?.op !== '[]' || second === undefined || !('attrPath' in second) || second.op === '[]' || rest.length > 0)
    return undefined
  if (!second.attrPath.startsWith(`${first.attrPath}.`)) return undefined
  const part = { ...second, attrPath: second.attrPath.slice(first.attrPath.length + 1) } as Filter
  return { ...first, valFilter: { op: 'and', filters: [first.valFilter, part] } }
}

function nameOf(kind: ScimKind, path: string): string {
  const name = withoutSchema(kind, path)
  if (name === null) throw refused(`${path} is not stored here.`)
  return name.toLowerCase()
}

function plain(value: unknown): string | number | boolean | null {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  throw refused('Only texts in quotes, numbers, true, false and null can be compared with.')
}

const refused = (message: string, cause?: unknown) => new ScimError('invalidFilter', message, { cause })
