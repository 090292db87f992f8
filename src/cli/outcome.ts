/** How a command can end: each error class has an exit code that scripts can rely on. */
import { InvalidPathError, RefusedError, UnreachableError } from '../client/index.ts'
import { isLoopback } from './loopback.ts'
import { printable } from './table.ts'

export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const

/** The arguments, or a file that they name, are invalid; nothing was sent. */
export class UsageError extends Error {}

/** RFC 9457 for people: what, why, and every single error with its place. */
function describeProblem({ status, problem, requestId }: RefusedError): string {
  const { title = 'The request was refused', detail, errors = [] } = problem
  return [
    `${title} (${status})${detail && detail !== title ? `: ${detail}` : ''}`,
    ...errors.map(({ detail: why = '', pointer, parameter, header }) => {
      const where = pointer ?? parameter ?? header
      return where === undefined ? `  ${why}` : `  ${where}  ${why}`
    }),
    ...(status >= 500 && requestId !== null ? [`  request id: ${requestId}`] : []),
  ]
    .map(printable)
    .join('\n')
}

/** @returns the exit code for a thrown value, after reporting on standard error what went wrong */
export function reportFailure(error: unknown, say: (text: string) => void, form: 'text' | 'json' = 'text'): number {
  const exitCode = exitCodeOf(error) ?? EXIT.refused
  say(form === 'json' ? JSON.stringify({ error: failureForScripts(error, exitCode) }) : failureForPeople(error))
  return exitCode
}

/** Undefined for an unexpected error. */
function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof UsageError || error instanceof InvalidPathError) return EXIT.usage
  if (error instanceof RefusedError) return EXIT.refused
  return error instanceof UnreachableError ? EXIT.unreachable : undefined
}

function failureForPeople(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return exitCodeOf(error) === undefined ? (error.stack ?? error.message) : messageOf(error)
}

function messageOf(error: Error): string {
  if (error instanceof RefusedError) return describeProblem(error)
  if (error instanceof InvalidPathError) return `${error.message}; such a user can be managed by import only`
  const isAway = error instanceof UnreachableError && isLoopback(error.url)
  return isAway ? `${error.message}. Is it running? (npm start)` : error.message
}

function failureForScripts(error: unknown, exitCode: number): object {
  const kind = Object.entries(EXIT).find(([, code]) => code === exitCode)?.[0]
  const message = error instanceof Error ? messageOf(error) : String(error)
  return {
    kind: exitCodeOf(error) === undefined ? 'internal' : kind,
    exitCode,
    message,
    ...(error instanceof RefusedError && { status: error.status, problem: error.problem }),
  }
}
