/** Reads a request body: strict UTF-8, JSON, and only values that can be stored and read back unchanged. */
import { DomainError } from '../domain/errors.ts'
import { HttpError } from './problem.ts'

/** Deeper than any document of ours, far from where recursion over it could overflow a stack. */
const MAX_DEPTH = 32

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * @param depth of this part in the whole
 * @throws HttpError `malformed-request` for what is not JSON in UTF-8
 * @throws DomainError `invalid-input` for JSON that is too deep or holds what cannot be kept exactly
 */
export function parsePlainJson(bytes: Uint8Array, depth = 1): unknown {
  const { text, value } = parse(bytes)
  const members = inspect(value, depth)
  // The parser keeps the last of two; another reader, a proxy's filter for example, may keep the first.
  if (members !== membersIn(text)) throw namedTwice()
  return value
}

/** Parsing with a check of each number takes several times as long, so it is done only if a number might be inexact. */
const PERHAPS_INEXACT = /[\d.]{16}|\d[eE]/

function parse(bytes: Uint8Array): { readonly text: string; readonly value: unknown } {
  try {
    const text = utf8.decode(bytes)
    return { text, value: PERHAPS_INEXACT.test(text) ? JSON.parse(text, checkSource) : JSON.parse(text) }
  } catch (cause) {
    if (cause instanceof DomainError) throw cause
    throw notJson(cause)
  }
}

export const notJson = (cause?: unknown) =>
  new HttpError('malformed-request', 'The body is not JSON in UTF-8.', { cause })

export const namedTwice = () => refused('The body names a member of an object twice.')

/** A string, and whether a colon follows. The text is known to be JSON, so no parser is needed to tell. */
const STRING = /"(?:[^"\\]|\\.)*"\s*(:?)/g

function membersIn(text: string): number {
  let members = 0
  for (const [, colon] of text.matchAll(STRING)) if (colon !== '') members++
  return members
}

/**
 * Iterative on purpose: a hostile body chooses the depth.
 * @returns how many members its objects have together
 */
function inspect(root: unknown, depthOfRoot: number): number {
  const pending: { value: unknown; depth: number }[] = [{ value: root, depth: depthOfRoot }]
  let members = 0
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, depth } = next
    if (typeof value === 'string') checkText(value)
    else if (value !== null && typeof value === 'object') {
      if (depth > MAX_DEPTH) throw refused(`The body is nested more than ${MAX_DEPTH} deep.`)
      for (const [key, child] of Object.entries(value)) {
        checkKey(key)
        pending.push({ value: child, depth: depth + 1 })
        if (!Array.isArray(value)) members++
      }
    }
  }
  return members
}

/** PostgreSQL cannot hold NUL; half a surrogate pair has no UTF-8 form and would come back as another character. */
function checkText(text: string): void {
  if (text.includes('\u0000')) throw refused('The body contains a NUL character.')
  if (!text.isWellFormed()) throw refused('The body contains half of a surrogate pair.')
}

export function checkKey(key: string): void {
  checkText(key)
  // Harmless while parsed, but an assignment in any later copy of the object would set the prototype instead.
  if (key === '__proto__') throw refused('The body contains a member called __proto__.')
}

/**
 * A number as it was written must be the number that is read back: 9007199254740993 would become 9007199254740992, and
 * 0.1000000000000000055 would lose its end. Whole numbers are kept up to 2^53 - 1, as every other reader of JSON can
 * (RFC 7493, 2.2), unless an exponent says that no more digits are meant.
 */
function checkSource(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined) return value
  const isKept = /^-?\d+$/.test(source)
    ? Number.isSafeInteger(value)
    : significant(source) === significant(String(value))
  if (!isKept)
    throw refused('The body contains a number that cannot be kept exactly; send it with fewer digits, or as a string.')
  return value
}

/** One spelling for each decimal value: its digits without zeros at either end, and the power of ten of the last. */
function significant(decimal: string): string {
  const [mantissa = '', exponent = '0'] = decimal.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  return kept === '' ? '0' : `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}

const refused = (message: string) => new DomainError('invalid-input', message)
