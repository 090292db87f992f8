/** Looks up what a mutation's input refers to, and refuses missing objects. */
import { DomainError } from '../errors.ts'
import type { Ref } from '../model.ts'

export function named(ref: Ref<string>): string {
  return 'id' in ref ? ref.id : ref.name
}

/** @throws DomainError `not-found` for what the path names */
export function required<T>(found: T | null, ref: Ref<string>): T {
  if (found === null) throw new DomainError('not-found', `${named(ref)} does not exist`)
  return found
}

/**
 * What the body refers to at a JSON pointer; without one, what the path names in addition to the object that changes.
 * @throws DomainError `unknown-group` or `unknown-resource`
 */
export function referred<T>(
  found: T | null | undefined,
  code: 'unknown-group' | 'unknown-resource',
  { ref, pointer }: { ref: Ref<string>; pointer?: string },
): T {
  if (found !== null && found !== undefined) return found
  const message = `${named(ref)} does not exist`
  throw new DomainError(code, message, {
    ...(pointer !== undefined && { problems: [{ path: pointer, message: 'does not exist' }] }),
  })
}

/** @throws DomainError `version-mismatch` */
export function checkVersion(version: number, expected: number | undefined): void {
  if (expected !== undefined && expected !== version)
    throw new DomainError('version-mismatch', `the current version is ${version}, the request expects ${expected}`)
}

/** @throws DomainError `version-mismatch` if the object exists and must not, or the other way round */
export function checkExistence(exists: boolean, mustExist: boolean | undefined): void {
  if (mustExist === undefined || mustExist === exists) return
  throw new DomainError(
    'version-mismatch',
    mustExist
      ? 'There is none yet, and If-Match insists on one.'
      : 'There is one already, and If-None-Match rules that out.',
  )
}
