/** Validators of single resources and groups: they carry the version, and belong to one user, object and permission. */
import { createHash } from 'node:crypto'
import type { ListCondition } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { HttpError } from './problem.ts'

export interface Tagged {
  readonly id: string
  readonly version: number
  readonly updatedAt: Date | string
}

/**
 * `"<version>.<time>.<permission>.<hash>"`. The time tells apart two histories of a restored database;
 * the hash makes a tag that was made for another caller or object worthless, and is not a secret.
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

/** The headers that make a change conditional (RFC 9110, 13.1). */
export interface Conditions {
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
}

/**
 * What the headers make of a change to one object. The transaction compares the version of `If-Match` with the one it
 * finds, so that nothing can come between. `If-None-Match` needs no such care: a version that is not current now never
 * will be again.
 * @param read the object as it is now; asked only when there is a condition
 * @throws DomainError `version-mismatch` when a condition does not hold, `not-found` without an object
 */
export async function versionToMatch(
  { 'if-match': ifMatch, 'if-none-match': ifNoneMatch }: Conditions,
  caller: string,
  read: () => Promise<{ id: string; version: number } | null>,
): Promise<{ ifVersion?: number }> {
  if (ifMatch === undefined && ifNoneMatch === undefined) return {}
  const current = await read()
  if (current === null) throw new DomainError('not-found', 'there is no current version to compare with')
  const isCurrent = (tag: string) => versionOf(tag, caller, current.id) === current.version
  const holds = (tags: Tags) => tags === '*' || tags.some(isCurrent)
  if (ifMatch !== undefined && !holds(tagsIn(ifMatch)))
    throw new DomainError('version-mismatch', 'The version you name in If-Match is not the current one.')
  if (ifNoneMatch !== undefined && holds(tagsIn(ifNoneMatch)))
    throw new DomainError('version-mismatch', 'The version you name in If-None-Match is the current one.')
  return ifMatch === undefined || ifMatch.trim() === '*' ? {} : { ifVersion: current.version }
}

/** Strong tags, quoted; or all of them. */
export type Tags = '*' | readonly string[]

const TAG_OR_WORD = /(?:W\/)?"[^"]*"|[^\s,]+/g
/** Suffixes that servers append to a tag when they compress: Apache, Caddy, Jetty. */
const CODING = /-{1,2}(gzip|br|zstd|deflate)"$/

/**
 * The tags of `If-Match` or `If-None-Match`, as they were given out. A proxy that compresses makes a tag weak (nginx,
 * Cloudflare) or appends the coding; RFC 9110 would then let no `If-Match` hold. Here a tag names a state of the data,
 * not bytes, so it still counts.
 * @throws HttpError `malformed-request` for `*` beside tags: one of the two would be ignored
 */
export function tagsIn(condition: string): Tags {
  if (condition.trim() === '*') return '*'
  const tags = condition.match(TAG_OR_WORD) ?? []
  if (tags.some((tag) => tag === '*'))
    throw new HttpError('malformed-request', 'If-Match and If-None-Match are * or a list of tags.')
  return tags.flatMap((tag) => {
    const strong = tag.replace(/^W\//, '')
    // A tag of ours may end like that by chance.
    return CODING.test(strong) ? [strong, strong.replace(CODING, '"')] : [strong]
  })
}

/** Undefined if the tag was not made for this caller and object. */
function versionOf(tag: string, caller: string, id: string): number | undefined {
  const parts = /^"((\d{1,10})\.[0-9a-z]{1,12}\.[a-z]{1,10})\.([\w-]{16})"$/.exec(tag)
  const [, plain, version, hash] = parts ?? []
  return plain !== undefined && hash === signature(caller, id, plain) ? Number(version) : undefined
}

/** Headers of the calls that replace a list, and of those that put one thing without a tag of its own. */
export const LIST_CONDITIONS = {
  'if-match':
    'The ETag of the list you have read, or `*`. Without it the list may only add: 428; 412 when the list is another now.',
  'if-none-match': 'Not for lists: `*` is always 412, because there always is one; tags are ignored.',
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
export function statesToMatch(
  { 'if-match': ifMatch, 'if-none-match': ifNoneMatch }: Conditions,
  caller: string,
  list: List,
): { condition?: ListCondition } {
  if (ifNoneMatch !== undefined && tagsIn(ifNoneMatch) === '*')
    throw new DomainError('version-mismatch', 'A group always has this list, even if it is empty.')
  if (ifMatch === undefined) return {}
  const tags = tagsIn(ifMatch)
  if (tags === '*') return { condition: '*' }
  const states = tags.flatMap((tag) => {
    const [, state, hash] = /^"([0-9a-f]{24})\.([\w-]{16})"$/.exec(tag) ?? []
    return state !== undefined && hash === signature(caller, list, state) ? [state] : []
  })
  if (states.length > 0) return { condition: states }
  throw new DomainError('version-mismatch', 'No tag in If-Match was issued to you for this list.')
}

/**
 * For what has no tag of its own: `If-None-Match: *` creates and never changes, `If-Match: *` the other way round.
 * @throws DomainError `version-mismatch` for a tag, because none can match
 */
export function existenceToMatch(headers: Conditions): {
  mustExist?: boolean
} {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  if (ifMatch !== undefined && tagsIn(ifMatch) !== '*')
    throw new DomainError(
      'version-mismatch',
      'This has no entity tag that If-Match could name; only * has a meaning here.',
    )
  if (ifMatch !== undefined) return { mustExist: true }
  return ifNoneMatch !== undefined && tagsIn(ifNoneMatch) === '*' ? { mustExist: false } : {}
}
