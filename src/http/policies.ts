/** Who may call what: one policy per route, named in its declaration. Nothing is allowed that no policy allows. */
import type { Portcullis, ReadContext } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { type GroupId, PERMISSIONS, type Permission, type Ref, type ResourceId, type UserId } from '../domain/model.ts'
import type { Caller } from './caller.ts'

export interface Policy {
  /** Its text in the API's documentation. */
  readonly who: string
  /** Whether a token is needed at all; false only for health, metrics and documentation. */
  readonly authenticated: boolean
  /**
   * Whether the roles in the token can make a difference. Then a disabled user loses them first; for everyone's own
   * reads that lookup is not needed, because a disabled user sees nothing anyway.
   */
  readonly usesRoles: boolean
  /** The token's roles alone decide: a caller without them is refused before the body has arrived. */
  readonly rolesDecide?: true
  /**
   * @param terms of the request: a caller that must see a mutation must see it in its own permissions too
   * @returns the caller's permission on the resource of the path, where it had to be looked up
   * @throws DomainError `forbidden`, or `not-found` where even the existence is hidden
   */
  readonly check?: (
    caller: Caller,
    params: unknown,
    portcullis: Portcullis,
    terms: ReadContext,
  ) => Promise<Permission | undefined> | Promise<void> | void
}

export const anyone: Policy = { who: 'anyone', authenticated: false, usesRoles: false }

export const anyUser: Policy = { who: 'any user', authenticated: true, usesRoles: false }

/** The same for a call that returns the roles. */
export const anyUserWithRoles: Policy = { ...anyUser, usesRoles: true }

export const admin: Policy = {
  who: 'admin',
  authenticated: true,
  usesRoles: true,
  rolesDecide: true,
  check: (caller) => permit(caller.isAdmin),
}

export const cacheAdmin: Policy = {
  who: 'cache admin',
  authenticated: true,
  usesRoles: true,
  rolesDecide: true,
  check: (caller) => permit(caller.isCacheAdmin),
}

/** Identity providers keep users and groups in step. */
export const provisioner: Policy = {
  who: 'scim or admin',
  authenticated: true,
  usesRoles: true,
  rolesDecide: true,
  check: (caller) => permit(caller.isAdmin || caller.roles.includes('scim')),
}

/**
 * The user named in the path, and callers that may ask about anyone. Others learn nothing, not even whether the user
 * exists.
 */
export const selfOrReader: Policy = {
  who: 'self, reader or admin',
  authenticated: true,
  usesRoles: true,
  check: (caller, params) => permit(caller.isReader || (params as { id: UserId }).id === caller.id),
}

/** Reading groups: admins, and maintainers of any group. */
export const anyMaintainerOrAdmin: Policy = {
  who: 'admin, or a maintainer of a group',
  authenticated: true,
  usesRoles: true,
  async check(caller, _params, portcullis, terms) {
    if (caller.isAdmin) return
    const { groups } = await portcullis.reads.effectiveGroups(caller.id, terms)
    permit(groups.some((group) => group.role === 'maintainer'))
  },
}

/** The same refusal whether the group is another's or does not exist. */
export const maintainerOfGroupOrAdmin: Policy = {
  who: 'admin, or a maintainer of the group',
  authenticated: true,
  usesRoles: true,
  async check(caller, params, portcullis) {
    if (caller.isAdmin) return
    permit((await portcullis.reads.roleIn(caller.id, (params as { id: Ref<GroupId> }).id)) === 'maintainer')
  },
}

/** An own permission on the resource that the path names, at least this high; or an admin. */
export function onResource(least: Permission, parameter: 'id' | 'resourceId' = 'id'): Policy {
  return {
    who: `\`${least}\` on the resource, or admin`,
    authenticated: true,
    usesRoles: true,
    async check(caller, params, portcullis) {
      if (caller.isAdmin) return undefined
      const ref = (params as Record<typeof parameter, Ref<ResourceId>>)[parameter]
      const held = await portcullis.reads.permissionOn(caller.id, ref)
      // Hidden and absent are one answer; only a caller that sees the resource may learn that it may not be changed.
      if (held === null) throw new DomainError('not-found', 'no such resource')
      permit(PERMISSIONS.indexOf(held) >= PERMISSIONS.indexOf(least))
      return held
    },
  }
}

/** The same for a call that changes nothing: callers that may ask about anyone may do it too. */
export function readingResource(least: Permission): Policy {
  const own = onResource(least)
  return {
    ...own,
    who: `\`${least}\` on the resource, reader or admin`,
    check: (caller, ...rest) => (caller.isReader ? undefined : own.check?.(caller, ...rest)),
  }
}

/** Decided by the handler, because the body names the subject: see `permitAboutUsers`. */
export const aboutOneself: Policy = {
  who: 'any user about themselves; reader or admin about anybody',
  authenticated: true,
  usesRoles: false,
}

/**
 * The one subject that a caller without a role may ask about is the caller.
 * @returns what the answer must wait for, where there is something
 */
export function permitAboutUsers(
  subjects: readonly { readonly type: string; readonly id: string }[],
  caller: Caller,
  portcullis: Portcullis,
  terms: ReadContext,
): Promise<void> | undefined {
  if (subjects.every(({ type, id }) => type === 'user' && id === caller.id)) return undefined
  return permitAboutAnybody(caller, portcullis, terms)
}

/** Asked for each question of a gateway, so the cache says whether the caller is disabled. */
export function permitAboutAnybody(caller: Caller, { access }: Portcullis, terms: ReadContext): Promise<void> {
  permit(caller.isReader)
  return access
    .isDisabled(caller.id, terms)
    .catch(whileNobodyCanBe)
    .then((disabled) => permit(!disabled))
}

/** For policies that a handler decides itself, because they depend on the data. */
export function decidedByHandler(who: string): Policy {
  return { who, authenticated: true, usesRoles: true }
}

export function permit(allowed: boolean): void {
  if (!allowed) throw new DomainError('forbidden', 'not allowed')
}

/**
 * A token outlives the moment its owner is disabled. While the database cannot be asked the roles count:
 * nobody can be disabled through it either, and people who look after a sick fleet need the state of the cache then.
 */
export async function withoutRolesIfDisabled(caller: Caller, { reads }: Portcullis): Promise<Caller> {
  if (caller.roles.length === 0) return caller
  try {
    const user = await reads.user(caller.id)
    return user?.disabled ? { ...caller, roles: [], isAdmin: false, isCacheAdmin: false, isReader: false } : caller
  } catch (error) {
    whileNobodyCanBe(error)
    return caller
  }
}

/** Nobody is disabled through a database that cannot be asked. @throws any other error */
function whileNobodyCanBe(error: unknown): false {
  if (error instanceof DomainError && error.code === 'database-unavailable') return false
  throw error
}
