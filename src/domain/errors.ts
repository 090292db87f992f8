/** Everything the domain refuses, with one literal code each; `http/problem.ts` maps codes to status and problem type. */

export type DomainErrorCode =
  | 'not-found'
  | 'already-exists'
  | 'unknown-user'
  | 'unknown-group'
  | 'unknown-resource'
  | 'group-cycle'
  | 'group-too-deep'
  | 'version-mismatch'
  | 'precondition-required'
  | 'invalid-input'
  | 'end-in-the-past'
  | 'forbidden'
  | 'overloaded'
  | 'database-unavailable'
  | 'database-slow'
  | 'database-locked'
  | 'database-full'
  | 'database-read-only'
  | 'database-misconfigured'
  | 'database-failing'
  | 'token-malformed'
  | 'token-other-history'
  | 'idempotency-in-progress'
  | 'idempotency-other-body'

export interface FieldProblem {
  /** Where: a JSON pointer (`/grants/0/group`) or a query parameter's name. */
  readonly path: string
  readonly message: string
}

/** The most problems that one answer names; more would not help. */
export const PROBLEMS_MAX = 200

export class DomainError extends Error {
  readonly code: DomainErrorCode
  readonly problems: readonly FieldProblem[]
  /** For temporary refusals: when to retry, in seconds. */
  readonly retryAfterSeconds: number | undefined
  constructor(
    code: DomainErrorCode,
    message: string,
    options: ErrorOptions & { problems?: readonly FieldProblem[]; retryAfterSeconds?: number } = {},
  ) {
    super(message, options)
    this.name = 'DomainError'
    this.code = code
    this.problems = options.problems ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Why SCIM refuses a request, where that has a name (RFC 7644, table 9). */
export type ScimType = 'invalidFilter' | 'invalidSyntax' | 'invalidPath' | 'noTarget' | 'invalidValue' | 'mutability'

export class ScimError extends DomainError {
  readonly scimType: ScimType
  constructor(scimType: ScimType, message: string, options: ErrorOptions = {}) {
    super('invalid-input', message, options)
    this.name = 'ScimError'
    this.scimType = scimType
  }
}
