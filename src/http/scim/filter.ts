/** Filters as clients write them (RFC 7644, 3.4.2.2): the grammar is the library's, the names are ours. */
import { type Filter, parse } from 'scim2-parse-filter'
import { ScimError } from '../../domain/errors.ts'
import type { ScimFilter } from '../../domain/scim-model.ts'
import { type ScimKind, withoutSchema } from '../../domain/scim-schema.ts'

/** The parser goes one call deeper with each bracket. */
const FILTER_MAX = 2000

/** A JSON string. */
const TEXT = /"(?:[^"\\]|\\.)*"/g

/** The subject of the filter, and the meaning of its text. */
interface Reading {
  readonly kind: ScimKind
  readonly texts: readonly string[]
  /** `emails[type eq "work"].value eq "x"` is not in the grammar, and some clients send it. The parser makes two of it. */
  readonly isOneValue: boolean
}

/** @throws ScimError `invalidFilter` */
export function parseFilter(kind: ScimKind, text: string): ScimFilter {
  if (text.length > FILTER_MAX) throw refused(`The filter is longer than ${FILTER_MAX} characters.`)
  const texts: string[] = []
  try {
    // The parser knows no escapes but quotes, so it is given numbers in place of the texts.
    const numbered = text.replace(TEXT, (literal) => `"${texts.push(JSON.parse(literal) as string) - 1}"`)
    return filterOf(parse(numbered), { kind, texts, isOneValue: /\]\.\w/.test(numbered) })
  } catch (cause) {
    if (cause instanceof ScimError) throw cause
    throw refused('The filter cannot be read (RFC 7644, 3.4.2.2).', cause)
  }
}

function filterOf(parsed: Filter, reading: Reading): ScimFilter {
  switch (parsed.op) {
    case 'and':
    case 'or': {
      const one = reading.isOneValue ? asOneValue(parsed.filters) : undefined
      if (one !== undefined) return filterOf(one, reading)
      return { op: parsed.op, filters: parsed.filters.map((each) => filterOf(each, reading)) }
    }
    case 'not':
      return { op: 'not', filter: filterOf(parsed.filter, reading) }
    case '[]':
      return {
        op: 'some',
        attribute: nameOf(reading.kind, parsed.attrPath),
        filter: filterOf(parsed.valFilter, reading),
      }
    case 'pr':
      return { op: 'pr', attribute: nameOf(reading.kind, parsed.attrPath) }
    default:
      return {
        op: parsed.op,
        attribute: nameOf(reading.kind, parsed.attrPath),
        value: plain(parsed.compValue, reading.texts),
      }
  }
}

/** `a[f]` and `a.b op v`, made from `a[f].b op v`: one value must match both. */
function asOneValue([first, second, ...rest]: readonly Filter[]): Filter | undefined {
  if (first?.op !== '[]' || second === undefined || !('attrPath' in second) || second.op === '[]' || rest.length > 0)
    return undefined
  if (!second.attrPath.startsWith(`${first.attrPath}.`)) return undefined
  const part = { ...second, attrPath: second.attrPath.slice(first.attrPath.length + 1) } as Filter
  return { ...first, valFilter: { op: 'and', filters: [first.valFilter, part] } }
}

/** A name in an unknown schema matches nothing. */
const nameOf = (kind: ScimKind, path: string) => (withoutSchema(kind, path) ?? path).toLowerCase()

function plain(value: string | number | boolean | null, texts: readonly string[]): string | number | boolean | null {
  return typeof value === 'string' ? (texts[Number(value)] ?? '') : value
}

const refused = (message: string, cause?: unknown) => new ScimError('invalidFilter', message, { cause })
