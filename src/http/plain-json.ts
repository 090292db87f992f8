/** Reads a request body: strict UTF-8, JSON, and nothing in it that could not be stored and read back the same. */
import { DomainError } from '../domain/errors.ts'
import { HttpError } from './problem.ts'

/** Deeper than any document of ours, far from where recursion over it could overflow a stack. */
const MAX_DEPTH = 32

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * @throws HttpError `malformed-request` for what is not JSON in UTF-8
 * @throws DomainError `invalid-input` for JSON that is too deep or holds what cannot be kept exactly
 */
export function parsePlainJson(bytes: Uint8Array): unknown {
  const value = parse(bytes)
  inspect(value)
  return value
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new HttpError('malformed-request', 'The body is not JSON in UTF-8.', { cause })
  }
}

/** Iterative on purpose: a hostile body chooses the depth. */
function inspect(root: unknown): void {
  const pending: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, depth } = next
    if (typeof value === 'string') checkText(value)
    else if (typeof value === 'number') checkNumber(value)
    else if (value !== null && typeof value === 'object') {
      if (depth > MAX_DEPTH) throw refused(`The body is nested more than ${MAX_DEPTH} deep.`)
      for (const [key, child] of Object.entries(value)) {
        checkKey(key)
        pending.push({ value: child, depth: depth + 1 })
      }
    }
  }
}

/** PostgreSQL cannot hold NUL; half a surrogate pair has no UTF-8 form and would come back as another character. */
function checkText(text: string): void {
  if (text.includes('\u0000')) throw refused('The body contains a NUL character.')
  if (!text.isWellFormed()) throw refused('The body contains half of a surrogate pair.')
}

function checkKey(key: string): void {
  checkText(key)
  // Harmless while parsed, but an assignment in any later copy of the object would set the prototype instead.
  if (key === '__proto__') throw refused('The body contains a member called __proto__.')
}

/** `1e999` reads as Infinity, which JSON cannot write. */
function checkNumber(number: number): void {
  if (!Number.isFinite(number)) throw refused('The body contains a number that is too large.')
}

const refused = (message: string) => new DomainError('invalid-input', message)
