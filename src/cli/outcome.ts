/** How a command can end: each error class has an exit code that scripts can rely on. */
import { printable } from './table.ts'

export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const

/** The arguments, or a file they name, cannot be used; nothing was sent. */
export class UsageError extends Error {
  readonly exitCode = EXIT.usage
}

/** No answer: whether a change was made is not known. */
export class UnreachableError extends Error {
  readonly exitCode = EXIT.unreachable
}

export interface ProblemDetails {
  readonly title?: string
  readonly detail?: string
  readonly type?: string
  readonly errors?: readonly {
    readonly detail?: string
    readonly pointer?: string
    readonly parameter?: string
    readonly header?: string
  }[]
}

/** The service refused. */
export class RefusedError extends Error {
  readonly exitCode = EXIT.refused
  readonly status: number
  readonly problem: ProblemDetails
  constructor(status: number, problem: ProblemDetails, requestId: string | null) {
    super(describeProblem(status, problem, requestId))
    this.status = status
    this.problem = problem
  }
}

/** RFC 9457 for people: what, why, and every single error with its place. */
function describeProblem(status: number, problem: ProblemDetails, requestId: string | null): string {
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

/** @returns the exit code for a thrown value, after saying on standard error what went wrong */
export function reportFailure(error: unknown, say: (text: string) => void, form: 'text' | 'json' = 'text'): number {
  const exitCode = isExpected(error) ? error.exitCode : EXIT.refused
  say(form === 'json' ? JSON.stringify({ error: failureForScripts(error, exitCode) }) : failureForPeople(error))
  return exitCode
}

const isExpected = (error: unknown): error is UsageError | RefusedError | UnreachableError =>
  error instanceof UsageError || error instanceof RefusedError || error instanceof UnreachableError

function failureForPeople(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return isExpected(error) ? error.message : (error.stack ?? error.message)
}

/** What the service said is passed on whole. */
function failureForScripts(error: unknown, exitCode: number): object {
  const kind = Object.entries(EXIT).find(([, code]) => code === exitCode)?.[0]
  const message = error instanceof Error ? error.message : String(error)
  return {
    kind: isExpected(error) ? kind : 'internal',
    exitCode,
    message,
    ...(error instanceof RefusedError && { status: error.status, problem: error.problem }),
  }
}
