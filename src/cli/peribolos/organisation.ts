/** An organisation as its files describe it, checked, before it becomes users, groups and grants. */
import type { MembershipRole, Permission } from '../../domain/model.ts'
import type { Place } from './findings.ts'

/** Logins compare without case, so the id is the lower-cased one. */
export interface Login {
  readonly id: string
  readonly written: string
}

export interface Team {
  readonly name: string
  readonly place: Place
  /** The name of the team it is nested in. */
  readonly parent: string | null
  readonly members: readonly (Login & { readonly role: MembershipRole })[]
  readonly repositories: readonly TeamRepository[]
  /** Names it had before. */
  readonly previously: readonly string[]
}

export interface TeamRepository {
  readonly name: string
  /** `none` names the repository and gives nothing. */
  readonly permission: Permission | 'none'
}

export interface Repository {
  readonly name: string
  readonly description: string | null
  readonly previously: readonly string[]
  readonly collaborators: readonly (Login & { readonly permission: Permission })[]
}

export interface OrganisationFile {
  readonly name: string
  readonly place: Place
  readonly admins: readonly Login[]
  readonly members: readonly Login[]
  /** `default_repository_permission`; undefined where the file leaves it to the organisation's settings. */
  readonly defaultPermission: Permission | 'none' | undefined
  /** The organisation's own list, where it keeps one. */
  readonly repositories: readonly Repository[]
  readonly teams: readonly Team[]
}
