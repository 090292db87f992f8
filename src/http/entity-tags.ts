/** Validators of single resources and groups: they carry the version, and belong to one user, object and permission. */
import { createHash } from 'node:crypto'
import { DomainError } from '../domain/errors.ts'

export interface Tagged {
  readonly id: string
  readonly version: number
  readonly updatedAt: Date | string
}

/**
 * `"<version>.<time>.<permission>.<hash>"`. The time tells apart two histories of a restored database;
 * the hash makes a tag that was made for another caller or object worthless, and is no secret.
 */
export function entityTag(caller: string, object: Tagged, permission: string | null = null): string {
  const time = new Date(object.updatedAt).getTime().toString(36)
  const plain = `${object.version}.${time}.${permission ?? 'none'}`
  return `"${plain}.${signature(caller, object.id, plain)}"`
}

function signature(caller: string, id: string, plain: string): string {
  return createHash('sha256')
    .update(JSON.stringify([caller, id, plain]))
    .digest('base64url')
    .slice(0, 16)
}

/**
 * The version that `If-Match` insists on; undefined when the header is absent or `*`. The transaction compares it
 * with the version it finds, so that nothing can come between.
 * @param current the version read just now, which decides between several tags
 * @throws DomainError `version-mismatch` when no tag is one of this caller's for this object
 */
export function versionToMatch(
  ifMatch: string | undefined,
  caller: string,
  current: { id: string; version: number },
): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined
  const versions = ifMatch.split(',').flatMap((tag) => {
    // A weak tag never matches here (RFC 9110, 13.1.1), hence no allowance for W/.
    const parts = /^"((\d{1,10})\.[0-9a-z]{1,12}\.[a-z]{1,10})\.([\w-]{16})"$/.exec(tag.trim())
    const [, plain, version, hash] = parts ?? []
    return plain !== undefined && hash === signature(caller, current.id, plain) ? [Number(version)] : []
  })
  if (versions.includes(current.version)) return current.version
  throw new DomainError('version-mismatch', 'The version you name in If-Match is not the current one.')
}
