/** Parses a query string strictly: a value that cannot be decoded, or a name given twice, is an error and not a guess. */
import { DomainError } from '../domain/errors.ts'

const EMPTY: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** @throws DomainError `invalid-input` */
export function parseQueryString(url: string): Readonly<Record<string, string>> {
  const start = url.indexOf('?')
  if (start === -1 || start === url.length - 1) return EMPTY
  const values: Record<string, string> = Object.create(null)
  for (const part of url.slice(start + 1).split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decoded(equals === -1 ? part : part.slice(0, equals))
    if (name in values) throw refused(name, 'is given more than once')
    values[name] = equals === -1 ? '' : decoded(part.slice(equals + 1))
  }
  return values
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new DomainError('invalid-input', 'The query string is not percent-encoded UTF-8.', { cause })
  }
}

function refused(name: string, message: string): DomainError {
  return new DomainError('invalid-input', 'The query does not match the schema.', {
    problems: [{ path: name, message }],
  })
}
