/** Validators of single resources and groups: they carry the version, and belong to one user, object and permission. */
import { createHash } from 'node:crypto'
import type { ListCondition } from '../domain/api.ts'
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

/** Headers of the calls that replace a list, and of those that put one thing without a tag of its own. */
export const LIST_CONDITIONS = {
  'if-match':
    'The ETag of the list you have read, or `*`. Without it the list may only add: 428; 412 when the list is another now.',
}
export const PUT_CONDITIONS = {
  'if-match': '`*`: only if there is one already; else 412.',
  'if-none-match': '`*`: only if there is none yet; else 412.',
}

type List = 'members' | 'grants'

/** The tag of a list that can be replaced as a whole, `"<state>.<hash>"`. The state tells groups apart: it covers their ids. */
export function listTag(caller: string, list: List, state: string): string {
  return `"${state}.${signature(caller, list, state)}"`
}

/**
 * The states of a list that `If-Match` allows it to be in; the transaction compares them with the one it finds.
 * @throws DomainError `version-mismatch` when no tag is one of this caller's for this list
 */
export function statesToMatch(ifMatch: string | undefined, caller: string, list: List): { condition?: ListCondition } {
  if (ifMatch === undefined) return {}
  if (ifMatch.trim() === '*') return { condition: '*' }
  const states = ifMatch.split(',').flatMap((tag) => {
    const [, state, hash] = /^"([0-9a-f]{24})\.([\w-]{16})"$/.exec(tag.trim()) ?? []
    return state !== undefined && hash === signature(caller, list, state) ? [state] : []
  })
  if (states.length > 0) return { condition: states }
  throw new DomainError('version-mismatch', 'No tag in If-Match is one that you were given for this list.')
}

/**
 * For what has no tag of its own: `If-None-Match: *` creates and never changes, `If-Match: *` the other way round.
 * @throws DomainError `version-mismatch` for a tag, because none can match
 */
export function existenceToMatch(headers: { 'if-match'?: string | undefined; 'if-none-match'?: string | undefined }): {
  mustExist?: boolean
} {
  const ifMatch = headers['if-match']?.trim()
  if (ifMatch !== undefined && ifMatch !== '*')
    throw new DomainError(
      'version-mismatch',
      'This has no entity tag that If-Match could name; only * has a meaning here.',
    )
  if (ifMatch === '*') return { mustExist: true }
  return headers['if-none-match']?.trim() === '*' ? { mustExist: false } : {}
}
